"""Buying, on public pages: an offer with its form, the way to Stripe's page, and what became of it.

After the form is posted, the browser is sent to a page of ours and from there to Stripe by a link and a refresh. A
redirect from the post itself would be stopped: our policy says `form-action 'self'`, which browsers hold against every
address that a form's answer redirects to.
"""

import asyncio
import re

from litestar import Request, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from trinity.accounts import PublicAccount
from trinity.errors import Blocked, NotFound, Refused
from trinity.revenue import Checkout, Offer
from trinity.web.context import house_of
from trinity.web.forms import read_form
from trinity.web.guards import anyone
from trinity.web.pages.public import read_person
from trinity.web.public import SHOWN, Filled, open_account, public_page, record_refusal, too_many
from trinity.web.public_forms import PUBLIC_BODY_BYTES_MAX, Verdict, guard_fields, judge, unhurried
from trinity.web.rooms.buying import Buyer, BuyingRoom

BUY = "buy"
WAIT_S = 5.0
LOOK_EVERY_S = 0.25
REFRESH_S = 2
"""How soon the page that waits loads itself again."""
NOBODY = "0"
"""A token that opens nothing: where whoever fell into the trap is sent."""
_PLAIN_URL = re.compile(r"https?://[!-~]{1,2000}")


@get("/p/{slug:str}/offers/{offer:str}", guards=[anyone], include_in_schema=False)
async def offer_page(request: Request, slug: FromPath[str], offer: FromPath[str]) -> Response[str]:  # type: ignore[type-arg]
    """What is sold, for how much, and the form."""
    account = await open_account(request, slug)
    return _offer_page(request, account, await _offer(request, account, offer), Filled(), headers=SHOWN)


@post(
    "/p/{slug:str}/offers/{offer:str}",
    guards=[anyone],
    include_in_schema=False,
    request_max_body_size=PUBLIC_BODY_BYTES_MAX,
)
async def buy(request: Request, slug: FromPath[str], offer: FromPath[str]) -> Response[str] | Redirect:  # type: ignore[type-arg]
    """Begin a checkout. A machine that fell into the trap is sent on like everybody, to a checkout that is over."""
    account = await open_account(request, slug)
    found = await _offer(request, account, offer)
    async with unhurried():
        form = await read_form(request)
        verdict = judge(request, account, BUY, form)
        if verdict is not Verdict.PASSED:
            await record_refusal(request, account, BUY, verdict)
        if verdict is Verdict.TOO_MANY:
            return too_many(request, account)
        token = NOBODY
        if verdict is not Verdict.TRAPPED:
            filled = Filled.untimely() if verdict is Verdict.UNTIMELY else Filled()
            read_person(form, filled, "intake", "Please say what we should look at.")
            if filled.problems or filled.notice:
                return _offer_page(request, account, found, filled, status=422)
            try:
                token = await BuyingRoom(house_of(request)).buy(account, found, Buyer(**filled.values))
            except (Refused, Blocked):
                # Nothing was begun: no Stripe is connected, or it was disconnected a moment ago. Not the visitor's fault.
                return public_page(request, account, "later.html", "A little later, please", status=503)
        return Redirect(f"/p/{account.slug}/checkout/{token}", status_code=303)


@get("/p/{slug:str}/checkout/{token:str}", guards=[anyone], include_in_schema=False)
async def checkout_page(request: Request, slug: FromPath[str], token: FromPath[str]) -> Response[str] | Redirect:  # type: ignore[type-arg]
    """The way to Stripe's page: waits some seconds for the session, then asks the browser to come again."""
    account = await open_account(request, slug)
    checkout = await _awaited(request, account, token)
    if checkout is not None and checkout.state in ("completed", "processing"):
        return Redirect(f"/p/{account.slug}/thanks/{token}", status_code=303)
    headers = {"referrer-policy": "no-referrer"}
    place = None
    if checkout is not None and checkout.state == "preparing":
        headers["refresh"] = str(REFRESH_S)
    elif checkout is not None and checkout.state == "open" and _PLAIN_URL.fullmatch(checkout.url or ""):
        place = checkout.url
        headers["refresh"] = f"0; url={place}"
    title = "To the payment" if place else "One moment"
    return public_page(request, account, "checkout.html", title, headers=headers, checkout=checkout, place=place)


@get("/p/{slug:str}/thanks/{token:str}", guards=[anyone], include_in_schema=False)
async def bought(request: Request, slug: FromPath[str], token: FromPath[str]) -> Response[str]:  # type: ignore[type-arg]
    """Where Stripe sends the buyer back to: how it stands, by what Stripe has told us and by nothing the browser says."""
    account = await open_account(request, slug)
    found = await BuyingRoom(house_of(request)).checkout(account, token)
    checkout, order = found or (None, None)
    headers = {"referrer-policy": "no-referrer"}
    if checkout is not None and order is None and checkout.state in ("open", "preparing"):
        headers["refresh"] = str(REFRESH_S)
    title = "Thank you" if order else "Your order"
    return public_page(request, account, "bought.html", title, headers=headers, checkout=checkout, order=order)


async def _offer(request: Request, account: PublicAccount, slug: str) -> Offer:  # type: ignore[type-arg]
    try:
        return await BuyingRoom(house_of(request)).offer(account, slug)
    except NotFound as error:
        raise NotFoundException from error


async def _awaited(request: Request, account: PublicAccount, token: str) -> Checkout | None:  # type: ignore[type-arg]
    """The checkout as soon as it no longer waits for its session, or as it stands after `WAIT_S`."""
    room = BuyingRoom(house_of(request))
    found = await room.checkout(account, token)
    for _ in range(int(WAIT_S / LOOK_EVERY_S)):
        if found is None or found[0].state != "preparing":
            break
        await asyncio.sleep(LOOK_EVERY_S)
        found = await room.checkout(account, token)
    return found[0] if found else None


def _offer_page(
    request: Request,  # type: ignore[type-arg]
    account: PublicAccount,
    offer: Offer,
    filled: Filled,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response[str]:
    fields = guard_fields(request, account, BUY)
    return public_page(
        request,
        account,
        "offer.html",
        offer.title,
        status=status,
        headers=headers,
        offer=offer,
        filled=filled,
        guard_fields=fields,
    )


handlers: list[HTTPRouteHandler] = [offer_page, buy, checkout_page, bought]
