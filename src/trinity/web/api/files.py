"""Artifacts over the API: in, facts, bytes out, and a person's release or rejection."""

from uuid import UUID

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from trinity.errors import Refused
from trinity.kit.canonical import rfc3339
from trinity.sources import ARTIFACT_BYTES_MAX, Artifact
from trinity.web.api.shapes import Shape
from trinity.web.context import PageRequest, house_of
from trinity.web.forms import read_upload
from trinity.web.guards import may_add, may_release, member
from trinity.web.pages.files import STATES, UPLOAD_BYTES_MAX, download
from trinity.web.rooms.files import FilesRoom
from trinity.web.rows import uuid_of


@get("/artifacts", guards=[member])
async def artifacts(request: PageRequest) -> dict[str, list[Shape]]:
    """Files, newest first; `project_id` and `state` narrow."""
    wanted, state = request.query_params.get("project_id"), request.query_params.get("state")
    project_id = uuid_of(wanted) if wanted else None
    if (wanted and project_id is None) or (state and state not in STATES):
        raise Refused(
            "invalid_payload", "project_id is a UUID; state is quarantined, released or rejected.", status=422
        )
    shelf = await FilesRoom(house_of(request)).shelf(request.user, project_id, state or None)
    return {"items": [artifact_shape(row.file) for row in shelf.rows]}


@post("/artifacts", guards=[may_add], request_max_body_size=UPLOAD_BYTES_MAX)
async def add(request: PageRequest) -> Shape:
    """Take a file in (multipart/form-data: `project_id`, `file`); it begins in quarantine."""
    sent = await read_upload(request, bytes_max=ARTIFACT_BYTES_MAX)
    project_id = uuid_of(sent.form.text("project_id", chars_max=36, is_required=True))
    if project_id is None:
        raise Refused("invalid_payload", "project_id is no UUID.", status=422)
    room = FilesRoom(house_of(request))
    return artifact_shape(await room.file(request.user, await room.add(request.user, project_id, sent)))


@get("/artifacts/{artifact_id:uuid}", guards=[member])
async def artifact(request: PageRequest, artifact_id: FromPath[UUID]) -> Shape:
    """What is known of a file."""
    return artifact_shape(await FilesRoom(house_of(request)).file(request.user, artifact_id))


@get("/artifacts/{artifact_id:uuid}/content", guards=[member])
async def content(request: PageRequest, artifact_id: FromPath[UUID]) -> Response[bytes]:
    """The bytes, as an attachment; `?quarantined=yes` for what nobody has released yet."""
    return await download(request, artifact_id)


@post("/artifacts/{artifact_id:uuid}/release", guards=[may_release], status_code=200)
async def release(request: PageRequest, artifact_id: FromPath[UUID]) -> Shape:
    """Let a file out of quarantine."""
    return await _decide(request, artifact_id, is_released=True)


@post("/artifacts/{artifact_id:uuid}/reject", guards=[may_release], status_code=200)
async def reject(request: PageRequest, artifact_id: FromPath[UUID]) -> Shape:
    """Keep a file in quarantine for good."""
    return await _decide(request, artifact_id, is_released=False)


async def _decide(request: PageRequest, artifact_id: UUID, *, is_released: bool) -> Shape:
    room = FilesRoom(house_of(request))
    await room.decide(request.user, artifact_id, is_released=is_released)
    return artifact_shape(await room.file(request.user, artifact_id))


def artifact_shape(found: Artifact) -> Shape:
    """A file's facts."""
    return {
        "id": str(found.id),
        "project_id": str(found.project_id),
        "contact_id": str(found.contact_id) if found.contact_id else None,
        "run_id": str(found.run_id) if found.run_id else None,
        "source_id": str(found.source_id) if found.source_id else None,
        "origin": found.origin,
        "name": found.name,
        "media_type": found.media_type,
        "sha256": found.sha256,
        "size_bytes": found.size_bytes,
        "scan_state": found.scan_state,
        "state": found.release_state,
        "decided_at": rfc3339(found.decided_at) if found.decided_at else None,
        "created_at": rfc3339(found.created_at),
    }


handlers: list[HTTPRouteHandler] = [artifacts, add, artifact, content, release, reject]
