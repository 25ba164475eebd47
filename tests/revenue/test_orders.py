"""From a paid checkout to an order and back: what one payment leads to, exactly once, whatever tells of it."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.revenue.shop import Shop
from tests.sandbox.stripe.standin import DECLINED
from trinity import crm, integrations, revenue
from trinity.jobs import money

LATER = "sepa_debit"


async def told(shop: Shop, visitor: httpx.AsyncClient) -> None:
    """Every event that is not known yet comes in, and all jobs are done."""
    await shop.tell(visitor, shop.all_events())
    await shop.work()


async def test_what_a_payment_leads_to(shop: Shop, visitor: httpx.AsyncClient) -> None:
    offer = await shop.offer()
    checkout_id = await shop.buy(offer)
    await told(shop, visitor)
    [order] = await shop.orders()
    assert (order.number, order.state, order.amount_minor, order.currency) == (1, "paid", 4900, "eur")
    assert (order.email, order.checkout_id, order.offer_title) == ("ada@customer.example", checkout_id, offer.title)
    async with shop.world.tx() as tx:
        assert order.deal_id
        assert (await crm.get_deal(tx, order.deal_id)).stage == "won"
        intake = await revenue.get_intake(tx, order.id)
        fulfilment = await revenue.get_fulfilment(tx, order.id)
        happened = await revenue.list_revenue_events(tx, order.id)
        lines = await revenue.list_transfers(tx, order_id=order.id)
        kinds = [one.kind for one in await crm.timeline(tx, order.contact_id)]
    assert (intake.release_state, intake.website) == ("quarantined", "https://customer.example")
    [source] = shop.rows("select * from sources where account_id = %(account)s and origin = 'public_form'")
    assert (source["id"], source["contact_id"], bytes(source["body"])) == (intake.source_id, order.contact_id, b"Please look at our shop.")  # fmt: skip
    assert fulfilment.state == "awaiting"
    assert [(one.kind, one.amount_minor) for one in happened] == [("order.paid", 4900)]
    assert sorted((one.debit, one.credit, one.amount_minor, one.kind) for one in lines) == [
        ("fees", "stripe", 172, "charge.fee"),
        ("stripe", "sales", 4900, "charge"),
    ]
    assert {"checkout_begun", "deal_opened", "deal_moved", "order_paid"} <= set(kinds)
    jobs = shop.rows("select args from oban_jobs where worker = 'trinity.jobs.models.OrderPaid'")
    assert [one["args"]["order_id"] for one in jobs].count(str(order.id)) == 1
    assert await shop.balances() == {("stripe", "eur"): 4728, ("sales", "eur"): -4900, ("fees", "eur"): 172}
    assert shop.caller.balance() == {"eur": 4728}
    outcomes = shop.rows("select type, outcome from stripe_events where account_id = %(account)s")
    assert {one["type"]: one["outcome"] for one in outcomes}["payment_intent.succeeded"] == "ignored"
    assert all(one["outcome"] in ("processed", "ignored") for one in outcomes)


async def test_the_same_webhook_twenty_times_at_once_is_one_order(shop: Shop, visitor: httpx.AsyncClient) -> None:
    await shop.buy(await shop.offer())
    [completed] = shop.caller.events("checkout.session.completed")
    await asyncio.gather(*(shop.tell(visitor, [completed]) for _ in range(20)))
    # Twenty events of the same payment, each with a job of its own, all at once.
    await shop.tell(visitor, [completed | {"id": f"evt_again{n}"} for n in range(19)])
    rows = shop.rows("select id from stripe_events where account_id = %(account)s")
    assert len(rows) == 20
    account = {"account_id": str(shop.world.account_id)}
    runs = [shop.run("trinity.jobs.money.StripeEvent", account | {"event_id": str(row["id"])}) for row in rows]
    await asyncio.gather(*runs[:8])
    await asyncio.gather(*runs[8:])
    assert [one.number for one in await shop.orders()] == [1]
    assert [shop.count(name) for name in ("orders", "customers", "order_intakes", "fulfilments", "revenue_events")] == [1] * 5  # fmt: skip
    assert shop.rows("select distinct outcome from stripe_events where account_id = %(account)s") == [{"outcome": "processed"}]  # fmt: skip


async def test_refund_comes_before_its_order(shop: Shop, visitor: httpx.AsyncClient) -> None:
    await shop.buy(await shop.offer())
    [charge] = shop.caller.call("GET", "charges")["data"]
    shop.caller.refund(charge, amount="900")
    await shop.tell(visitor, shop.caller.events("refund.created"))
    await shop.work()
    [order] = await shop.orders()
    assert (order.state, order.refunded_minor) == ("partially_refunded", 900)
    await told(shop, visitor)
    assert (shop.count("orders"), shop.count("refunds")) == (1, 1)


async def test_refunds_whole_and_failed(shop: Shop, visitor: httpx.AsyncClient) -> None:
    await shop.buy(await shop.offer())
    [charge] = shop.caller.call("GET", "charges")["data"]
    refund = shop.caller.refund(charge)
    await told(shop, visitor)
    [order] = await shop.orders()
    assert (order.state, order.refunded_minor) == ("refunded", 4900)
    async with shop.world.tx() as tx:
        assert (await revenue.get_fulfilment(tx, order.id)).state == "cancelled"
    shop.caller.standin.control("refunds/fail", refund=refund["id"])
    await told(shop, visitor)
    [order] = await shop.orders()
    assert (order.state, order.refunded_minor) == ("paid", 0)
    async with shop.world.tx() as tx:
        assert (await revenue.get_fulfilment(tx, order.id)).state == "awaiting"
        assert [one.state for one in await revenue.list_refunds(tx, order.id)] == ["failed"]
        kinds = [one.kind for one in await revenue.list_revenue_events(tx, order.id)]
    assert kinds == ["order.paid", "refund.created", "refund.failed"]
    assert (await shop.balances())["refunds", "eur"] == 0


@pytest.mark.parametrize(("status", "state"), [("won", "paid"), ("lost", "dispute_lost")])
async def test_disputes(shop: Shop, visitor: httpx.AsyncClient, status: str, state: str) -> None:
    await shop.buy(await shop.offer())
    [charge] = shop.caller.call("GET", "charges")["data"]
    dispute = shop.caller.standin.control("disputes", charge=charge["id"])
    await told(shop, visitor)
    assert [one.state for one in await shop.orders()] == ["disputed"]
    shop.caller.standin.control("disputes/move", dispute=dispute["id"], status=status)
    await told(shop, visitor)
    assert [one.state for one in await shop.orders()] == [state]
    balances = await shop.balances()
    assert balances["disputes", "eur"] == (0 if status == "won" else 4900)
    assert balances["fees", "eur"] == 172 + 1500


async def test_payouts(shop: Shop, visitor: httpx.AsyncClient) -> None:
    await shop.buy(await shop.offer())
    payout = shop.caller.standin.control("payouts", currency="eur", account=shop.caller.account)
    await told(shop, visitor)
    assert (await shop.balances())["bank", "eur"] == 4728
    shop.caller.standin.control("payouts/move", payout=payout["id"], status="failed")
    await told(shop, visitor)
    assert (await shop.balances())["bank", "eur"] == 0
    async with shop.world.tx() as tx:
        assert [one.state for one in await revenue.list_payouts(tx)] == ["failed"]


@pytest.mark.parametrize(("outcome", "state", "orders"), [("succeeded", "completed", 1), ("failed", "failed", 0)])
async def test_a_payment_that_settles_later(
    shop: Shop, visitor: httpx.AsyncClient, outcome: str, state: str, orders: int
) -> None:
    checkout_id, session = await shop.checkout(await shop.offer())
    shop.caller.pay(session, LATER)
    await told(shop, visitor)
    assert await state_of(shop, checkout_id) == "processing"
    assert await shop.orders() == []
    shop.caller.standin.control("settle", session=session["id"], outcome=outcome)
    await told(shop, visitor)
    assert await state_of(shop, checkout_id) == state
    assert len(await shop.orders()) == orders


async def test_expired_and_declined_make_no_order(shop: Shop, visitor: httpx.AsyncClient) -> None:
    checkout_id, session = await shop.checkout(await shop.offer())
    shop.caller.pay(session, DECLINED)
    shop.caller.call("POST", f"checkout/sessions/{session['id']}/expire")
    await told(shop, visitor)
    assert (await state_of(shop, checkout_id), await shop.orders()) == ("expired", [])


@pytest.mark.parametrize("change", ["amount_minor = 4800", "currency = 'usd'"])
async def test_another_amount_or_currency_is_an_incident_and_no_order(
    shop: Shop, visitor: httpx.AsyncClient, change: str
) -> None:
    checkout_id = await shop.buy(await shop.offer())
    shop.rows(f"update checkout_sessions set {change} where account_id = %(account)s returning 1")
    await told(shop, visitor)
    await told(shop, visitor)
    assert (await state_of(shop, checkout_id), await shop.orders()) == ("failed", [])
    assert await shop.world.incidents() == ["payment_mismatch"]
    # The money is there all the same, and the books say so.
    assert (await shop.balances())["stripe", "eur"] == 4728


async def test_what_others_sold_is_no_order_but_is_in_the_books(shop: Shop, visitor: httpx.AsyncClient) -> None:
    charge = shop.caller.charge(1000)
    shop.caller.standin.control("disputes", charge=charge["id"])
    await told(shop, visitor)
    assert (await shop.orders(), shop.count("disputes")) == ([], 1)
    assert (await shop.balances())["stripe", "eur"] == shop.caller.balance()["eur"]
    assert {row["outcome"] for row in shop.rows("select outcome from stripe_events where account_id = %(account)s")} == {"ignored"}  # fmt: skip


async def test_an_older_look_is_never_applied_after_a_newer_one(
    shop: Shop, visitor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that fetched, and was overtaken, fetches again."""
    from trinity.jobs import stripe_state

    await shop.buy(await shop.offer())
    await told(shop, visitor)
    [order] = await shop.orders()
    [charge] = shop.caller.call("GET", "charges")["data"]
    fetch, looks = stripe_state._fetch, []

    async def slow(*args: Any) -> Any:
        looks.append(args)
        found = await fetch(*args)
        if len(looks) == 1:
            shop.caller.refund(charge)
            await stripe_state.sync_payment(
                shop.world.rails, shop.world.account_id, payment_intent_id=order.payment_intent_id or ""
            )
        return found

    monkeypatch.setattr(stripe_state, "_fetch", slow)
    await shop.run(
        "trinity.jobs.money.SyncOrder", {"account_id": str(shop.world.account_id), "order_id": str(order.id)}
    )
    assert len(looks) == 3
    assert [one.state for one in await shop.orders()] == ["refunded"]


async def test_delivery_and_what_comes_after(shop: Shop, visitor: httpx.AsyncClient) -> None:
    await shop.buy(await shop.offer())
    await told(shop, visitor)
    [order] = await shop.orders()
    async with shop.world.tx() as tx:
        for _ in range(2):
            await revenue.deliver(tx, order.id, order.id, shop.world.clock())
        assert (await revenue.get_order(tx, order.id)).state == "fulfilled"
        kinds = [one.kind for one in await revenue.list_revenue_events(tx, order.id)]
    assert kinds == ["order.paid", "order.delivered"]
    [charge] = shop.caller.call("GET", "charges")["data"]
    shop.caller.refund(charge, amount="900")
    await told(shop, visitor)
    assert [one.state for one in await shop.orders()] == ["partially_refunded"]


async def test_webhooks_that_never_came_are_found_in_the_list(shop: Shop) -> None:
    await shop.buy(await shop.offer())
    account = {"account_id": str(shop.world.account_id)}
    shop.world.clock.sleep(600)
    await shop.run(money.POLL_JOB, account)
    await shop.work()
    assert [one.state for one in await shop.orders()] == ["paid"]
    events = shop.count("stripe_events")
    assert events == len(shop.all_events())
    await shop.run(money.POLL_JOB, account)
    assert shop.count("stripe_events") == events
    async with shop.world.tx() as tx:
        stripe = await integrations.find_integration(tx, "stripe")
        assert stripe
        assert await integrations.get_cursor(tx, stripe.id, money.EVENTS_CURSOR)


async def test_an_event_without_a_job_gets_one(shop: Shop, visitor: httpx.AsyncClient) -> None:
    await shop.buy(await shop.offer())
    await shop.tell(visitor, shop.all_events())
    shop.rows("delete from oban_jobs where args->>'account_id' = %(account)s::text returning 1")
    async with shop.world.tx() as tx:
        assert await revenue.give_lost_events_a_job(tx, shop.world.clock()) == 0
        shop.world.clock.sleep(300)
        count = await revenue.give_lost_events_a_job(tx, shop.world.clock())
        assert count == len(shop.all_events())
        assert await revenue.give_lost_events_a_job(tx, shop.world.clock()) == 0
    await shop.work()
    assert len(await shop.orders()) == 1


async def test_an_order_without_a_run_or_a_job_gets_one(shop: Shop, visitor: httpx.AsyncClient) -> None:
    await shop.buy(await shop.offer())
    await told(shop, visitor)
    [order] = await shop.orders()
    shop.world.clock.sleep(300)
    async with shop.world.tx() as tx:
        assert await revenue.give_lost_orders_a_job(tx, shop.world.clock()) == 0, "its job waits"
    shop.world.tamper("delete from oban_jobs where args->>'order_id' = %(order)s", order=str(order.id))
    async with shop.world.tx() as tx:
        assert await revenue.give_lost_orders_a_job(tx, shop.world.clock()) == 1
        assert await revenue.give_lost_orders_a_job(tx, shop.world.clock()) == 0
    jobs = shop.rows("select args from oban_jobs where worker = 'trinity.jobs.models.OrderPaid'")
    assert [one["args"]["order_id"] for one in jobs].count(str(order.id)) == 1


async def test_booking_first_finds_the_order_itself(shop: Shop) -> None:
    await shop.buy(await shop.offer())
    await shop.book()
    [order] = await shop.orders()
    async with shop.world.tx() as tx:
        assert {one.order_id for one in await revenue.list_transfers(tx)} == {order.id}


async def test_a_long_list_is_booked_page_by_page_and_job_by_job(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from trinity.providers.stripe import read

    monkeypatch.setattr(read, "PAGE_SIZE", 2)
    monkeypatch.setattr(money, "PAGES_PER_JOB_MAX", 2)
    for _ in range(9):
        shop.caller.charge(1000)
    await shop.book()
    assert len(shop.rows("select distinct txn_id from ledger_transfers where account_id = %(account)s")) == 4
    await shop.work()
    await shop.book()
    assert (await shop.balances())["stripe", "eur"] == shop.caller.balance()["eur"]
    assert shop.count("ledger_transfers") == 18


async def state_of(shop: Shop, checkout_id: Any) -> str:
    async with shop.world.tx() as tx:
        return (await revenue.get_checkout(tx, checkout_id)).state


async def test_what_somebody_asked_about_is_the_deal_that_is_won(shop: Shop, visitor: httpx.AsyncClient) -> None:
    """An open deal is taken up, and only the payment changes it; the next purchase is a deal of its own."""
    offer = await shop.offer()
    world = shop.world
    async with world.tx() as tx:
        person = crm.NewContact(offer.project_id, "ada@customer.example", "Ada Byron")
        contact = await crm.meet(tx, world.owner, person, world.clock())
        deal = crm.NewDeal(offer.project_id, contact.id, "Request from Ada Byron")
        asked = await crm.open_deal(tx, world.owner, deal, world.clock())
    await shop.buy(offer)
    async with world.tx() as tx:
        before = await crm.get_deal(tx, asked)
        assert (before.stage, before.amount_minor) == ("new", None)
    await told(shop, visitor)
    await shop.buy(offer)
    await told(shop, visitor)
    first, second = sorted(await shop.orders(), key=lambda order: order.number)
    assert first.deal_id == asked and second.deal_id != asked
    async with world.tx() as tx:
        after = await crm.get_deal(tx, asked)
        assert (after.stage, after.amount_minor, after.currency) == ("won", 4900, "eur")
