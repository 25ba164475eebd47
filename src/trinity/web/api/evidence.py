"""The record, incidents, packets, and the posture."""

from typing import Annotated
from uuid import UUID

from litestar import Response, get, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody, QueryParameter

from trinity.web.api import shapes
from trinity.web.api.bodies import NewPosture
from trinity.web.api.shapes import Shape
from trinity.web.context import PageRequest, web_of
from trinity.web.guards import may_control, member
from trinity.web.pages.proof import demand_kind

EVENTS_MAX = 500
INCIDENTS_MAX = 200


@get("/audit-events", guards=[member])
async def audit_events(
    request: PageRequest,
    after: Annotated[UUID | None, QueryParameter()] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=EVENTS_MAX)] = 100,
) -> dict[str, list[Shape]]:
    """Events in order, after one of them."""
    found = await web_of(request).desk.audit_events(request.user, after, limit)
    return {"items": [shapes.audit_event(event) for event in found]}


@get("/incidents", guards=[member])
async def incidents(
    request: PageRequest, limit: Annotated[int, QueryParameter(ge=1, le=INCIDENTS_MAX)] = 50
) -> dict[str, list[Shape]]:
    """What people must look at, newest first."""
    return {"items": [shapes.incident(one) for one in await web_of(request).desk.incidents(request.user, limit)]}


@get("/packets/{kind:str}/{id_:uuid}", guards=[member])
async def packet(request: PageRequest, kind: FromPath[str], id_: FromPath[UUID]) -> Response[bytes]:
    """The newest proof packet of an `order`, a `run` or a `tool-call`."""
    kind = kind.replace("_", "-")
    demand_kind(kind)
    body = await web_of(request).desk.packet(request.user, kind, id_)
    return Response(body, media_type="application/json")


@get("/posture", guards=[member])
async def posture(request: PageRequest) -> Shape:
    """How far the account may act now."""
    found = await web_of(request).desk.posture(request.user)
    return {"mode": found.mode, "reason": found.reason, "by": found.by, "at": shapes.moment(found.at)}


@put("/posture", guards=[may_control])
async def tighten(request: PageRequest, data: JSONBody[NewPosture]) -> Shape:
    """Tighten at once; the answer lists what is in flight."""
    found = await web_of(request).desk.tighten(request.user, data.scope, data.mode, data.reason)
    return {"mode": found.mode, "in_flight": [shapes.call_row(row) for row in found.in_flight]}


handlers: list[HTTPRouteHandler] = [audit_events, incidents, packet, posture, tighten]
