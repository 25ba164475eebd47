"""Proposing, reading, undoing and executing effects."""

from uuid import UUID

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from trinity.web.api import shapes
from trinity.web.api.bodies import NewToolCall
from trinity.web.api.shapes import Shape
from trinity.web.context import PageRequest, web_of
from trinity.web.guards import may_change, may_propose, member


@post("/tool-calls", guards=[may_propose])
async def propose(request: PageRequest, data: JSONBody[NewToolCall]) -> Response[Shape]:
    """Propose an effect: 201, or 200 with the first ToolCall for the same key and content."""
    desk = web_of(request).desk
    call_id, is_new = await desk.propose(request.user, data.model_dump(mode="json"))
    found = await desk.call(request.user, call_id)
    return Response(shapes.proposed(found), status_code=201 if is_new else 200)


@get("/tool-calls/{call_id:uuid}", guards=[member])
async def tool_call(request: PageRequest, call_id: FromPath[UUID]) -> Shape:
    """State, envelope, attempts, receipts, proof state and reasons."""
    return shapes.call(await web_of(request).desk.call(request.user, call_id))


@post("/tool-calls/{call_id:uuid}/cancel", guards=[may_change], status_code=200)
async def cancel(request: PageRequest, call_id: FromPath[UUID]) -> Shape:
    """Undo it before it is claimed."""
    desk = web_of(request).desk
    await desk.cancel(request.user, call_id)
    return shapes.call(await desk.call(request.user, call_id))


@post("/tool-calls/{call_id:uuid}/execute", guards=[may_change], status_code=202)
async def execute(request: PageRequest, call_id: FromPath[UUID]) -> Shape:
    """Ask the gateway to run it now; shortens neither the undo window nor a chosen send time."""
    desk = web_of(request).desk
    await desk.call(request.user, call_id)
    await desk.execute(request.user, call_id)
    return shapes.call(await desk.call(request.user, call_id))


handlers: list[HTTPRouteHandler] = [propose, tool_call, cancel, execute]
