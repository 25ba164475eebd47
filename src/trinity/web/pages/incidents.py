"""Incidents: what people must look at, newest first."""

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream

from trinity.web.context import PageRequest, web_of
from trinity.web.guards import member
from trinity.web.stream import Page, answer

LIST_MAX = 50


@get("/incidents", guards=[member], include_in_schema=False)
async def incidents(request: PageRequest) -> Response[str] | Stream:
    """The newest incidents, live."""

    async def draw() -> Page:
        found = await web_of(request).desk.incidents(request.user, LIST_MAX)
        return Page("incidents.html", "Incidents", "incidents", {"incidents": found, "list_max": LIST_MAX}, TOPICS)

    return await answer(request, draw)


TOPICS = frozenset({"incidents", "sent"})
handlers: list[HTTPRouteHandler] = [incidents]
