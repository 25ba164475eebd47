"""Integrations over the API: their readiness, and asking for a check."""

from uuid import UUID

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from trinity.kit.canonical import rfc3339
from trinity.web.api.shapes import Shape
from trinity.web.context import PageRequest, house_of
from trinity.web.guards import may_control, member
from trinity.web.rooms.integrations import IntegrationsRoom, Provider


@get("/integrations", guards=[member])
async def list_integrations(request: PageRequest) -> dict[str, list[Shape]]:
    """Every connected provider with its checks."""
    connected, _ = await IntegrationsRoom(house_of(request)).all(request.user.account_id)
    return {"items": [shape(one) for one in connected]}


@post("/integrations/{integration_id:uuid}/check", guards=[may_control], status_code=202)
async def check_now(request: PageRequest, integration_id: FromPath[UUID]) -> Shape:
    """Have a provider checked now; what it says is in the next answer."""
    room = IntegrationsRoom(house_of(request))
    await room.check(request.user.account_id, integration_id)
    return shape(await room.one(request.user.account_id, integration_id))


def shape(one: Provider) -> Shape:
    """A provider as JSON."""
    return {
        "id": str(one.id),
        "provider": one.provider,
        "address": one.address,
        "aliases": list(one.aliases),
        "endpoint": one.endpoint,
        "mode": one.mode,
        "state": one.state,
        "connected_at": rfc3339(one.connected_at),
        "checks": [
            {"name": line.name, "state": line.state, "detail": line.detail, "checked_at": rfc3339(line.checked_at)}
            for line in one.checks
        ],
        "operations": [{"name": each.name, "blocked_by": list(each.blocked_by)} for each in one.operations],
    }


handlers: list[HTTPRouteHandler] = [list_integrations, check_now]
