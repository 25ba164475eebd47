"""Texts and files as a proof packet holds them: by digest, type and size, with who released them; never their names."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity.store.database import Tx

RECORDS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One text by its digest."""

    id: UUID
    contact_id: UUID | None
    origin: str
    sha256: str
    size_bytes: int
    release_state: str
    decided_by: UUID | None
    decided_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ArtifactRecord:
    """One file by its digest."""

    id: UUID
    contact_id: UUID | None
    run_id: UUID | None
    source_id: UUID | None
    origin: str
    media_type: str
    sha256: str
    size_bytes: int
    release_state: str
    decided_by: UUID | None
    decided_at: datetime | None
    created_at: datetime


async def source_records(
    tx: Tx, project_id: UUID, contact_id: UUID | None, until: datetime | None
) -> list[SourceRecord]:
    """What somebody who works for a contact in a project may be given to read, as it stood by some moment, oldest first."""
    rows = await tx.all(
        f"""
        select id, contact_id, origin, sha256, size_bytes, release_state, decided_by, decided_at, created_at
        from sources
        where project_id = %(project)s and (contact_id is null or contact_id = %(contact)s::uuid)
          and (%(until)s::timestamptz is null or created_at <= %(until)s)
        order by id desc limit {RECORDS_MAX}
        """,
        {"project": project_id, "contact": contact_id, "until": until},
    )
    return [SourceRecord(**row) for row in reversed(rows)]


async def source_records_of(tx: Tx, ids: list[UUID]) -> list[SourceRecord]:
    """Some texts, oldest first."""
    rows = await tx.all(
        f"""
        select id, contact_id, origin, sha256, size_bytes, release_state, decided_by, decided_at, created_at
        from sources where id = any(%(ids)s) order by id limit {RECORDS_MAX}
        """,
        {"ids": ids},
    )
    return [SourceRecord(**row) for row in rows]


async def artifact_records(tx: Tx, *, run_ids: list[UUID], ids: list[UUID]) -> list[ArtifactRecord]:
    """The files that some runs made, and those with some ids, oldest first."""
    rows = await tx.all(
        f"""
        select id, contact_id, run_id, source_id, origin, media_type, sha256, size_bytes, release_state, decided_by,
               decided_at, created_at
        from artifacts where run_id = any(%(runs)s) or id = any(%(ids)s) order by id limit {RECORDS_MAX}
        """,
        {"runs": run_ids, "ids": ids},
    )
    return [ArtifactRecord(**row) for row in rows]
