"""Integrations: what is connected, whether it is ready, and a button that asks again."""

from uuid import UUID

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect, Stream

from trinity.web.context import PageRequest, house_of
from trinity.web.forms import done
from trinity.web.guards import may_control, member
from trinity.web.rooms.integrations import IntegrationsRoom
from trinity.web.stream import Page, answer

TOPICS = frozenset({"integrations", "sent"})


@get("/integrations", guards=[member], include_in_schema=False)
async def list_integrations(request: PageRequest) -> Response[str] | Stream:
    """Every provider, live."""

    async def draw() -> Page:
        room = IntegrationsRoom(house_of(request))
        connected, missing = await room.all(request.user.account_id)
        said = await room.notices(request.user.account_id)
        values = {"connected": connected, "missing": missing, "said": said}
        return Page("integrations.html", "Integrations", "integrations", values, TOPICS)

    return await answer(request, draw)


@post("/integrations/{integration_id:uuid}/check", guards=[may_control], include_in_schema=False)
async def check_now(request: PageRequest, integration_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Have one provider checked now."""
    await IntegrationsRoom(house_of(request)).check(request.user.account_id, integration_id)
    return done(request, "/integrations", "It is being asked; what it says appears here.")


handlers: list[HTTPRouteHandler] = [list_integrations, check_now]
