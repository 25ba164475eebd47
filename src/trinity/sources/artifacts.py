"""Files: taking them in, and a person's release or rejection.

The order of things is what makes a crash harmless. An object is written and synced before the row that names it, so
that there may be objects without a row (nobody can ask for them; the same file taken in again finds its object) but
never a row without its object. A release writes the object to the released area before the row says so, and may be
repeated from any point.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from trinity import accounts, audit
from trinity.accounts import Permission
from trinity.errors import Refused
from trinity.kit.actor import Actor
from trinity.kit.barriers import reached
from trinity.kit.canonical import digest_hex
from trinity.kit.ids import uuid7
from trinity.providers.storage.content import OBJECT_BYTES_MAX, Area, ContentStore, Corrupted
from trinity.settings import Settings
from trinity.sources.artifact_queries import Artifact, get_artifact, sample_artifacts
from trinity.sources.commands import BODY_BYTES_MAX, TITLE_MAX, NewSource, add_source, decide_release
from trinity.sources.kinds import is_readable_text, kind_of
from trinity.sources.models import ORIGINS
from trinity.sources.names import checked_name
from trinity.store.database import Database, Tx

ARTIFACT_BYTES_MAX = OBJECT_BYTES_MAX
STORES_MAX = 4
CHECKED_MAX = 100
"""So many files of an account are read back each night."""
CORRUPTED_INCIDENT = "artifact_corrupted"

type ArtifactStore = ContentStore


@dataclass(frozen=True, slots=True)
class NewArtifact:
    """A file to take in. `media_type` is what its sender declared; `origin` is one of `models.ORIGINS`."""

    project_id: UUID
    name: str
    media_type: str
    data: bytes
    origin: str
    contact_id: UUID | None = None
    run_id: UUID | None = None


def open_store(settings: Settings) -> ArtifactStore:
    """The store that `ARTIFACTS_URL` names, one per process; a local one is made where it is missing."""
    return _store_at(settings.artifacts_url, frozenset(settings.aws.items()))


async def add_artifact(tx: Tx, store: ArtifactStore, actor: Actor, new: NewArtifact, now: datetime) -> UUID:
    """Take a file in, quarantined whatever its origin. A run's same file again is the artifact that is there."""
    if new.origin not in ORIGINS:
        raise Refused("invalid_origin", f"No such origin: {new.origin}.", status=422)
    if not 1 <= len(new.data) <= ARTIFACT_BYTES_MAX:
        raise Refused("invalid_size", f"A file has 1 to {ARTIFACT_BYTES_MAX} bytes.", status=422)
    name = checked_name(new.name)
    kind = kind_of(name, new.media_type, new.data)
    await accounts.get_project(tx, new.project_id)
    sha256 = digest_hex(new.data)
    if new.run_id is not None and (found := await _of_run(tx, new.run_id, name, sha256)):
        return found
    kept = await store.keep("quarantined", new.data)
    reached("artifact.after_object")
    artifact_id = uuid7(now)
    await tx.execute(
        """
        insert into artifacts (account_id, id, project_id, contact_id, run_id, origin, name, media_type, sha256,
                               size_bytes, scan_state, release_state, created_at)
        values (%(a)s, %(id)s, %(project)s, %(contact)s, %(run)s, %(origin)s, %(name)s, %(type)s, %(sha256)s,
                %(size)s, 'not_scanned', 'quarantined', %(now)s)
        """,
        {
            "a": tx.account_id,
            "id": artifact_id,
            "project": new.project_id,
            "contact": new.contact_id,
            "run": new.run_id,
            "origin": new.origin,
            "name": name,
            "type": kind.media_type,
            "sha256": sha256,
            "size": kept.size_bytes,
            "now": now,
        },
    )
    facts = {"origin": new.origin, "sha256": sha256, "size_bytes": kept.size_bytes, "media_type": kind.media_type}
    await audit.record(tx, actor, "artifact.added", ("artifact", artifact_id), now, facts, {"name": name})
    if kept.is_mended:
        await _incident(tx, artifact_id, sha256, "quarantined", "other bytes; replaced by the right ones", now)
    _tell(tx, new.project_id, artifact_id)
    return artifact_id


async def read_artifact(store: ArtifactStore, artifact: Artifact) -> bytes:
    """A file's bytes, checked against its digest; `Corrupted` (409 `artifact_corrupted`) if they are not.

    Released files are read from the released area alone, so that a bucket's policy may keep readers from the other.
    """
    area: Area = "released" if artifact.is_released else "quarantined"
    return await store.fetch(area, artifact.sha256, artifact.size_bytes)


async def decide_artifact(
    tx: Tx, store: ArtifactStore, actor: Actor, artifact_id: UUID, *, is_released: bool, now: datetime
) -> None:
    """A person with the role releases or rejects a quarantined file. An agent cannot: 403 `person_required`.

    A released text becomes a released Source too, which is what agents read.
    """
    await accounts.demand(tx, actor, Permission.RELEASE)
    artifact = await get_artifact(tx, artifact_id, is_locked=True)
    wanted = "released" if is_released else "rejected"
    if artifact.release_state == wanted:
        return
    if artifact.release_state != "quarantined":
        raise Refused("already_decided", f"This file is {artifact.release_state}.")
    source_id = None
    if is_released:
        data = await store.fetch("quarantined", artifact.sha256, artifact.size_bytes)
        kept = await store.keep("released", data)
        reached("artifact.after_copy")
        if kept.is_mended:
            await _incident(
                tx, artifact_id, artifact.sha256, "released", "other bytes; replaced by the right ones", now
            )
        source_id = await _readable(tx, actor, artifact, data, now)
    await tx.execute(
        """
        update artifacts set release_state = %(state)s, decided_by = %(by)s, decided_at = %(now)s,
                             source_id = %(source)s
        where id = %(id)s
        """,
        {"state": wanted, "by": UUID(actor.id), "now": now, "id": artifact_id, "source": source_id},
    )
    facts = {"sha256": artifact.sha256, "source_id": str(source_id) if source_id else None}
    await audit.record(tx, actor, f"artifact.{wanted}", ("artifact", artifact_id), now, facts)
    _tell(tx, artifact.project_id, artifact_id)


async def record_opened(tx: Tx, actor: Actor, artifact_id: UUID, now: datetime) -> None:
    """Write down that a person took a quarantined file out to look at it."""
    await accounts.demand(tx, actor, Permission.RELEASE)
    await audit.record(tx, actor, "artifact.opened_in_quarantine", ("artifact", artifact_id), now, {})


async def record_corruption(tx: Tx, artifact_id: UUID, corrupted: Corrupted, now: datetime) -> None:
    """Make an incident of a file whose bytes are not what was taken in: one, however often somebody asks for it."""
    for known in await audit.list_incidents(tx):
        is_same = known.kind == CORRUPTED_INCIDENT and known.subject_id == artifact_id
        if is_same and (known.facts.get("area"), known.facts.get("found")) == (corrupted.area, corrupted.found):
            return
    await _incident(tx, artifact_id, corrupted.sha256, corrupted.area, corrupted.found, now)


async def check_files(db: Database, store: ArtifactStore, account_id: UUID, now: datetime) -> int:
    """Read some files of an account back, so that what a disk lost is found before somebody needs it; how many were bad.

    The bytes are read outside any transaction: a store may be slow.
    """
    async with db.transaction(account_id) as tx:
        sample = await sample_artifacts(tx, now.date(), CHECKED_MAX)
    bad = 0
    for artifact in sample:
        try:
            await read_artifact(store, artifact)
        except Corrupted as corrupted:
            bad += 1
            async with db.transaction(account_id) as tx:
                await record_corruption(tx, artifact.id, corrupted, now)
    return bad


async def _readable(tx: Tx, actor: Actor, artifact: Artifact, data: bytes, now: datetime) -> UUID | None:
    """The Source of a text that agents may read: not HTML (it can hide words), not what an agent wrote itself."""
    if not is_readable_text(artifact.media_type) or artifact.origin == "agent" or len(data) > BODY_BYTES_MAX:
        return None
    text = data.decode("utf-8").removeprefix("\ufeff")
    new = NewSource(artifact.project_id, artifact.origin, artifact.name[:TITLE_MAX], text, artifact.contact_id)
    source_id = await add_source(tx, actor, new, now)
    await decide_release(tx, actor, source_id, is_released=True, now=now)
    return source_id


@lru_cache(maxsize=STORES_MAX)
def _store_at(url: str, aws: frozenset[tuple[str, str]]) -> ContentStore:
    return ContentStore(url, dict(aws))


async def _of_run(tx: Tx, run_id: UUID, name: str, sha256: str) -> UUID | None:
    found: UUID | None = await tx.value(
        "select id from artifacts where run_id = %(run)s and name = %(name)s and sha256 = %(sha256)s order by id limit 1",
        {"run": run_id, "name": name, "sha256": sha256},
    )
    return found


async def _incident(tx: Tx, artifact_id: UUID, sha256: str, area: str, found: str, now: datetime) -> None:
    facts = {"file": f"/files/{artifact_id}", "sha256": sha256, "area": area, "found": found}
    await audit.record_incident(tx, CORRUPTED_INCIDENT, artifact_id, now, facts, is_critical=True)


def _tell(tx: Tx, project_id: UUID, artifact_id: UUID) -> None:
    tx.notify("artifacts", f"artifact:{artifact_id}", f"project:{project_id}")
