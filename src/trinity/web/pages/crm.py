"""The CRM: the board of deals, lists and search, and a page for each person, company and deal."""

from uuid import UUID

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect, Stream

from trinity.crm import STAGES
from trinity.errors import Refused
from trinity.web.context import PageRequest, house_of
from trinity.web.forms import done, read_form
from trinity.web.guards import may_propose, may_release, member
from trinity.web.rooms.crm import CrmRoom
from trinity.web.stream import Page, answer
from trinity.web.words import word

VIEWS = ("board", "deals", "people", "companies")
SEARCH_CHARS_MAX = 100


@get("/crm", guards=[member], include_in_schema=False)
async def crm(request: PageRequest) -> Response[str] | Stream:
    """The board; with `?view=` a list; with `?q=` what was found."""
    view, search = (
        request.query_params.get("view", VIEWS[0]),
        request.query_params.get("q", "")[:SEARCH_CHARS_MAX].strip(),
    )
    view = view if view in VIEWS else VIEWS[0]
    room = CrmRoom(house_of(request))

    async def draw() -> Page:
        is_board = view == VIEWS[0] and not search
        values = {
            "view": view,
            "search": search,
            "board": await room.board(request.user) if is_board else None,
            "found": None if is_board else await room.find(request.user, search),
            "public_path": await room.public_path(request.user),
        }
        return Page("crm.html", "CRM", "crm", values, frozenset({"crm"}))

    return await answer(request, draw)


@get("/crm/contacts/{contact_id:uuid}", guards=[member], include_in_schema=False)
async def contact(request: PageRequest, contact_id: FromPath[UUID]) -> Response[str] | Stream:
    """A person: what happened, what was written, what was bought."""

    async def draw() -> Page:
        found = await CrmRoom(house_of(request)).person(request.user, contact_id)
        projects = {f"project:{source.project_id}" for source in found.sources}
        topics = frozenset({f"contact:{contact_id}", "crm", "threads", "orders"} | projects)
        return Page("contact.html", found.contact.name, "crm", {"person": found}, topics)

    return await answer(request, draw)


@post("/crm/contacts/{contact_id:uuid}/sources/{source_id:uuid}", guards=[may_release], include_in_schema=False)
async def decide_source(
    request: PageRequest, contact_id: FromPath[UUID], source_id: FromPath[UUID]
) -> Response[None] | Redirect:
    """Release or reject what a person wrote."""
    decision = (await read_form(request)).text("decision", is_required=True)
    if decision not in ("release", "reject"):
        raise Refused("invalid_payload", "A decision is to release or to reject.", status=422)
    is_released = decision == "release"
    await CrmRoom(house_of(request)).decide_source(request.user, contact_id, source_id, is_released=is_released)
    said = "Released to agents." if is_released else "Rejected. No agent will read it."
    return done(request, f"/crm/contacts/{contact_id}", said)


@get("/crm/companies/{company_id:uuid}", guards=[member], include_in_schema=False)
async def company(request: PageRequest, company_id: FromPath[UUID]) -> Response[str] | Stream:
    """A company, its people and deals."""

    async def draw() -> Page:
        found = await CrmRoom(house_of(request)).firm(request.user, company_id)
        return Page("company.html", found.company.name, "crm", {"firm": found}, frozenset({"crm"}))

    return await answer(request, draw)


@get("/crm/deals/{deal_id:uuid}", guards=[member], include_in_schema=False)
async def deal(request: PageRequest, deal_id: FromPath[UUID]) -> Response[str] | Stream:
    """A deal: whose, where it stands and how it came there."""

    async def draw() -> Page:
        found = await CrmRoom(house_of(request)).affair(request.user, deal_id)
        topics = frozenset({"crm", "orders", f"project:{found.deal.project_id}"})
        return Page("deal.html", found.deal.title, "crm", {"affair": found, "stages": STAGES}, topics)

    return await answer(request, draw)


@post("/crm/deals/{deal_id:uuid}/stage", guards=[may_propose], include_in_schema=False)
async def move(request: PageRequest, deal_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Put a deal into a stage; back to the board, or to the deal's page where the form says so."""
    form = await read_form(request)
    stage, is_page = form.text("stage", chars_max=40, is_required=True), form.text("from") == "deal"
    moved = await CrmRoom(house_of(request)).move(request.user, deal_id, stage)
    return done(request, f"/crm/deals/{deal_id}" if is_page else "/crm", f"Now {word(moved.stage)}.")


handlers: list[HTTPRouteHandler] = [crm, contact, decide_source, company, deal, move]
