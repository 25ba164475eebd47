"""Money: whole minor units, fees that round half up, allowed currencies, and books that always add up."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sandbox.stripe.standin import Caller, StandIn
from trinity_sandbox.stripe import money
from trinity_sandbox.stripe.errors import StripeError

amounts = st.integers(1, money.AMOUNT_MAX)


@given(amounts)
def test_the_fee_is_2_9_percent_half_up_and_30(amount: int) -> None:
    exact = (Decimal(amount) * Decimal("0.029")).quantize(Decimal(1), ROUND_HALF_UP)
    assert money.fee_of(amount) == int(exact) + 30
    assert type(money.fee_of(amount)) is int


def test_known_fees() -> None:
    assert [money.fee_of(one) for one in (50, 4900, 10_000, 500)] == [31, 172, 320, 45]


@given(st.integers(-money.AMOUNT_MAX, money.AMOUNT_MAX))
def test_an_amount_is_spoken_exactly(amount: int) -> None:
    text, currency = money.spoken(amount, "eur").split(" ")
    assert int(Decimal(text) * 100) == amount
    assert currency == "EUR"
    assert money.spoken(amount, "jpy") == f"{amount} JPY"


def test_only_allowed_currencies() -> None:
    assert money.currency_of("EUR", "currency") == "eur"
    for text in ("isk", "huf", "kwd", "xxx", "", "euro"):
        with pytest.raises(StripeError):
            money.currency_of(text, "currency")


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [(49, "eur", "amount_too_small"), (249, "dkk", "amount_too_small"), (-1, "eur", None), (10**8, "eur", None)],
)
def test_amounts_that_cannot_be_charged(caller: Caller, amount: int, currency: str, code: str | None) -> None:
    data = {
        "mode": "payment",
        "success_url": "https://shop.example/",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": currency,
        "line_items[0][price_data][unit_amount]": str(amount),
        "line_items[0][price_data][product_data][name]": "x",
    }
    assert caller.refused("POST", "checkout/sessions", data).get("code") == code


def test_many_of_an_allowed_price_can_be_too_much(caller: Caller) -> None:
    data = {"line_items[0][quantity]": "2"}
    session = caller.session(money.AMOUNT_MAX)
    assert session["amount_total"] == money.AMOUNT_MAX
    with pytest.raises(AssertionError, match="amount_too_large"):
        caller.session(money.AMOUNT_MAX, **data)


def test_a_charge_its_fee_and_its_net(caller: Caller) -> None:
    transaction = caller.charge(4900)["balance_transaction"]
    assert [transaction[name] for name in ("amount", "fee", "net")] == [4900, 172, 4728]
    assert transaction["fee_details"][0]["amount"] == 172
    assert caller.balance() == {"eur": 4728}


def balance_of(books: dict[str, Any]) -> dict[str, int]:
    """The balance reckoned from the objects alone, not from the balance transactions."""
    found: dict[str, int] = {}

    def add(currency: str, amount: int) -> None:
        found[currency] = found.get(currency, 0) + amount

    for one in books["charges"]:
        if one["status"] == "succeeded":
            add(one["currency"], one["amount"] - money.fee_of(one["amount"]))
    for one in books["refunds"]:
        add(one["currency"], -one["amount"] if one["status"] == "succeeded" else 0)
    for one in books["disputes"]:
        add(one["currency"], -money.DISPUTE_FEE - (0 if one["status"] == "won" else one["amount"]))
    for one in books["payouts"]:
        add(one["currency"], 0 if one["status"] in ("failed", "canceled") else -one["amount"])
    return found


steps = st.lists(
    st.tuples(st.sampled_from(["charge", "refund", "fail", "dispute", "win", "lose", "payout", "bounce"]), amounts),
    min_size=1,
    max_size=12,
)


def take(caller: Caller, step: str, number: int) -> None:
    """One step of a life, which may be refused by the state of things."""
    standin, books = caller.standin, caller.standin.books(caller.account)

    def one_of(kind: str) -> dict[str, Any]:
        found = books[kind]
        return dict(found[number % len(found)]) if found else {"id": "none", "amount": 1}

    if step == "charge":
        caller.paid(50 + number % 100_000, ("eur", "usd")[number % 2])
    elif step == "refund":
        charge = one_of("charges")
        data = {"charge": charge["id"], "amount": str(1 + number % (charge["amount"] + 50))}
        assert caller.send("POST", "refunds", data).status_code in (200, 400)
    elif step == "fail":
        standin.try_control("refunds/fail", refund=one_of("refunds")["id"])
    elif step == "dispute":
        standin.try_control("disputes", charge=one_of("charges")["id"])
    elif step in ("win", "lose"):
        status = "won" if step == "win" else "lost"
        standin.try_control("disputes/move", dispute=one_of("disputes")["id"], status=status)
    elif step == "payout":
        standin.try_control("payouts", currency=("eur", "usd")[number % 2], account=caller.account)
    else:
        standin.try_control("payouts/move", payout=one_of("payouts")["id"], status="failed")


@settings(max_examples=15, deadline=None)
@given(life=steps)
def test_whatever_happens_the_books_add_up(standin: StandIn, life: list[tuple[str, int]]) -> None:
    caller = standin.caller()
    for step, number in [("charge", life[0][1]), *life]:
        take(caller, step, number)
    books = standin.books(caller.account)
    balance = books["balances"][caller.account]
    assert {one: amount for one, amount in balance_of(books).items() if amount} == {
        one: amount for one, amount in balance.items() if amount
    }
    for charge in books["charges"]:
        refunded = [one for one in books["refunds"] if one["charge"] == charge["id"] and one["status"] == "succeeded"]
        assert charge["amount_refunded"] == sum(one["amount"] for one in refunded) <= charge["amount"]
        assert charge["refunded"] == (charge["amount_refunded"] == charge["amount"])
    for transaction in books["balance_transactions"]:
        assert transaction["net"] == transaction["amount"] - transaction["fee"]
    for payout in books["payouts"]:
        rows = caller.call("GET", "balance_transactions", {"payout": payout["id"], "limit": "100"})["data"]
        assert sum(one["net"] for one in rows) == 0
