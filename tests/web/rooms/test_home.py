"""The business half of the first page: sums that are the ledger's, and days that add up."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from tests.world import World
from trinity import revenue
from trinity.accounts import SignedIn
from trinity.providers.stripe.read import Movement
from trinity.revenue import DaySales
from trinity.web.rooms.home import DAYS, HomeRoom, by_day

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@given(st.dictionaries(st.integers(0, DAYS + 5), st.integers(-(10**6), 10**6), max_size=40))
def test_each_day_stands_in_its_place_and_older_ones_are_left_out(by_age: dict[int, int]) -> None:
    days = [DaySales((NOW - timedelta(days=age)).date(), "eur", amount) for age, amount in by_age.items()]
    drawn = by_day([*days, DaySales(NOW.date(), "usd", 5)], "eur", NOW)
    assert len(drawn) == DAYS
    assert drawn == tuple(max(0, by_age.get(age, 0)) for age in range(DAYS - 1, -1, -1))


async def test_what_was_sold_is_what_the_ledger_says_less_refunds(world: World) -> None:
    now = world.clock()
    sale = Movement("txn_1", "charge", "charge", 4900, 172, "eur", "ch_1", "pi_1", now)
    others = [
        replace(sale, id="txn_2", kind="refund", amount_minor=-900, fee_minor=0, source_id="re_1"),
        replace(sale, id="txn_3", currency="usd", amount_minor=100, fee_minor=0),
        replace(sale, id="txn_4", amount_minor=7700, created_at=now - timedelta(days=DAYS + 1)),
        replace(sale, id="txn_5", kind="payout", amount_minor=-4000, fee_minor=0, source_id="po_1"),
    ]
    async with world.tx() as tx:
        for movement in (sale, *others):
            await revenue.book(tx, movement, None, now)
    async with world.tx() as tx:
        days = await revenue.sales_by_day(tx, now - timedelta(days=DAYS))
    assert [(one.currency, one.amount_minor) for one in days] == [("eur", 4000), ("usd", 100)]
    assert days[0].day == date.fromordinal(now.toordinal())
    business = await HomeRoom(world.app).business(signed_in(world))
    assert (business.sold_minor, business.currency, business.others) == (4000, "eur", 1)
    assert sum(business.by_day) == 4000
    assert (list(business.orders), list(business.threads)) == ([], [])


def signed_in(world: World) -> SignedIn:
    return SignedIn(
        world.account_id, "Northwind", uuid4(), world.owner_id, "owner@x.example", "Robin", "owner", world.clock()
    )
