"""Writing evidence."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from trinity.kit.actor import Actor
from trinity.kit.canonical import canonical_bytes, commitment_hex
from trinity.kit.ids import uuid7
from trinity.store.database import Tx

SALT_BYTES = 16

INSERT_SELECT = """
    insert into audit_events (account_id, id, kind, actor_kind, actor_id, subject_kind, subject_id,
                              facts, private, salt, created_at)
    select %(account_id)s, %(event_id)s, %(event_kind)s, %(actor_kind)s, %(actor_id)s, %(subject_kind)s,
           %(subject_id)s::uuid, %(facts)s, %(private)s::bytea, %(salt)s, %(event_at)s
"""
"""Completed with `from …` by statements that write the event only together with what it describes."""


def event_params(
    actor: Actor,
    kind: str,
    subject: tuple[str, UUID | None],
    now: datetime,
    facts: Mapping[str, object],
    private: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """The parameters of `INSERT_SELECT`."""
    salt = secrets.token_bytes(SALT_BYTES)
    hidden = canonical_bytes(private) if private else None
    said = dict(facts) | ({"private_commitment": commitment_hex(salt, hidden)} if hidden else {})
    return {
        "account_id": actor.account_id,
        "event_id": uuid7(now),
        "event_kind": kind,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "subject_kind": subject[0],
        "subject_id": subject[1],
        "facts": canonical_bytes(said),
        "private": hidden,
        "salt": salt,
        "event_at": now,
    }


async def record(
    tx: Tx,
    actor: Actor,
    kind: str,
    subject: tuple[str, UUID | None],
    now: datetime,
    facts: Mapping[str, object],
    private: Mapping[str, object] | None = None,
) -> None:
    """Write one event. `kind` is `noun.verb`; `facts` hold ids, digests and enumerations, `private` the personal rest."""
    await tx.execute(INSERT_SELECT, event_params(actor, kind, subject, now, facts, private))


async def record_incident(
    tx: Tx, kind: str, subject_id: UUID | None, now: datetime, facts: Mapping[str, object], *, is_critical: bool
) -> None:
    """Write an incident: something that people must look at."""
    await tx.execute(
        "insert into incidents (account_id, id, kind, subject_id, facts, severity, created_at)"
        " values (%(account)s, %(id)s, %(kind)s, %(subject)s, %(facts)s, %(severity)s, %(now)s)",
        {
            "account": tx.account_id,
            "id": uuid7(now),
            "kind": kind,
            "subject": subject_id,
            "facts": Jsonb(dict(facts)),
            "severity": "critical" if is_critical else "warning",
            "now": now,
        },
    )
    tx.notify("incidents")
