"""Offers, orders and the ledger as members see them, by page and by API."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.revenue.conftest import visitor_of
from tests.revenue.shop import Shop
from tests.world import PASSWORD
from trinity import accounts

API = "/api/v1"


async def sign_in(client: httpx.AsyncClient, email: str) -> None:
    answer = await client.post(f"{API}/login", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    client.headers["x-csrf-token"] = answer.json()["csrf_token"]


@pytest.fixture
async def owner(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """The shop's owner, signed in."""
    async with visitor_of(shop) as client:
        async with shop.world.tx() as tx:
            member = await accounts.get_member(tx, shop.world.owner_id)
        await sign_in(client, member.email)
        yield client


@pytest.fixture
async def auditor(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may only read."""
    email = f"auditor@{shop.world.account_id.hex}.example"
    await shop.world.second_person("auditor", email)
    async with visitor_of(shop) as client:
        await sign_in(client, email)
        yield client


def body(shop: Shop, **changes: object) -> dict[str, object]:
    made = {"project_id": str(shop.world.project_id), "title": "Snapshot report", "amount_minor": 4900, "currency": "EUR"}  # fmt: skip
    return made | changes


async def test_an_offer_is_made_published_and_archived(shop: Shop, owner: httpx.AsyncClient) -> None:
    made = (await owner.post(f"{API}/offers", json=body(shop))).json()
    assert (made["state"], made["slug"], made["currency"]) == ("draft", "snapshot-report", "eur")
    second = (await owner.post(f"{API}/offers", json=body(shop, title="Snapshot  Report!"))).json()
    assert second["slug"].startswith("snapshot-report-")
    for verb, state in (("publish", "published"), ("publish", "published"), ("archive", "archived")):
        answer = await owner.post(f"{API}/offers/{made['id']}/{verb}")
        assert (answer.status_code, answer.json()["state"]) == (200, state)
    again = await owner.post(f"{API}/offers/{made['id']}/publish")
    assert (again.status_code, again.json()["code"]) == (409, "offer_archived")
    assert [one["id"] for one in (await owner.get(f"{API}/offers")).json()["items"]] == [second["id"], made["id"]]
    assert [one.facts for one in await shop.world.events("offer.archived")] == [{"from": "published"}]


NO_OFFERS: list[tuple[dict[str, object], str]] = [
    ({"currency": "XXX"}, "invalid_currency"),
    ({"currency": "ISK"}, "invalid_currency"),
    ({"amount_minor": 49}, "invalid_amount"),
    ({"amount_minor": 49.5}, "invalid_payload"),
    ({"amount_minor": 0}, "invalid_payload"),
    ({"title": "a\u202eb"}, "invalid_offer"),
    ({"title": "   "}, "invalid_offer"),
    ({"price": 1}, "invalid_payload"),
    ({"project_id": "01a00000-0000-7000-8000-000000000000"}, "not_found"),
]


async def test_what_is_no_offer(shop: Shop, owner: httpx.AsyncClient) -> None:
    for change, code in NO_OFFERS:
        answer = await owner.post(f"{API}/offers", json=body(shop, **change))
        assert (answer.status_code // 100, answer.json()["code"]) == (4, code), change
    assert shop.count("offers") == 0


async def test_an_auditor_reads_and_changes_nothing(shop: Shop, auditor: httpx.AsyncClient) -> None:
    offer = await shop.offer()
    assert (await auditor.post(f"{API}/offers", json=body(shop))).status_code == 403
    assert (await auditor.post(f"{API}/offers/{offer.id}/archive")).status_code == 403
    for path in ("/offers", "/orders", "/ledger"):
        page = await auditor.get(path)
        assert page.status_code == 200
        assert "<form" not in page.text.partition("<main")[2].partition("</main>")[0]


async def test_pages_show_an_order_with_all_that_hangs_on_it(shop: Shop, owner: httpx.AsyncClient) -> None:
    await shop.buy(await shop.offer())
    await shop.tell(owner, shop.all_events())
    await shop.work()
    [charge] = shop.caller.call("GET", "charges")["data"]
    refund = shop.caller.refund(charge, amount="900")
    shop.caller.standin.control("payouts", currency="eur", account=shop.caller.account)
    await shop.tell(owner, shop.all_events())
    await shop.work()
    [order] = await shop.orders()
    listed = await owner.get("/orders")
    assert f"/orders/{order.id}" in listed.text
    assert "EUR 49.00" in listed.text
    assert f"/orders/{order.id}" not in (await owner.get("/orders?state=refunded")).text
    page = (await owner.get(f"/orders/{order.id}")).text
    for wanted in ("ada@customer.example", refund["id"], charge["id"], "EUR 9.00", "made at Stripe", f"/crm/contacts/{order.contact_id}", "/sources/", f"/proof/order/{order.id}", "Propose it"):  # fmt: skip
        assert wanted in page, wanted
    assert "Please look at our shop." not in page
    books = (await owner.get("/ledger")).text
    assert "EUR -49.00" in books
    assert "EUR 38.28" in books
    only = (await owner.get("/ledger?account=refunds&currency=eur")).text
    assert only.count('id="transfer-') == 1
    whole = (await owner.get(f"{API}/orders/{order.id}")).json()
    assert (whole["state"], whole["refunded_minor"], len(whole["transfers"])) == ("partially_refunded", 900, 3)
    ledger = (await owner.get(f"{API}/ledger?account=bank")).json()
    assert [one["kind"] for one in ledger["transfers"]] == ["payout"]
    assert {(one["account"], one["amount_minor"]) for one in ledger["balances"]} == {
        ("stripe", 0), ("bank", 3828), ("sales", -4900), ("fees", 172), ("refunds", 900),
    }  # fmt: skip
    assert (await owner.get(f"{API}/orders?state=partially_refunded")).json()["items"][0]["number"] == 1


async def test_another_account_has_no_such_order(shop: Shop, owner: httpx.AsyncClient, open_shop: object) -> None:
    from typing import Any, cast

    other = await cast(Any, open_shop)()
    await other.buy(await other.offer())
    async with visitor_of(other) as client:
        await other.tell(client, other.all_events())
    await other.work()
    [order] = await other.orders()
    for path in (f"/orders/{order.id}", f"{API}/orders/{order.id}"):
        assert (await owner.get(path)).status_code == 404
    assert (await owner.get(f"{API}/orders")).json() == {"items": []}


async def test_an_offer_by_its_form(shop: Shop, owner: httpx.AsyncClient) -> None:
    form = {"title": "A look", "summary": "Short.", "price": "49,50", "currency": "eur", "project_id": str(shop.world.project_id)}  # fmt: skip
    headers = {"origin": "http://127.0.0.1:8000"}
    assert (await owner.post("/offers", data=form, headers=headers)).status_code == 303
    assert (await owner.post("/offers", data=form | {"price": "a lot"}, headers=headers)).status_code == 422
    [offer] = (await owner.get(f"{API}/offers")).json()["items"]
    assert (offer["amount_minor"], offer["state"]) == (4950, "draft")
    assert (await owner.post(f"/offers/{offer['id']}/publish", data={}, headers=headers)).status_code == 303
    assert "Take it off sale" in (await owner.get("/offers")).text
