"""The business half of the first page: what was sold, who waits for an answer, what was ordered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trinity import crm, revenue
from trinity.accounts import SignedIn
from trinity.crm import Thread
from trinity.gateway import House
from trinity.revenue import DaySales, Order

DAYS = 30
SHOWN_MAX = 5


@dataclass(frozen=True, slots=True)
class Business:
    """Sales are of the currency that brought most in the last `DAYS` days; `others` says that there are more."""

    sold_minor: int
    currency: str
    by_day: tuple[int, ...]
    others: int
    orders: Sequence[Order]
    threads: Sequence[Thread]


class HomeRoom:
    """Answers for one signed-in person, in that person's account."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def business(self, who: SignedIn) -> Business:
        """What the first page says of the business."""
        now = self._house.clock()
        async with self._house.db.transaction(who.account_id) as tx:
            days = await revenue.sales_by_day(tx, now - timedelta(days=DAYS))
            orders = await revenue.list_orders(tx, limit=SHOWN_MAX)
            threads = await crm.list_threads(tx, state="open", limit=SHOWN_MAX)
        currency, others = _main_currency(days)
        return Business(
            sum(one.amount_minor for one in days if one.currency == currency),
            currency,
            by_day(days, currency, now),
            others,
            orders,
            threads,
        )


def _main_currency(days: Sequence[DaySales]) -> tuple[str, int]:
    """The currency with the most sales, and how many others there are; empty where nothing was sold."""
    sums: dict[str, int] = {}
    for one in days:
        sums[one.currency] = sums.get(one.currency, 0) + one.amount_minor
    if not sums:
        return "", 0
    return max(sums, key=lambda name: (sums[name], name)), len(sums) - 1


def by_day(days: Sequence[DaySales], currency: str, now: datetime) -> tuple[int, ...]:
    """Amounts of the last `DAYS` days, today last; what refunds took below nought is drawn as nought."""
    found = {one.day: one.amount_minor for one in days if one.currency == currency}
    return tuple(max(0, found.get((now - timedelta(days=back)).date(), 0)) for back in range(DAYS - 1, -1, -1))
