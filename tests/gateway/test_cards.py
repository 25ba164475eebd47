"""Cards and lists of effects that are no mails, drawn by the real pages from the real contexts."""

import re
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest

from tests.paid import Shop
from tests.world import PASSWORD
from trinity.web.app import build_app
from trinity.web.config import WebConfig
from trinity.web.context_desk import ContextDesk
from trinity.web.live import Hub

ORIGIN = "http://127.0.0.1:8000"


@pytest.fixture
async def person(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """The owner, signed in."""
    config = WebConfig(ORIGIN, b"k" * 32, shop.world.gmail_url)
    app = build_app(config, ContextDesk(shop.world.app, None), Hub(None), clock=shop.world.clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(cast(Any, app)), base_url=ORIGIN) as client:
        async with shop.world.tx() as tx:
            email = await tx.value("select email from users where id = %(id)s", {"id": shop.world.owner_id})
        answer = await client.post("/api/v1/login", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        yield client


def words(page: str) -> str:
    """A page's text on one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


async def test_a_refund_shows_what_it_gives_back_of_what_and_how_many_have_approved(
    shop: Shop, person: httpx.AsyncClient
) -> None:
    order_id = await shop.order()
    made = await shop.propose_refund(order_id, 4000)
    card = words((await person.get(f"/approvals/{made.approval_id}")).text)
    for text in ("Refund of EUR 40.00", "the customer asked for it", "#1: Snapshot report", "Ada Byron", "0 of 2"):
        assert text in card
    assert "metadata[trinity_operation] = " in card
    assert "As sent" not in card
    assert "Subject" not in card
    await shop.world.approve(made)
    card = words((await person.get(f"/approvals/{made.approval_id}")).text)
    assert "1 of 2" in card
    assert "You have decided. Somebody else must, too." in card
    assert "Refund of EUR 40.00" in words((await person.get("/approvals")).text)
    record = words((await person.get(f"/tool-calls/{made.tool_call_id}")).text)
    assert "Refund of EUR 40.00" in record
    shown = (await person.get(f"/api/v1/approvals/{made.approval_id}")).json()
    assert shown["mail"] is None
    assert shown["matter"]["parameters"]["amount"] == "4000"
    assert "Refund" not in words((await person.get("/mail")).text)


async def test_a_checkout_has_a_page_and_is_no_sent_mail(shop: Shop, person: httpx.AsyncClient) -> None:
    checkout_id, offer_id = await shop.checkout()
    made = await shop.propose_checkout(shop.checkout_payload(checkout_id, offer_id))
    await shop.world.drive(made.tool_call_id)
    record = words((await person.get(f"/tool-calls/{made.tool_call_id}")).text)
    for text in ("Checkout: Snapshot report, EUR 49.00", "ada@customer.example", "opened", "checkout.sessions.create"):
        assert text in record
    assert "Snapshot report" not in words((await person.get("/mail")).text)
