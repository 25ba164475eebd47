"""Projects, sources and runs."""

from uuid import UUID

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from trinity.web.api import shapes
from trinity.web.api.bodies import NewRun, NewSource
from trinity.web.api.shapes import Shape
from trinity.web.context import PageRequest, house_of, web_of
from trinity.web.guards import may_add, may_control, may_release, may_run, member
from trinity.web.rooms.sources import SourceRoom


@get("/projects", guards=[member])
async def projects(request: PageRequest) -> dict[str, list[Shape]]:
    """All projects."""
    return {"items": [shapes.project(row) for row in await web_of(request).desk.projects(request.user)]}


@get("/projects/{project_id:uuid}", guards=[member])
async def project(request: PageRequest, project_id: FromPath[UUID]) -> Shape:
    """One project with its sources and runs."""
    found = await web_of(request).desk.project(request.user, project_id)
    return shapes.project(found.row) | {
        "sources": [shapes.source(row) for row in found.sources],
        "runs": [shapes.run_row(row) for row in found.runs],
    }


@post("/sources", guards=[may_add])
async def add_source(request: PageRequest, data: JSONBody[NewSource]) -> Shape:
    """Take a text in; it begins in quarantine whatever its origin."""
    desk = web_of(request).desk
    source_id = await desk.add_source(request.user, data.project_id, data.origin, data.title, data.text)
    return shapes.source(await desk.source(request.user, source_id))


@get("/sources/{source_id:uuid}", guards=[member])
async def source(request: PageRequest, source_id: FromPath[UUID]) -> Shape:
    """A source's metadata."""
    return shapes.source(await web_of(request).desk.source(request.user, source_id))


@post("/sources/{source_id:uuid}/release", guards=[may_release], status_code=200)
async def release(request: PageRequest, source_id: FromPath[UUID]) -> Shape:
    """Release a source to agents."""
    desk = web_of(request).desk
    await desk.release_source(request.user, source_id)
    return shapes.source(await desk.source(request.user, source_id))


@post("/sources/{source_id:uuid}/reject", guards=[may_release], status_code=200)
async def reject(request: PageRequest, source_id: FromPath[UUID]) -> Shape:
    """Reject a source for good; a run that waits for it ends."""
    await SourceRoom(house_of(request)).reject(request.user, source_id)
    return shapes.source(await web_of(request).desk.source(request.user, source_id))


@post("/runs", guards=[may_run])
async def start_run(request: PageRequest, data: JSONBody[NewRun]) -> Shape:
    """Start a run."""
    desk = web_of(request).desk
    run_id = await desk.start_run(request.user, data.project_id, data.goal, data.contact_addr, data.contact_name)
    return shapes.run(await desk.run(request.user, run_id))


@get("/runs", guards=[member])
async def runs(request: PageRequest) -> dict[str, list[Shape]]:
    """Runs, newest first."""
    return {"items": [shapes.run_row(row) for row in await web_of(request).desk.runs(request.user)]}


@get("/runs/{run_id:uuid}", guards=[member])
async def run(request: PageRequest, run_id: FromPath[UUID]) -> Shape:
    """One run with its timeline and effects."""
    return shapes.run(await web_of(request).desk.run(request.user, run_id))


@post("/runs/{run_id:uuid}/stop", guards=[may_control], status_code=200)
async def stop_run(request: PageRequest, run_id: FromPath[UUID]) -> Shape:
    """Stop a run: its lease ends now."""
    desk = web_of(request).desk
    await desk.stop_run(request.user, run_id)
    return shapes.run(await desk.run(request.user, run_id))


handlers: list[HTTPRouteHandler] = [
    projects,
    project,
    add_source,
    source,
    release,
    reject,
    start_run,
    runs,
    run,
    stop_run,
]
