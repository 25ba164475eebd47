"""A stranger buys: the offer's page, its form, the way to Stripe's page, and what the thanks page says when."""

import re
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.revenue.shop import Shop
from tests.web.conftest import ORIGIN
from trinity import gateway
from trinity.gateway import Proposal
from trinity.web.pages import buying

HONEST = {"name": "Ada Byron", "email": "Ada@Customer.example", "website": "customer.example", "intake": "Our shop."}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for what a test brings about itself."""
    monkeypatch.setattr(buying, "WAIT_S", 0.25)


async def place_of(shop: Shop) -> str:
    async with shop.world.tx() as tx:
        slug = await tx.value("select slug from accounts where id = %(id)s", {"id": shop.world.account_id})
    return f"/p/{slug}"


async def filled(shop: Shop, visitor: httpx.AsyncClient, path: str, **changes: str) -> httpx.Response:
    """Look at the form, take a person's time, send it."""
    page = await visitor.get(path)
    assert page.status_code == 200, page.text
    stamp = re.search(r'name="stamp" value="([^"]+)"', page.text)
    assert stamp
    shop.world.clock.sleep(20)
    return await visitor.post(path, data=HONEST | {"stamp": stamp[1]} | changes, headers={"origin": ORIGIN})


async def open_session(shop: Shop) -> UUID:
    """Do what the executor does with the call that the form led to."""
    [row] = shop.rows("select tool_call_id from checkout_sessions where account_id = %(account)s order by id desc limit 1")  # fmt: skip
    call = await shop.world.drive(row["tool_call_id"])
    assert call.state == "succeeded", call.reasons
    found: UUID = row["tool_call_id"]
    return found


async def test_from_the_offer_to_the_order(shop: Shop, visitor: httpx.AsyncClient) -> None:
    offer, home = await shop.offer(), await place_of(shop)
    path = f"{home}/offers/{offer.slug}"
    assert offer.slug in (await visitor.get(home)).text
    assert "EUR 49.00" in (await visitor.get(path)).text
    sent = await filled(shop, visitor, path)
    assert sent.status_code == 303
    way = sent.headers["location"]
    waiting = await visitor.get(way)
    assert (waiting.headers["refresh"], "One moment" in waiting.text) == ("2", True)
    call_id = await open_session(shop)
    there = await visitor.get(way)
    [session] = shop.caller.standin.books(shop.caller.account)["sessions"]
    assert there.status_code == 200
    page = f"{shop.caller.standin.base_url}/c/pay/{session['id']}"
    assert there.headers["refresh"] == f"0; url={page}"
    assert f'href="{page}"' in there.text
    assert session["metadata"]["trinity_tool_call"] == str(call_id)
    assert (session["amount_total"], session["customer_email"]) == (4900, "ada@customer.example")
    thanks = session["success_url"].removeprefix(ORIGIN)
    assert session["cancel_url"] == f"{ORIGIN}{path}"
    before = await visitor.get(thanks)
    assert ("One moment" in before.text, before.headers["refresh"]) == (True, "2")
    assert shop.caller.pay(session).status_code == 303
    await shop.tell(visitor, shop.all_events())
    await shop.work()
    after = await visitor.get(thanks)
    assert "Order 1 is paid" in after.text
    assert "refresh" not in after.headers
    assert after.headers["referrer-policy"] == "no-referrer"
    again = await visitor.get(way)
    assert (again.status_code, again.headers["location"]) == (303, thanks)


async def test_a_webhook_is_faster_than_our_own_settling(shop: Shop, visitor: httpx.AsyncClient) -> None:
    """The session exists at Stripe and is paid before our row knows its id: the metadata names the call."""
    offer, home = await shop.offer(), await place_of(shop)
    await filled(shop, visitor, f"{home}/offers/{offer.slug}")
    await open_session(shop)
    [session] = shop.caller.standin.books(shop.caller.account)["sessions"]
    shop.rows("update checkout_sessions set provider_session_id = null, url = null, state = 'preparing' where account_id = %(account)s returning 1")  # fmt: skip
    shop.caller.pay(session)
    await shop.tell(visitor, shop.all_events())
    await shop.work()
    [order] = await shop.orders()
    assert order.state == "paid"


async def test_machines_are_thanked_and_buy_nothing(shop: Shop, visitor: httpx.AsyncClient) -> None:
    offer, home = await shop.offer(), await place_of(shop)
    path = f"{home}/offers/{offer.slug}"
    trapped = await filled(shop, visitor, path, topic="1")
    assert (trapped.status_code, trapped.headers["location"].startswith(f"{home}/checkout/")) == (303, True)
    over = await visitor.get(trapped.headers["location"])
    assert (over.status_code, "This checkout is over" in over.text) == (200, True)
    hasty = await visitor.post(path, data=HONEST, headers={"origin": ORIGIN})
    assert hasty.status_code == 422
    elsewhere = await visitor.post(path, data=HONEST, headers={"origin": "https://evil.example"})
    assert elsewhere.status_code == 403
    assert (shop.count("checkout_sessions"), shop.count("contacts")) == (0, 0)


async def test_what_is_not_right_is_said_and_kept(shop: Shop, visitor: httpx.AsyncClient) -> None:
    offer, home = await shop.offer(), await place_of(shop)
    for name, value in (
        ("email", "nobody"),
        ("name", ""),
        ("intake", "  "),
        ("intake", "x" * 5001),
        ("website", "a b"),
    ):
        answer = await filled(shop, visitor, f"{home}/offers/{offer.slug}", **{name: value})
        assert answer.status_code == 422
        assert f'aria-describedby="{name}-problem"' in answer.text
    assert shop.count("checkout_sessions") == 0


async def test_what_is_not_for_sale_does_not_exist(shop: Shop, visitor: httpx.AsyncClient) -> None:
    offer, home = await shop.offer(), await place_of(shop)
    shop.rows("update offers set state = 'draft' where account_id = %(account)s returning 1")
    nowhere = await visitor.get(f"{home}/offers/nothing")
    draft = await visitor.get(f"{home}/offers/{offer.slug}")
    assert (draft.status_code, nowhere.status_code) == (404, 404)
    assert offer.slug not in (await visitor.get(home)).text


async def test_another_accounts_token_opens_nothing(shop: Shop, visitor: httpx.AsyncClient, open_shop: Any) -> None:
    offer, home = await shop.offer(), await place_of(shop)
    sent = await filled(shop, visitor, f"{home}/offers/{offer.slug}")
    token = sent.headers["location"].rpartition("/")[2]
    other = await place_of(await open_shop())
    assert "This checkout is over" in (await visitor.get(f"{other}/thanks/{token}")).text
    assert "This checkout is over" in (await visitor.get(f"{home}/thanks/{'x' * 500}")).text


async def test_without_stripe_nothing_is_begun(shop: Shop, visitor: httpx.AsyncClient) -> None:
    offer, home = await shop.offer(), await place_of(shop)
    shop.rows("delete from integrations where account_id = %(account)s and provider = 'stripe' returning 1")
    answer = await filled(shop, visitor, f"{home}/offers/{offer.slug}")
    assert (answer.status_code, "A little later" in answer.text) == (503, True)
    assert (shop.count("checkout_sessions"), shop.count("contacts")) == (0, 0)


async def test_a_refund_is_proposed_approved_executed_and_shown(shop: Shop, visitor: httpx.AsyncClient) -> None:
    """The whole circle, with the gateway between: our order follows from Stripe's word alone."""
    offer, home = await shop.offer(2000), await place_of(shop)
    await filled(shop, visitor, f"{home}/offers/{offer.slug}")
    await open_session(shop)
    [session] = shop.caller.standin.books(shop.caller.account)["sessions"]
    shop.caller.pay(session)
    await shop.tell(visitor, shop.all_events())
    await shop.work()
    [order] = await shop.orders()
    payload = {"order_id": str(order.id), "amount_minor": 500, "currency": "eur", "reason": "requested_by_customer"}
    proposal = Proposal(order.project_id, "stripe.refund", "refund-1", payload)
    made = await gateway.propose(shop.world.app, shop.world.agent, proposal)
    await shop.world.approve(made)
    shop.world.clock.sleep(31)
    assert (await shop.world.drive(made.tool_call_id)).state == "succeeded"
    await shop.run("trinity.jobs.money.SyncOrder", {"account_id": str(shop.world.account_id), "order_id": str(order.id)})  # fmt: skip
    await shop.work()
    [order] = await shop.orders()
    assert (order.state, order.refunded_minor) == ("partially_refunded", 500)
    [row] = shop.rows("select tool_call_id, state from refunds where account_id = %(account)s")
    assert (row["tool_call_id"], row["state"]) == (made.tool_call_id, "succeeded")
    assert (await shop.balances())["refunds", "eur"] == 500
