"""Offers: what can be bought, as members manage it."""

from uuid import UUID

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect, Stream

from trinity.errors import Refused
from trinity.kit import money
from trinity.revenue import NewOffer
from trinity.web.context import PageRequest, house_of
from trinity.web.forms import done, read_form
from trinity.web.guards import may_propose, member
from trinity.web.rooms.revenue import RevenueRoom
from trinity.web.rows import uuid_of
from trinity.web.stream import Page, answer


@get("/offers", guards=[member], include_in_schema=False)
async def offers(request: PageRequest) -> Response[str] | Stream:
    """All offers, and the form for a new one."""

    async def draw() -> Page:
        found, projects, slug = await RevenueRoom(house_of(request)).offers(request.user)
        values = {"offers": found, "projects": projects, "slug": slug, "currencies": tuple(money.DECIMALS)}
        return Page("offers.html", "Offers", "offers", values, frozenset({"offers", "projects"}))

    return await answer(request, draw)


@post("/offers", guards=[may_propose], include_in_schema=False)
async def create(request: PageRequest) -> Response[None] | Redirect:
    """A new offer, as a draft. The price is written as people write it."""
    form = await read_form(request)
    currency = form.text("currency", chars_max=3, is_required=True).lower()
    amount = money.minor_of(form.text("price", chars_max=20, is_required=True), currency)
    project_id = uuid_of(form.text("project_id", chars_max=36, is_required=True))
    if amount is None or project_id is None:
        raise Refused("invalid_amount", "A price is a number such as 49 or 49.50.", status=422)
    title = form.text("title", chars_max=120, is_required=True)
    new = NewOffer(project_id, title, form.text("summary", chars_max=2000), amount, currency)
    await RevenueRoom(house_of(request)).create_offer(request.user, new)
    return done(request, "/offers", "The offer is a draft. Publish it when it is right.")


@post("/offers/{offer_id:uuid}/publish", guards=[may_propose], include_in_schema=False)
async def publish(request: PageRequest, offer_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Put it up for sale."""
    await RevenueRoom(house_of(request)).publish(request.user, offer_id)
    return done(request, "/offers", "Anybody can buy it now.")


@post("/offers/{offer_id:uuid}/archive", guards=[may_propose], include_in_schema=False)
async def archive(request: PageRequest, offer_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Take it off sale."""
    await RevenueRoom(house_of(request)).archive(request.user, offer_id)
    return done(request, "/offers", "Nobody can buy it any more.")


handlers: list[HTTPRouteHandler] = [offers, create, publish, archive]
