"""Reading sources."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity.errors import NotFound
from trinity.store.database import Row, Tx

PAGE_MAX = 200
RELEASED_MAX = 20
WITHHELD_MAX = 50
_SELECT = """
    select id, project_id, contact_id, origin, title, body, sha256, size_bytes, release_state, decided_by, decided_at,
           created_at
    from sources
"""


@dataclass(frozen=True, slots=True)
class Source:
    """Text with an origin; `release_state` is `quarantined`, `released` or `rejected`.

    `contact_id` is the person whose content it is; None for what is the project's own.
    """

    id: UUID
    project_id: UUID
    contact_id: UUID | None
    origin: str
    title: str
    text: str
    sha256: str
    size_bytes: int
    release_state: str
    decided_by: UUID | None
    decided_at: datetime | None
    created_at: datetime


async def get_source(tx: Tx, source_id: UUID) -> Source:
    """One source, or `NotFound`."""
    row = await tx.one(f"{_SELECT} where id = %(id)s", {"id": source_id})
    if row is None:
        raise NotFound("source")
    return _source(row)


async def hold_source(tx: Tx, source_id: UUID) -> Source:
    """One source, held as it is until this unit of work ends: nobody decides about it meanwhile."""
    row = await tx.one(f"{_SELECT} where id = %(id)s for share", {"id": source_id})
    if row is None:
        raise NotFound("source")
    return _source(row)


async def list_sources(tx: Tx, project_id: UUID) -> list[Source]:
    """A project's sources, newest first: for people."""
    rows = await tx.all(f"{_SELECT} where project_id = %(p)s order by id desc limit {PAGE_MAX}", {"p": project_id})
    return [_source(row) for row in rows]


async def list_of_contact(tx: Tx, contact_id: UUID) -> list[Source]:
    """What came from one person, newest first: for people."""
    rows = await tx.all(
        f"{_SELECT} where contact_id = %(contact)s order by id desc limit {PAGE_MAX}", {"contact": contact_id}
    )
    return [_source(row) for row in rows]


async def list_released(tx: Tx, project_id: UUID) -> list[Source]:
    """What people released in a project, newest first, whoever's it is: for people."""
    rows = await tx.all(
        f"{_SELECT} where project_id = %(p)s and release_state = 'released' order by id desc limit {RELEASED_MAX}",
        {"p": project_id},
    )
    return [_source(row) for row in rows]


async def list_readable(tx: Tx, project_id: UUID, contact_id: UUID | None) -> list[Source]:
    """All that an agent may read who works for a contact: the project's own released text and that person's, newest first.

    The person's own come before the project's when there is more than an agent is told.
    """
    rows = await tx.all(
        f"""{_SELECT} where project_id = %(p)s and release_state = 'released'
            and (contact_id is null or contact_id = %(contact)s::uuid)
            order by contact_id is null, id desc limit {RELEASED_MAX}""",
        {"p": project_id, "contact": contact_id},
    )
    return [_source(row) for row in rows]


async def list_withheld(tx: Tx, project_id: UUID, contact_id: UUID | None) -> list[Source]:
    """What lies in quarantine of all that such an agent might read one day, newest first."""
    rows = await tx.all(
        f"""{_SELECT} where project_id = %(p)s and release_state = 'quarantined'
            and (contact_id is null or contact_id = %(contact)s::uuid) order by id desc limit {WITHHELD_MAX}""",
        {"p": project_id, "contact": contact_id},
    )
    return [_source(row) for row in rows]


def _source(row: Row) -> Source:
    body = bytes(row.pop("body"))
    return Source(**row, text=body.decode())


async def release_states(tx: Tx, source_ids: Sequence[UUID]) -> dict[UUID, str]:
    """How each of these texts stands."""
    rows = await tx.all(
        "select id, release_state from sources where id = any(%(ids)s) limit %(limit)s",
        {"ids": list(source_ids), "limit": len(source_ids)},
    )
    return {row["id"]: row["release_state"] for row in rows}
