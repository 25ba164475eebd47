"""Sponsor access: asking for a link, what the link shows, and the owner's panel."""

from uuid import UUID

from litestar import Request, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from trinity.accounts import PublicAccount
from trinity.kit.addresses import normal_address
from trinity.web.context import PageRequest, house_of
from trinity.web.forms import done, read_form
from trinity.web.guards import anyone, may_administer
from trinity.web.public import Filled, open_account, public_page, record_refusal, too_many
from trinity.web.public_forms import PUBLIC_BODY_BYTES_MAX, Verdict, guard_fields, judge, unhurried
from trinity.web.rooms.sponsors import SponsorRoom

EMAIL_CHARS_MAX = 254
DOMAIN_CHARS_MAX = 253
SPONSOR = "sponsor"
SECRET = {"referrer-policy": "no-referrer"}
"""A page whose address is a secret tells it to nobody that it leads to."""


@get("/p/{slug:str}/sponsor", guards=[anyone], include_in_schema=False)
async def sponsor_page(request: Request, slug: FromPath[str]) -> Response[str]:  # type: ignore[type-arg]
    """The form."""
    return _form(request, await open_account(request, slug), Filled())


@post("/p/{slug:str}/sponsor", guards=[anyone], include_in_schema=False, request_max_body_size=PUBLIC_BODY_BYTES_MAX)
async def ask_for_link(request: Request, slug: FromPath[str]) -> Response[str] | Redirect:  # type: ignore[type-arg]
    """Mail a link if the domain is allowed; the answer is the same if it is not, and takes as long."""
    account = await open_account(request, slug)
    async with unhurried():
        form = await read_form(request)
        verdict = judge(request, account, SPONSOR, form)
        if verdict is not Verdict.PASSED:
            await record_refusal(request, account, SPONSOR, verdict)
        if verdict is Verdict.TOO_MANY:
            return too_many(request, account)
        if verdict is not Verdict.TRAPPED:
            filled = Filled.untimely() if verdict is Verdict.UNTIMELY else Filled()
            filled.take(
                form,
                "email",
                EMAIL_CHARS_MAX,
                lambda text: normal_address(text) is not None,
                "Please give your address at work, such as you@example.com.",
            )
            if filled.problems or filled.notice:
                return _form(request, account, filled, status=422)
            email = normal_address(filled.values["email"])
            assert email is not None, "the form has just looked"
            if not await SponsorRoom(house_of(request)).send_links(account, email):
                await record_refusal(request, account, SPONSOR, "no_link")
        return Redirect(f"/p/{account.slug}/sponsor/sent", status_code=303)


@get("/p/{slug:str}/sponsor/sent", guards=[anyone], include_in_schema=False)
async def sponsor_sent(request: Request, slug: FromPath[str]) -> Response[str]:  # type: ignore[type-arg]
    """The answer to everybody who asked."""
    account = await open_account(request, slug)
    return public_page(request, account, "sponsor_sent.html", "Look into your mail")


@get("/p/{slug:str}/guest/{token:str}", guards=[anyone], include_in_schema=False)
async def guest(request: Request, slug: FromPath[str], token: FromPath[str]) -> Response[str]:  # type: ignore[type-arg]
    """One project, for whoever has the link. A link that does not hold is an address that leads nowhere."""
    account = await open_account(request, slug)
    view = await SponsorRoom(house_of(request)).guest_view(account, token)
    if view is None:
        raise NotFoundException
    return public_page(request, account, "guest.html", view.name, headers=SECRET, view=view)


@post("/projects/{project_id:uuid}/sponsor-domains", guards=[may_administer], include_in_schema=False)
async def allow(request: PageRequest, project_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Let a domain's people in."""
    form = await read_form(request)
    domain = form.text("domain", chars_max=DOMAIN_CHARS_MAX, is_required=True)
    await SponsorRoom(house_of(request)).allow(request.user, project_id, domain)
    return done(request, f"/projects/{project_id}", "People of this domain can ask for a link.")


@post(
    "/projects/{project_id:uuid}/sponsor-domains/{domain_id:uuid}/revoke",
    guards=[may_administer],
    include_in_schema=False,
)
async def revoke(
    request: PageRequest, project_id: FromPath[UUID], domain_id: FromPath[UUID]
) -> Response[None] | Redirect:
    """Let a domain's people in no longer; their links end."""
    await SponsorRoom(house_of(request)).revoke(request.user, project_id, domain_id)
    return done(request, f"/projects/{project_id}", "Taken back. Its guests’ links have ended.")


@post("/projects/{project_id:uuid}/guests/{guest_id:uuid}/revoke", guards=[may_administer], include_in_schema=False)
async def revoke_guest(
    request: PageRequest, project_id: FromPath[UUID], guest_id: FromPath[UUID]
) -> Response[None] | Redirect:
    """End one guest's link."""
    await SponsorRoom(house_of(request)).revoke_guest(request.user, project_id, guest_id)
    return done(request, f"/projects/{project_id}", "The link has ended.")


def _form(
    request: Request,  # type: ignore[type-arg]
    account: PublicAccount,
    filled: Filled,
    *,
    status: int = 200,
) -> Response[str]:
    guards = guard_fields(request, account, SPONSOR)
    return public_page(
        request, account, "sponsor.html", "For sponsors", status=status, filled=filled, guard_fields=guards
    )


handlers: list[HTTPRouteHandler] = [
    sponsor_page,
    ask_for_link,
    sponsor_sent,
    guest,
    allow,
    revoke,
    revoke_guest,
]
