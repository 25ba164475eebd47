"""People and deals."""

from typing import Literal
from uuid import UUID

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody

from trinity.crm import Company, Contact, Deal
from trinity.errors import Refused
from trinity.web.api.bodies import Body
from trinity.web.api.shapes import Shape, identity, moment
from trinity.web.context import PageRequest, house_of
from trinity.web.guards import may_propose, member
from trinity.web.rooms.crm import CrmRoom

SEARCH_CHARS_MAX = 100
type Stage = Literal["new", "qualified", "proposal", "won", "lost"]


class NewStage(Body):
    """Where a deal is to stand."""

    stage: Stage


@get("/contacts", guards=[member])
async def contacts(request: PageRequest, search: FromQuery[str] = "") -> dict[str, list[Shape]]:
    """People, newest first; `search` looks for a piece of the name, the address or the company's name."""
    if len(search) > SEARCH_CHARS_MAX:
        raise Refused("invalid_payload", f"A search has at most {SEARCH_CHARS_MAX} characters.", status=422)
    found = await CrmRoom(house_of(request)).find(request.user, search)
    return {"items": [_contact(one) for one in found.contacts]}


@get("/contacts/{contact_id:uuid}", guards=[member])
async def contact(request: PageRequest, contact_id: FromPath[UUID]) -> Shape:
    """A person with the timeline, deals, orders, threads, and the metadata of what was written."""
    found = await CrmRoom(house_of(request)).person(request.user, contact_id)
    return _contact(found.contact) | {
        "company": _company(found.company) if found.company else None,
        "timeline": [
            {"id": str(line.id), "kind": line.kind, "words": line.words, "at": moment(line.at)} for line in found.lines
        ],
        "deals": [_deal(one) for one in found.deals],
        "leads": [
            {
                "id": str(one.id),
                "origin": one.origin,
                "website": one.website,
                "state": one.state,
                "source_id": identity(one.source_id),
                "created_at": moment(one.created_at),
            }
            for one in found.leads
        ],
        "orders": [{"id": str(one.id), "number": one.number, "state": one.state} for one in found.orders],
        "threads": [{"id": str(one.id), "state": one.state, "last_at": moment(one.last_at)} for one in found.threads],
        "sources": [
            {
                "id": str(one.id),
                "origin": one.origin,
                "state": one.release_state,
                "size_bytes": one.size_bytes,
                "created_at": moment(one.created_at),
            }
            for one in found.sources
        ],
    }


@get("/deals", guards=[member])
async def deals(request: PageRequest, stage: FromQuery[Stage | None] = None) -> dict[str, list[Shape]]:
    """Deals, newest first, of one stage or all."""
    return {"items": [_deal(one) for one in await CrmRoom(house_of(request)).deals(request.user, stage)]}


@post("/deals/{deal_id:uuid}/stage", guards=[may_propose], status_code=200)
async def move(request: PageRequest, deal_id: FromPath[UUID], data: JSONBody[NewStage]) -> Shape:
    """Put a deal into a stage."""
    return _deal(await CrmRoom(house_of(request)).move(request.user, deal_id, data.stage))


def _contact(one: Contact) -> Shape:
    return {
        "id": str(one.id),
        "email": one.email,
        "name": one.name,
        "company_id": identity(one.company_id),
        "company_name": one.company_name,
        "state": one.state,
        "created_at": moment(one.created_at),
    }


def _company(one: Company) -> Shape:
    return {"id": str(one.id), "name": one.name, "domain": one.domain, "website": one.website}


def _deal(one: Deal) -> Shape:
    return {
        "id": str(one.id),
        "project_id": str(one.project_id),
        "contact_id": str(one.contact_id),
        "company_id": identity(one.company_id),
        "title": one.title,
        "stage": one.stage,
        "amount_minor": one.amount_minor,
        "currency": one.currency,
        "created_at": moment(one.created_at),
        "changed_at": moment(one.changed_at),
    }


handlers: list[HTTPRouteHandler] = [contacts, contact, deals, move]
