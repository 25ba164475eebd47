"""Runs: the list, one run live, and its stop button."""

from uuid import UUID

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect, Stream

from trinity.web.context import PageRequest, web_of
from trinity.web.forms import done
from trinity.web.guards import may_control, member
from trinity.web.stream import Page, answer


@get("/runs", guards=[member], include_in_schema=False)
async def runs(request: PageRequest) -> Response[str] | Stream:
    """All runs, newest first."""

    async def draw() -> Page:
        found = await web_of(request).desk.runs(request.user)
        return Page("runs.html", "Runs", "runs", {"runs": found}, frozenset({"runs"}))

    return await answer(request, draw)


@get("/runs/{run_id:uuid}", guards=[member], include_in_schema=False)
async def run(request: PageRequest, run_id: FromPath[UUID]) -> Response[str] | Stream:
    """What one run's agent did, as it does it."""

    async def draw() -> Page:
        found = await web_of(request).desk.run(request.user, run_id)
        return Page("run.html", found.row.goal, "runs", {"run": found}, frozenset({f"run:{run_id}", "sent"}))

    return await answer(request, draw)


@post("/runs/{run_id:uuid}/stop", guards=[may_control], include_in_schema=False)
async def stop(request: PageRequest, run_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Stop the run: its lease ends now."""
    await web_of(request).desk.stop_run(request.user, run_id)
    return done(request, f"/runs/{run_id}", "Stopped. Its lease has ended.")


handlers: list[HTTPRouteHandler] = [runs, run, stop]
