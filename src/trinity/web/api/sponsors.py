"""Who may look at a project as a guest, and who did."""

from typing import Annotated
from uuid import UUID

from litestar import delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody
from pydantic import Field

from trinity.web.api.bodies import Body
from trinity.web.api.shapes import Shape, moment
from trinity.web.context import PageRequest, house_of
from trinity.web.guards import may_administer
from trinity.web.rooms.sponsors import SponsorRoom


class NewSponsorDomain(Body):
    """A mail domain whose people may ask for a link."""

    domain: Annotated[str, Field(min_length=1, max_length=253)]


@get("/projects/{project_id:uuid}/sponsor-domains", guards=[may_administer])
async def sponsor_domains(request: PageRequest, project_id: FromPath[UUID]) -> Shape:
    """The allowed domains, and the guests."""
    return await _shape(request, project_id)


@post("/projects/{project_id:uuid}/sponsor-domains", guards=[may_administer])
async def allow(request: PageRequest, project_id: FromPath[UUID], data: JSONBody[NewSponsorDomain]) -> Shape:
    """Let a domain's people in."""
    await SponsorRoom(house_of(request)).allow(request.user, project_id, data.domain)
    return await _shape(request, project_id)


@delete("/projects/{project_id:uuid}/sponsor-domains/{domain_id:uuid}", guards=[may_administer], status_code=204)
async def revoke(request: PageRequest, project_id: FromPath[UUID], domain_id: FromPath[UUID]) -> None:
    """Let a domain's people in no longer; their links end."""
    await SponsorRoom(house_of(request)).revoke(request.user, project_id, domain_id)


@delete("/projects/{project_id:uuid}/guests/{guest_id:uuid}", guards=[may_administer], status_code=204)
async def revoke_guest(request: PageRequest, project_id: FromPath[UUID], guest_id: FromPath[UUID]) -> None:
    """End one guest's link."""
    await SponsorRoom(house_of(request)).revoke_guest(request.user, project_id, guest_id)


async def _shape(request: PageRequest, project_id: UUID) -> Shape:
    found = await SponsorRoom(house_of(request)).sponsors(request.user, project_id)
    return {
        "items": [
            {"id": str(one.id), "domain": one.domain, "created_at": moment(one.created_at)} for one in found.domains
        ],
        "guests": [
            {
                "id": str(one.id),
                "email": one.email,
                "created_at": moment(one.created_at),
                "expires_at": moment(one.expires_at),
                "revoked_at": moment(one.revoked_at),
            }
            for one in found.guests
        ],
    }


handlers: list[HTTPRouteHandler] = [sponsor_domains, allow, revoke, revoke_guest]
