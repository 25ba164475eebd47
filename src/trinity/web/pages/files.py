"""Files: the list and the upload, one file, its release, and taking it out."""

from uuid import UUID

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect, Stream

from trinity import sources
from trinity.errors import Refused
from trinity.sources import ARTIFACT_BYTES_MAX, Artifact
from trinity.web.context import PageRequest, house_of
from trinity.web.forms import done, read_upload
from trinity.web.guards import may_add, may_release, member
from trinity.web.headers import SANDBOX_POLICY
from trinity.web.rooms.files import FilesRoom
from trinity.web.rows import uuid_of
from trinity.web.stream import Page, answer

UPLOAD_BYTES_MAX = ARTIFACT_BYTES_MAX + 100_000
"""The largest body of an upload: the file, and room for the form around it."""
STATES = ("quarantined", "released", "rejected")
OPEN_TYPES = ("application/pdf", "image/png", "image/jpeg", "text/plain", "text/csv", "text/markdown")
"""Sent under their own type; everything else as bytes that no browser knows how to open."""


@get("/files", guards=[member], include_in_schema=False)
async def files(request: PageRequest) -> Response[str] | Stream:
    """All files, or those of one project or state."""
    state = request.query_params.get("state")
    project_id = uuid_of(request.query_params.get("project", ""))
    wanted = state if state in STATES else None

    async def draw() -> Page:
        shelf = await FilesRoom(house_of(request)).shelf(request.user, project_id, wanted)
        values = {
            "shelf": shelf,
            "state": wanted,
            "states": STATES,
            "project_id": project_id,
            "accept": sources.accepted_extensions(),
            "allowed": sources.allowed_words(),
            "bytes_max": ARTIFACT_BYTES_MAX,
        }
        return Page("files.html", "Files", "files", values, frozenset({"artifacts", "projects"}))

    return await answer(request, draw)


@post("/files", guards=[may_add], include_in_schema=False, request_max_body_size=UPLOAD_BYTES_MAX)
async def upload(request: PageRequest) -> Response[None] | Redirect:
    """Take a file in; it begins in quarantine."""
    sent = await read_upload(request, bytes_max=ARTIFACT_BYTES_MAX)
    project_id = uuid_of(sent.form.text("project_id", chars_max=36, is_required=True))
    if project_id is None:
        raise Refused("invalid_payload", "Choose a project.", status=422)
    artifact_id = await FilesRoom(house_of(request)).add(request.user, project_id, sent)
    return done(request, f"/files/{artifact_id}", "Added in quarantine.")


@get("/files/{artifact_id:uuid}", guards=[member], include_in_schema=False)
async def file(request: PageRequest, artifact_id: FromPath[UUID]) -> Response[str] | Stream:
    """One file: what it is, where it came from, its text if it has one."""

    async def draw() -> Page:
        found = await FilesRoom(house_of(request)).view(request.user, artifact_id)
        return Page("file.html", found.file.name, "files", {"found": found}, frozenset({f"artifact:{artifact_id}"}))

    return await answer(request, draw)


@get("/files/{artifact_id:uuid}/content", guards=[member], include_in_schema=False)
async def content(request: PageRequest, artifact_id: FromPath[UUID]) -> Response[bytes]:
    """The bytes, to be saved and never to be opened as a page of ours."""
    return await download(request, artifact_id)


@post("/files/{artifact_id:uuid}/release", guards=[may_release], include_in_schema=False)
async def release(request: PageRequest, artifact_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Let a file out of quarantine."""
    await FilesRoom(house_of(request)).decide(request.user, artifact_id, is_released=True)
    return done(request, f"/files/{artifact_id}", "Released.")


@post("/files/{artifact_id:uuid}/reject", guards=[may_release], include_in_schema=False)
async def reject(request: PageRequest, artifact_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Keep a file in quarantine for good."""
    await FilesRoom(house_of(request)).decide(request.user, artifact_id, is_released=False)
    return done(request, f"/files/{artifact_id}", "Rejected.")


async def download(request: PageRequest, artifact_id: UUID) -> Response[bytes]:
    """A file as an attachment. `?quarantined=yes` says that the reader knows that nobody has released it."""
    is_meant = request.query_params.get("quarantined") == "yes"
    room = FilesRoom(house_of(request))
    found, data = await room.content(request.user, artifact_id, is_quarantine_meant=is_meant)
    return Response(data, media_type=_sent_type(found), headers=_download_headers(found))


def _sent_type(found: Artifact) -> str:
    if found.media_type not in OPEN_TYPES:
        return "application/octet-stream"
    return f"{found.media_type}; charset=utf-8" if found.media_type.startswith("text/") else found.media_type


def _download_headers(found: Artifact) -> dict[str, str]:
    return {
        "content-disposition": sources.attachment_header(found.name),
        "content-security-policy": SANDBOX_POLICY,
    }


handlers: list[HTTPRouteHandler] = [files, upload, file, content, release, reject]
