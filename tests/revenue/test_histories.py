"""Whole histories of webhooks, shuffled, repeated, late or lost, end in the same books: those of the stand-in itself."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.revenue.conftest import visitor_of
from tests.revenue.shop import Json, Shop
from trinity import revenue
from trinity.jobs import money
from trinity.revenue.states import order_state

EXAMPLES = 12
ACTIONS = 14
COPIES_MAX = 3
CURRENCIES = ("eur", "usd")


class History:
    """Things that happen at Stripe, chosen by a seed; and the webhooks that tell of them, badly."""

    def __init__(self, shop: Shop, client: httpx.AsyncClient, chance: random.Random) -> None:
        self.shop, self.client, self.chance = shop, client, chance
        self.offers: dict[str, Any] = {}
        self.late: list[Json] = []
        self.seen: set[str] = set()

    async def happen(self) -> None:
        """A history with its webhooks in between; some come late, some more than once, all jumbled."""
        for currency in CURRENCIES:
            self.offers[currency] = await self.shop.offer(self.chance.randrange(500, 9000), currency)
        await self.buy()
        for _ in range(ACTIONS):
            actions = (self.buy, self.buy, self.refund, self.refund, self.fail_refund, self.dispute, self.decide, self.pay_out, self.move_payout, self.pay_later)  # fmt: skip
            await self.chance.choice(actions)()
            if self.chance.random() < 0.3:
                await self.tell_some()
            if self.chance.random() < 0.2:
                await self.shop.work(self.chance)
        await self.tell_all()

    async def buy(self) -> None:
        currency = self.chance.choice(CURRENCIES)
        await self.shop.buy(self.offers[currency], f"person{self.chance.randrange(3)}@customer.example")

    async def pay_later(self) -> None:
        _, session = await self.shop.checkout(self.offers["eur"])
        self.shop.caller.pay(session, "sepa_debit")
        if self.chance.random() < 0.8:
            outcome = self.chance.choice(("succeeded", "failed"))
            self.shop.caller.standin.control("settle", session=session["id"], outcome=outcome)

    async def refund(self) -> None:
        charge = self.some("charges")
        left = charge["amount"] - charge["amount_refunded"]
        if charge["status"] == "succeeded" and left and not charge["disputed"]:
            amount = left if self.chance.random() < 0.4 else self.chance.randint(1, left)
            self.shop.caller.refund(charge, amount=str(amount))

    async def fail_refund(self) -> None:
        if refund := self.some("refunds"):
            self.shop.caller.standin.try_control("refunds/fail", refund=refund["id"])

    async def dispute(self) -> None:
        self.shop.caller.standin.try_control("disputes", charge=self.some("charges")["id"])

    async def decide(self) -> None:
        if dispute := self.some("disputes"):
            status = self.chance.choice(("under_review", "won", "lost"))
            self.shop.caller.standin.try_control("disputes/move", dispute=dispute["id"], status=status)

    async def pay_out(self) -> None:
        currency, status = self.chance.choice(CURRENCIES), self.chance.choice(("pending", "paid", "failed"))
        self.shop.caller.standin.try_control(
            "payouts", currency=currency, account=self.shop.caller.account, status=status
        )

    async def move_payout(self) -> None:
        if payout := self.some("payouts"):
            status = self.chance.choice(("in_transit", "paid", "failed", "canceled"))
            self.shop.caller.standin.try_control("payouts/move", payout=payout["id"], status=status)

    def some(self, kind: str) -> Json:
        found = self.shop.caller.standin.books(self.shop.caller.account)[kind]
        return dict(self.chance.choice(found)) if found else {}

    async def tell_some(self) -> None:
        """What is new, jumbled with what is late; some of it stays late."""
        events = self.late + [one for one in self.shop.all_events() if one["id"] not in self.seen]
        self.seen |= {one["id"] for one in events}
        self.chance.shuffle(events)
        cut = self.chance.randint(0, len(events))
        self.late = events[cut:]
        copies = [one for one in events[:cut] for _ in range(self.chance.randint(1, COPIES_MAX))]
        self.chance.shuffle(copies)
        await self.shop.tell(self.client, copies)

    async def tell_all(self) -> None:
        """All that is left, jumbled, but for one webhook that is lost for good and found in the list."""
        await self.tell_some()
        self.chance.shuffle(self.late)
        await self.shop.tell(self.client, self.late[1:])
        await self.shop.work(self.chance)
        self.shop.world.clock.sleep(600)
        await self.shop.run(money.POLL_JOB, {"account_id": str(self.shop.world.account_id)})
        await self.shop.work(self.chance)


@given(seed=st.integers(0, 2**32))
@settings(
    max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_every_history_ends_in_the_standins_books(seed: int, open_shop: Callable[[], Awaitable[Shop]]) -> None:
    shop = await open_shop()
    async with visitor_of(shop) as client:
        await History(shop, client, random.Random(seed)).happen()
    books = shop.caller.standin.books(shop.caller.account)
    await _check_ledger(shop, books)
    await _check_orders(shop, books)
    outcomes = Counter(row["outcome"] for row in shop.rows("select outcome from stripe_events where account_id = %(account)s"))  # fmt: skip
    assert set(outcomes) <= {"processed", "ignored"}
    assert sum(outcomes.values()) == len(shop.all_events())
    assert await shop.world.incidents() == []


async def _check_ledger(shop: Shop, books: Json) -> None:
    """Each account of the ledger from the stand-in's own rows, and the two sides of everything."""
    wanted: Counter[tuple[str, str]] = Counter()
    for one in books["balance_transactions"]:
        code = {"charge": "sales", "adjustment": "disputes"}.get(one["type"], "")
        code = code or ("bank" if one["type"].startswith("payout") else "refunds")
        wanted[code, one["currency"]] -= one["amount"]
        wanted["fees", one["currency"]] += one["fee"]
        wanted["stripe", one["currency"]] += one["net"]
    ours = await shop.balances()
    assert {key: value for key, value in ours.items() if value} == {
        key: value for key, value in wanted.items() if value
    }
    balance = books["balances"].get(shop.caller.account, {})
    assert {currency: amount for (code, currency), amount in ours.items() if code == "stripe"} == balance
    payouts = [one for one in books["payouts"] if one["status"] not in ("failed", "canceled")]
    for currency in CURRENCIES:
        assert ours.get(("bank", currency), 0) == sum(one["amount"] for one in payouts if one["currency"] == currency)
        assert sum(amount for (_, other), amount in ours.items() if other == currency) == 0
    legs = sum(1 + bool(one["fee"]) for one in books["balance_transactions"])
    assert shop.count("ledger_transfers") == legs


async def _check_orders(shop: Shop, books: Json) -> None:
    """One order for each paid session, and each as the stand-in's charge, refunds and disputes have it."""
    paid = {one["payment_intent"]: one for one in books["sessions"] if one["payment_status"] == "paid"}
    orders = {order.payment_intent_id: order for order in await shop.orders()}
    assert orders.keys() == paid.keys()
    assert sorted(order.number for order in orders.values()) == list(range(1, len(orders) + 1))
    states = {one["payment_intent"]: [] for one in books["charges"]}  # type: dict[str, list[str]]
    for one in books["disputes"]:
        states[one["payment_intent"]].append(one["status"])
    for charge in books["charges"]:
        if (order := orders.get(charge["payment_intent"])) is None:
            continue
        disputes = states[charge["payment_intent"]]
        assert (order.amount_minor, order.refunded_minor) == (charge["amount"], charge["amount_refunded"])
        wanted = order_state(charge["amount"], charge["amount_refunded"], disputes, is_delivered=False)
        assert order.state == wanted
        refunds = {one["id"]: one["status"] for one in books["refunds"] if one["charge"] == charge["id"]}
        async with shop.world.tx() as tx:
            kept = await revenue.list_refunds(tx, order.id)
            lines = await revenue.list_transfers(tx, order_id=order.id)
        assert {one.provider_refund_id: one.state for one in kept} == refunds
        assert {one.source_id for one in lines} >= {charge["id"], *refunds}
    held = {row["provider_payout_id"]: row["state"] for row in shop.rows("select * from payouts where account_id = %(account)s")}  # fmt: skip
    assert held == {one["id"]: one["status"] for one in books["payouts"]}
