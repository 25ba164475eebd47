"""Reading sources."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity.errors import NotFound
from trinity.store.database import Row, Tx

PAGE_MAX = 200
RELEASED_MAX = 20
_SELECT = """
    select id, project_id, origin, title, body, sha256, size_bytes, release_state, decided_by, decided_at, created_at
    from sources
"""


@dataclass(frozen=True, slots=True)
class Source:
    """Text with an origin; `release_state` is `quarantined`, `released` or `rejected`."""

    id: UUID
    project_id: UUID
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


async def list_sources(tx: Tx, project_id: UUID) -> list[Source]:
    """A project's sources, newest first: for people."""
    rows = await tx.all(f"{_SELECT} where project_id = %(p)s order by id desc limit {PAGE_MAX}", {"p": project_id})
    return [_source(row) for row in rows]


async def list_released(tx: Tx, project_id: UUID) -> list[Source]:
    """What people released in a project, newest first: all that an agent may read."""
    rows = await tx.all(
        f"{_SELECT} where project_id = %(p)s and release_state = 'released' order by id desc limit {RELEASED_MAX}",
        {"p": project_id},
    )
    return [_source(row) for row in rows]


def _source(row: Row) -> Source:
    body = bytes(row.pop("body"))
    return Source(**row, text=body.decode())
