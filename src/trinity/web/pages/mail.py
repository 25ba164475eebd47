"""Mail that was sent, and what the provider's own record says about it."""

from uuid import UUID

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream

from trinity.errors import NotFound
from trinity.web.context import PageRequest, web_of
from trinity.web.guards import member
from trinity.web.plaintext import is_same_words
from trinity.web.stream import Page, answer


@get("/mail", guards=[member], include_in_schema=False)
async def mails(request: PageRequest) -> Response[str] | Stream:
    """All sent mail, newest first."""

    async def draw() -> Page:
        found = await web_of(request).desk.mails(request.user)
        return Page("mails.html", "Sent mail", "mail", {"calls": found}, frozenset({"sent"}))

    return await answer(request, draw)


@get("/mail/{call_id:uuid}", guards=[member], include_in_schema=False)
async def mail(request: PageRequest, call_id: FromPath[UUID]) -> Response[str] | Stream:
    """One mail as it was sent."""

    async def draw() -> Page:
        found = await web_of(request).desk.call(request.user, call_id)
        if found.mail is None or found.row.state != "succeeded":
            raise NotFound("sent mail")
        values = {"call": found, "same_words": is_same_words(found.mail)}
        topics = frozenset({f"call:{call_id}", "sent"})
        return Page("mail.html", found.row.subject or "Mail", "mail", values, topics)

    return await answer(request, draw)


handlers: list[HTTPRouteHandler] = [mails, mail]
