"""A ToolCall's whole record, taking it back, and having a doubtful one looked at again."""

from uuid import UUID

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect, Stream

from trinity.web.context import PageRequest, web_of
from trinity.web.forms import done
from trinity.web.guards import may_change, member
from trinity.web.stream import Page, answer


@get("/tool-calls/{call_id:uuid}", guards=[member], include_in_schema=False)
async def call(request: PageRequest, call_id: FromPath[UUID]) -> Response[str] | Stream:
    """State, attempts, receipts, reasons and the envelope."""

    async def draw() -> Page:
        found = await web_of(request).desk.call(request.user, call_id)
        title = found.row.subject or found.row.operation
        return Page("call.html", title, "runs", {"call": found}, frozenset({f"call:{call_id}", "sent"}))

    return await answer(request, draw)


@post("/tool-calls/{call_id:uuid}/cancel", guards=[may_change], include_in_schema=False)
async def cancel(request: PageRequest, call_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Undo it, as long as it is not claimed."""
    await web_of(request).desk.cancel(request.user, call_id)
    return done(request, f"/tool-calls/{call_id}", "Taken back. Nothing was sent.")


@post("/tool-calls/{call_id:uuid}/execute", guards=[may_change], include_in_schema=False)
async def execute(request: PageRequest, call_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Ask the gateway to take it up now: for a call in doubt, to ask the provider once more."""
    await web_of(request).desk.execute(request.user, call_id)
    return done(request, f"/tool-calls/{call_id}", "The provider is asked once more.")


handlers: list[HTTPRouteHandler] = [call, cancel, execute]
