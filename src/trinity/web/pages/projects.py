"""Projects, their sources, and starting a run."""

from uuid import UUID

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect, Stream

from trinity.web.context import PageRequest, house_of, web_of
from trinity.web.forms import done, read_form
from trinity.web.guards import may_add, may_release, may_run, member
from trinity.web.rooms.sources import SourceRoom
from trinity.web.rooms.sponsors import sponsors_of
from trinity.web.stream import Page, answer


@get("/projects", guards=[member], include_in_schema=False)
async def projects(request: PageRequest) -> Response[str] | Stream:
    """All projects."""

    async def draw() -> Page:
        found = await web_of(request).desk.projects(request.user)
        return Page("projects.html", "Projects", "projects", {"projects": found}, frozenset({"projects"}))

    return await answer(request, draw)


@get("/projects/{project_id:uuid}", guards=[member], include_in_schema=False)
async def project(request: PageRequest, project_id: FromPath[UUID]) -> Response[str] | Stream:
    """One project: what it may do, its sources, its runs, and the form that starts one."""

    async def draw() -> Page:
        found = await web_of(request).desk.project(request.user, project_id)
        return Page(
            "project.html",
            found.row.name,
            "projects",
            {"project": found, "sponsors": await sponsors_of(request, project_id)},
            frozenset({f"project:{project_id}", "projects", "runs"}),
        )

    return await answer(request, draw)


@post("/projects/{project_id:uuid}/runs", guards=[may_run], include_in_schema=False)
async def start_run(request: PageRequest, project_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Start a run towards a goal."""
    form = await read_form(request)
    run_id = await web_of(request).desk.start_run(
        request.user,
        project_id,
        form.text("goal", chars_max=4000, is_required=True),
        form.text("contact_addr", chars_max=254),
        form.text("contact_name", chars_max=200),
    )
    return done(request, f"/runs/{run_id}")


@post("/projects/{project_id:uuid}/sources", guards=[may_add], include_in_schema=False)
async def add_source(request: PageRequest, project_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Add a text of the operator's; it begins in quarantine like any other."""
    form = await read_form(request)
    title = form.text("title", chars_max=200, is_required=True)
    text = form.text("text", chars_max=200_000, is_required=True)
    await web_of(request).desk.add_source(request.user, project_id, "operator", title, text)
    return done(request, f"/projects/{project_id}", "Added in quarantine.")


@get("/sources/{source_id:uuid}", guards=[member], include_in_schema=False)
async def source(request: PageRequest, source_id: FromPath[UUID]) -> Response[str] | Stream:
    """One source, for a person's eyes."""

    async def draw() -> Page:
        found = await web_of(request).desk.source(request.user, source_id)
        return Page(
            "source.html", found.title, "projects", {"source": found}, frozenset({f"project:{found.project_id}"})
        )

    return await answer(request, draw)


@post("/sources/{source_id:uuid}/release", guards=[may_release], include_in_schema=False)
async def release(request: PageRequest, source_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Release a source to agents."""
    await web_of(request).desk.release_source(request.user, source_id)
    return done(request, f"/sources/{source_id}", "Released to agents.")


@post("/sources/{source_id:uuid}/reject", guards=[may_release], include_in_schema=False)
async def reject(request: PageRequest, source_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Reject a source for good."""
    await SourceRoom(house_of(request)).reject(request.user, source_id)
    return done(request, f"/sources/{source_id}", "Rejected. No agent will read it.")


handlers: list[HTTPRouteHandler] = [projects, project, start_run, add_source, source, release, reject]
