"""Taking content in, and releasing or rejecting it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity import accounts, audit
from trinity.accounts import Permission
from trinity.errors import NotFound, Refused
from trinity.kit.actor import Actor
from trinity.kit.canonical import digest_hex, is_text
from trinity.kit.ids import uuid7
from trinity.sources.models import ORIGINS
from trinity.store.database import Job, Tx

BODY_BYTES_MAX = 200_000
TITLE_MAX = 200
DECIDED_JOB = "trinity.jobs.models.SourceDecided"
DECIDED_QUEUE = "general"
DECIDED_ATTEMPTS_MAX = 20


@dataclass(frozen=True, slots=True)
class NewSource:
    """Text to take in. `origin` is one of `models.ORIGINS`; `contact_id` is the person whose text it is, if it is one's."""

    project_id: UUID
    origin: str
    title: str
    text: str
    contact_id: UUID | None = None


async def add_source(tx: Tx, actor: Actor, new: NewSource, now: datetime) -> UUID:
    """Store text, quarantined whatever its origin: there is no trusted origin."""
    if new.origin not in ORIGINS:
        raise Refused("invalid_origin", f"No such origin: {new.origin}.", status=422)
    body = new.text.encode() if is_text(new.text, new.title) else b""
    if not 1 <= len(body) <= BODY_BYTES_MAX or not 1 <= len(new.title) <= TITLE_MAX:
        raise Refused("invalid_source", f"A source has a title and 1 to {BODY_BYTES_MAX} bytes of text.", status=422)
    await accounts.get_project(tx, new.project_id)
    source_id = uuid7(now)
    digest = digest_hex(body)
    await tx.execute(
        """
        insert into sources (account_id, id, project_id, contact_id, origin, title, body, sha256, size_bytes,
                             release_state, created_at)
        values (%(a)s, %(id)s, %(project)s, %(contact)s, %(origin)s, %(title)s, %(body)s, %(sha256)s, %(size)s,
                'quarantined', %(now)s)
        """,
        {
            "a": tx.account_id,
            "id": source_id,
            "project": new.project_id,
            "contact": new.contact_id,
            "origin": new.origin,
            "title": new.title,
            "body": body,
            "sha256": digest,
            "size": len(body),
            "now": now,
        },
    )
    facts = {"origin": new.origin, "sha256": digest, "size_bytes": len(body)}
    await audit.record(tx, actor, "source.added", ("source", source_id), now, facts)
    tx.notify(f"project:{new.project_id}")
    return source_id


async def decide_release(tx: Tx, actor: Actor, source_id: UUID, *, is_released: bool, now: datetime) -> None:
    """A person with the role releases or rejects quarantined text. An agent cannot: 403 `person_required`.

    A job tells the runs that wait for it, because who decides about a text need not know who waits.
    """
    await accounts.demand(tx, actor, Permission.RELEASE)
    row = await tx.one(
        "select release_state, project_id, sha256 from sources where id = %(id)s for update", {"id": source_id}
    )
    if row is None:
        raise NotFound("source")
    wanted = "released" if is_released else "rejected"
    if row["release_state"] == wanted:
        return
    if row["release_state"] != "quarantined":
        raise Refused("already_decided", f"This source is {row['release_state']}.")
    await tx.execute(
        "update sources set release_state = %(state)s, decided_by = %(by)s, decided_at = %(now)s where id = %(id)s",
        {"state": wanted, "by": UUID(actor.id), "now": now, "id": source_id},
    )
    args = {"account_id": str(tx.account_id), "source_id": str(source_id)}
    await tx.enqueue(Job(DECIDED_JOB, DECIDED_QUEUE, args, None, DECIDED_ATTEMPTS_MAX))
    await audit.record(tx, actor, f"source.{wanted}", ("source", source_id), now, {"sha256": row["sha256"]})
    tx.notify(f"project:{row['project_id']}")
