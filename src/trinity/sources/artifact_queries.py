"""Reading what is known of files."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from trinity.errors import NotFound
from trinity.store.database import Row, Tx

FILES_MAX = 200
RELEASED_FILES_MAX = 50
_SELECT = """
    select id, project_id, contact_id, run_id, source_id, origin, name, media_type, sha256, size_bytes, scan_state,
           release_state, decided_by, decided_at, created_at
    from artifacts
"""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file with an origin. Its name is foreign text; `media_type` is what its bytes were found to be."""

    id: UUID
    project_id: UUID
    contact_id: UUID | None
    run_id: UUID | None
    source_id: UUID | None
    origin: str
    name: str
    media_type: str
    sha256: str
    size_bytes: int
    scan_state: str
    release_state: str
    decided_by: UUID | None
    decided_at: datetime | None
    created_at: datetime

    @property
    def is_released(self) -> bool:
        """True once a person let it out of quarantine."""
        return self.release_state == "released"


@dataclass(frozen=True, slots=True)
class ReleasedFile:
    """All that an agent is told of a file."""

    id: UUID
    name: str
    media_type: str
    size_bytes: int


async def get_artifact(tx: Tx, artifact_id: UUID, *, is_locked: bool = False) -> Artifact:
    """One file, or `NotFound`."""
    lock = " for update" if is_locked else ""
    row = await tx.one(f"{_SELECT} where id = %(id)s{lock}", {"id": artifact_id})
    if row is None:
        raise NotFound("file")
    return _artifact(row)


async def list_artifacts(
    tx: Tx, *, project_id: UUID | None = None, run_id: UUID | None = None, state: str | None = None
) -> list[Artifact]:
    """Files, newest first: for people. Each filter that is given narrows."""
    rows = await tx.all(
        f"""
        {_SELECT}
        where (%(project)s::uuid is null or project_id = %(project)s) and (%(run)s::uuid is null or run_id = %(run)s)
          and (%(state)s::text is null or release_state = %(state)s)
        order by id desc limit {FILES_MAX}
        """,
        {"project": project_id, "run": run_id, "state": state},
    )
    return [_artifact(row) for row in rows]


async def sample_artifacts(tx: Tx, day: date, limit: int) -> list[Artifact]:
    """Some files of the account, by chance, but the same ones all day and others tomorrow."""
    rows = await tx.all(
        f"{_SELECT} order by hashtextextended(id::text, %(day)s), id limit %(limit)s",
        {"day": day.toordinal(), "limit": limit},
    )
    return [_artifact(row) for row in rows]


async def list_released_files(tx: Tx, project_id: UUID, contact_id: UUID | None) -> list[ReleasedFile]:
    """What an agent may know of a project's files: the released ones that are nobody's or its own contact's."""
    rows = await tx.all(
        f"""
        select id, name, media_type, size_bytes from artifacts
        where project_id = %(project)s and release_state = 'released'
          and (contact_id is null or contact_id = %(contact)s)
        order by id desc limit {RELEASED_FILES_MAX}
        """,
        {"project": project_id, "contact": contact_id},
    )
    return [ReleasedFile(**row) for row in rows]


def _artifact(row: Row) -> Artifact:
    return Artifact(**row)
