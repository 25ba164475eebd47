"""What is looked after every minute, and what happens while Stripe is slow, silent or behind."""

import random
from typing import Any

import httpx
import pytest

from tests.revenue.shop import Shop
from trinity.errors import Unavailable
from trinity.jobs import money
from trinity.jobs.station import ExecutorStation, set_station

JOBS = "select worker, count(*) as n from oban_jobs where args->>'account_id' = %(account)s::text and state = 'available' group by 1"


async def one_round(shop: Shop) -> dict[str, int]:
    set_station(ExecutorStation(shop.world.rails))
    no_job: Any = None
    await money.MoneyRound().process(no_job)
    return {row["worker"].rpartition(".")[2]: row["n"] for row in shop.rows(JOBS)}


async def test_each_minute_each_account_with_a_stripe_is_looked_after_once(shop: Shop) -> None:
    assert await one_round(shop) == {"BookBalance": 1, "PollEvents": 1}
    assert await one_round(shop) == {"BookBalance": 1, "PollEvents": 1}
    await shop.work()
    shop.rows("update integrations set state = 'suspended' where account_id = %(account)s and provider = 'stripe' returning 1")  # fmt: skip
    assert await one_round(shop) == {}


async def test_a_list_that_is_behind_is_noticed_and_asked_again(shop: Shop, visitor: httpx.AsyncClient) -> None:
    await shop.buy(await shop.offer())
    await shop.tell(visitor, shop.all_events())
    await shop.work()
    [order] = await shop.orders()
    [charge] = shop.caller.call("GET", "charges")["data"]
    shop.caller.refund(charge, amount="900")
    args = {"account_id": str(shop.world.account_id), "order_id": str(order.id)}
    shop.caller.standin.fault("/v1/refunds", "stale_list", seconds=60)
    with pytest.raises(Unavailable):
        await shop.run("trinity.jobs.money.SyncOrder", args)
    assert [one.state for one in await shop.orders()] == ["paid"]
    await shop.run("trinity.jobs.money.SyncOrder", args)
    assert [one.state for one in await shop.orders()] == ["partially_refunded"]
    shop.caller.standin.control("disputes", charge=charge["id"])
    shop.caller.standin.fault("/v1/disputes", "stale_list", seconds=60)
    with pytest.raises(Unavailable):
        await shop.run("trinity.jobs.money.SyncOrder", args)
    await shop.run("trinity.jobs.money.SyncOrder", args)
    assert [one.state for one in await shop.orders()] == ["disputed"]


async def test_movements_that_a_list_leaves_out_are_booked_later(shop: Shop) -> None:
    shop.caller.charge(1000)
    await shop.book()
    shop.caller.charge(2000)
    shop.caller.standin.fault("/v1/balance_transactions", "stale_list", seconds=60)
    await shop.book()
    assert shop.count("ledger_transfers") == 2
    await shop.book()
    assert (await shop.balances())["stripe", "eur"] == shop.caller.balance()["eur"]


@pytest.mark.parametrize("mode", ["429", "reject_500", "accept_then_drop"])
async def test_whatever_read_fails_the_job_tries_again_and_ends_the_same(
    shop: Shop, visitor: httpx.AsyncClient, mode: str
) -> None:
    await shop.buy(await shop.offer())
    await shop.tell(visitor, shop.all_events())
    chance = random.Random(7)
    account = {"account_id": str(shop.world.account_id)}
    events = [str(row["id"]) for row in shop.rows("select id from stripe_events where account_id = %(account)s")]
    for path in ("/v1/checkout/sessions", "/v1/refunds", "/v1/disputes"):
        shop.caller.standin.fault(path, mode, method="GET")
    failures = 0
    while events:
        event = events.pop(chance.randrange(len(events)))
        try:
            await shop.run("trinity.jobs.money.StripeEvent", account | {"event_id": event})
        except Unavailable:
            failures += 1
            events.append(event)
    await shop.work()
    assert failures == 3
    assert [one.state for one in await shop.orders()] == ["paid"]
    assert (await shop.balances())["stripe", "eur"] == shop.caller.balance()["eur"]
