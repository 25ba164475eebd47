"""Reading evidence."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity.kit.canonical import Json, parse_strict
from trinity.kit.ids import uuid7_floor
from trinity.store.database import Row, Tx

PAGE_MAX = 500


@dataclass(frozen=True, slots=True)
class Event:
    """One audit event. `facts` are exactly what is stored, parsed; `facts_bytes` are the bytes themselves."""

    id: UUID
    kind: str
    actor_kind: str
    actor_id: str
    subject_kind: str
    subject_id: UUID | None
    facts: Json
    facts_bytes: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that people must look at; `severity` is `warning` or `critical`."""

    id: UUID
    kind: str
    subject_id: UUID | None
    facts: dict[str, object]
    severity: str
    created_at: datetime


async def list_events(
    tx: Tx, *, after: UUID | None = None, subject_ids: list[UUID] | None = None, limit: int = 100
) -> list[Event]:
    """Events in order of their ids, after one of them, of all or of some subjects."""
    rows = await tx.all(
        """
        select id, kind, actor_kind, actor_id, subject_kind, subject_id, facts, created_at from audit_events
        where (%(after)s::uuid is null or id > %(after)s) and (%(some)s::uuid[] is null or subject_id = any(%(some)s))
        order by id limit %(limit)s
        """,
        {"after": after, "some": subject_ids, "limit": min(limit, PAGE_MAX)},
    )
    return [_event(row) for row in rows]


async def has_event_since(tx: Tx, kind: str, since: datetime) -> bool:
    """Whether an event of this kind was written since a moment."""
    return bool(
        await tx.value(
            "select exists (select 1 from audit_events where kind = %(kind)s and id >= %(since)s)",
            {"kind": kind, "since": uuid7_floor(since)},
        )
    )


async def list_incidents(tx: Tx, *, limit: int = 50) -> list[Incident]:
    """The newest incidents first."""
    rows = await tx.all(
        "select id, kind, subject_id, facts, severity, created_at from incidents order by id desc limit %(limit)s",
        {"limit": min(limit, PAGE_MAX)},
    )
    return [Incident(**row) for row in rows]


def _event(row: Row) -> Event:
    facts = bytes(row["facts"])
    return Event(**(row | {"facts": parse_strict(facts)}), facts_bytes=facts)
