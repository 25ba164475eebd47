"""What pages and the API may ask and do about files."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity import accounts, crm, sources
from trinity.accounts import Permission, SignedIn, may
from trinity.errors import NotFound, Refused
from trinity.gateway import House
from trinity.sources import Artifact, Corrupted, NewArtifact
from trinity.store.database import Tx
from trinity.web.forms import Upload

PREVIEW_BYTES_MAX = 500_000
PREVIEW_CHARS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file in a list, with the names of what it belongs to."""

    file: Artifact
    project_name: str


@dataclass(frozen=True, slots=True)
class FileView:
    """One file for people. `preview` is its text, if it is text; `trouble` says why its bytes are not to be had."""

    file: Artifact
    project_name: str
    contact_name: str
    decided_by: str
    warnings: tuple[str, ...]
    preview: str | None
    is_preview_cut: bool
    trouble: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """The list of files, and the projects that a new one may go to."""

    rows: tuple[FileRow, ...]
    projects: tuple[accounts.Project, ...]


class FilesRoom:
    """Files of one account. Whoever finds other bytes than those that were taken in leaves an incident."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._store = sources.open_store(house.settings)

    async def shelf(self, who: SignedIn, project_id: UUID | None, state: str | None) -> Shelf:
        """Files, newest first, of all projects or one, in all states or one."""
        async with self._house.db.transaction(who.account_id) as tx:
            projects = await accounts.list_projects(tx)
            if project_id is not None:
                await accounts.get_project(tx, project_id)
            found = await sources.list_artifacts(tx, project_id=project_id, state=state)
        names = {project.id: project.name for project in projects}
        return Shelf(tuple(FileRow(one, names.get(one.project_id, "")) for one in found), tuple(projects))

    async def file(self, who: SignedIn, artifact_id: UUID) -> Artifact:
        """What is known of one file."""
        async with self._house.db.transaction(who.account_id) as tx:
            return await sources.get_artifact(tx, artifact_id)

    async def view(self, who: SignedIn, artifact_id: UUID) -> FileView:
        """One file with what a page says about it. Its text is shown before release only to whoever may release."""
        async with self._house.db.transaction(who.account_id) as tx:
            found = await sources.get_artifact(tx, artifact_id)
            project = await accounts.get_project(tx, found.project_id)
            contact = (await crm.get_contact(tx, found.contact_id)).name if found.contact_id else ""
            decided_by = await _name_of(tx, found.decided_by)
        text, trouble = None, ""
        is_shown = found.is_released or may(who.role, Permission.RELEASE)
        if is_shown and sources.is_any_text(found.media_type) and found.size_bytes <= PREVIEW_BYTES_MAX:
            try:
                text = (await self._read(who, found)).decode("utf-8", errors="replace")
            except Corrupted as corrupted:
                trouble = corrupted.message
        return FileView(
            found,
            project.name,
            contact,
            decided_by,
            sources.warnings_of(found.name),
            text[:PREVIEW_CHARS_MAX] if text is not None else None,
            text is not None and len(text) > PREVIEW_CHARS_MAX,
            trouble,
        )

    async def add(self, who: SignedIn, project_id: UUID, upload: Upload) -> UUID:
        """Take a file of the operator's in; it begins in quarantine like any other."""
        new = NewArtifact(project_id, upload.name, upload.media_type, upload.data, "operator")
        async with self._house.db.transaction(who.account_id) as tx:
            return await sources.add_artifact(tx, self._store, who.actor, new, self._now())

    async def decide(self, who: SignedIn, artifact_id: UUID, *, is_released: bool) -> None:
        """Release or reject a file."""
        try:
            async with self._house.db.transaction(who.account_id) as tx:
                await sources.decide_artifact(
                    tx, self._store, who.actor, artifact_id, is_released=is_released, now=self._now()
                )
        except Corrupted as corrupted:
            await self._report(who, artifact_id, corrupted)
            raise

    async def content(self, who: SignedIn, artifact_id: UUID, *, is_quarantine_meant: bool) -> tuple[Artifact, bytes]:
        """A file's bytes. One that is not released goes only to whoever may release, says so, and is recorded."""
        async with self._house.db.transaction(who.account_id) as tx:
            found = await sources.get_artifact(tx, artifact_id)
            if not found.is_released:
                if not may(who.role, Permission.RELEASE):
                    raise NotFound("file")
                if not is_quarantine_meant:
                    sentence = "This file is not released. Its page says how to look at it all the same."
                    raise Refused("artifact_not_released", sentence)
                await sources.record_opened(tx, who.actor, artifact_id, self._now())
        return found, await self._read(who, found)

    async def _read(self, who: SignedIn, found: Artifact) -> bytes:
        try:
            return await sources.read_artifact(self._store, found)
        except Corrupted as corrupted:
            await self._report(who, found.id, corrupted)
            raise

    async def _report(self, who: SignedIn, artifact_id: UUID, corrupted: Corrupted) -> None:
        async with self._house.db.transaction(who.account_id) as tx:
            await sources.record_corruption(tx, artifact_id, corrupted, self._now())

    def _now(self) -> datetime:
        return self._house.clock()


async def _name_of(tx: Tx, user_id: UUID | None) -> str:
    if user_id is None:
        return ""
    members = await accounts.list_members(tx)
    return next((one.name for one in members if one.user_id == user_id), "a former member")
