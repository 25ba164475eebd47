"""The stranger: asks, buys, pays; and what the agency makes of it."""

import asyncio
from typing import Any

from trinity.cli.story.cast import CUSTOMER, WEBSITE, Cast
from trinity.cli.story.sandboxes import Sandboxes
from trinity.cli.story.teller import Teller, demand, until
from trinity.web.public_forms import FILL_MIN_S

MESSAGE = "Our shop is slow on phones, and customers tell us so. What would you look at first?"
INTAKE = "Please look at how fast the start page is on a phone, and at broken links. We sell tea and cups."
GOOD_CARD = "4242424242424242"

type Json = dict[str, Any]


async def ask(teller: Teller, cast: Cast, sandboxes: Sandboxes) -> None:
    """The public request form, and what stands in the CRM afterwards."""
    with teller.step("a stranger asks on the public page: a lead, a contact, a deal, a quarantined message"):
        page = await cast.visitor.open(f"/p/{cast.slug}/ask")
        # The form refuses whoever fills it in faster than people do.
        await asyncio.sleep(FILL_MIN_S)
        fields = {"name": CUSTOMER[1], "email": CUSTOMER[0], "website": WEBSITE, "message": MESSAGE}
        thanks = await cast.visitor.send(page.form("message"), **fields)
        demand(thanks.status == 200, f"the form answered {thanks.status}")
        found = (await cast.owner.get(f"/contacts?search={CUSTOMER[0]}"))["items"]
        demand(len(found) == 1, f"{len(found)} contacts have this address")
        deals = (await cast.owner.get("/deals"))["items"]
        demand([deal["stage"] for deal in deals] == ["new"], f"the deals are {deals}")
    with teller.step("the owner hears of it by a notice of fixed words"):
        await until(lambda: _noticed(sandboxes), "the owner's notice")


async def _noticed(sandboxes: Sandboxes) -> bool | None:
    return True if await sandboxes.notices() else None


async def buy(teller: Teller, cast: Cast, sandboxes: Sandboxes) -> Json:
    """From the offer over Stripe's hosted page to a paid order. Returns the order."""
    with teller.step("the stranger chooses an offer and is led to Stripe's checkout"):
        window = await cast.visitor.open(f"/p/{cast.slug}")
        offer = await cast.visitor.open(window.link("/offers/"))
        form = offer.form("email")
        await asyncio.sleep(FILL_MIN_S)
        fields = {"name": CUSTOMER[1], "email": CUSTOMER[0], "website": WEBSITE, "intake": INTAKE}
        page = await cast.visitor.send(form, **fields)
        tries = 0
        while "/c/pay/" not in page.text and tries < 20:
            page, tries = await cast.visitor.open(page.url), tries + 1
        hosted = await cast.visitor.open(page.link("/c/pay/"))
    with teller.step("the stranger pays there with a test card, and comes back"):
        back = await cast.visitor.send(hosted.form("means"), email=CUSTOMER[0], means=GOOD_CARD)
        demand(back.status == 200 and f"/p/{cast.slug}" in back.url, f"the way back led to {back.url} ({back.status})")
    with teller.step("a signed webhook makes one customer, one order, one intake in quarantine; the deal is won"):
        order = await until(lambda: _order(cast), "the order")
        teller.order_id = order["id"]
        stages = [deal["stage"] for deal in (await cast.owner.get("/deals"))["items"]]
        demand(stages == ["won"], f"the deals' stages are {stages}")
    with teller.step("the ledger has the sale and Stripe's fee, and agrees with Stripe's own balance"):
        await until(lambda: books_agree(cast, sandboxes), "the ledger to agree with Stripe")
    return order


async def _order(cast: Cast) -> Json | None:
    items = (await cast.owner.get("/orders"))["items"]
    demand(len(items) <= 1, f"{len(items)} orders were made of one payment")
    return items[0] if items else None


async def books_agree(cast: Cast, sandboxes: Sandboxes) -> bool | None:
    """Whether the ledger's account at Stripe holds what Stripe says, and nothing is missing."""
    balances = (await cast.owner.get("/ledger"))["balances"]
    ours = {one["currency"]: one["amount_minor"] for one in balances if one["account"] == "stripe"}
    theirs = (await sandboxes.money())["balances"]
    wanted: dict[str, int] = next(iter(theirs.values()), {})
    return True if ours and ours == {name: amount for name, amount in wanted.items() if name in ours} else None
