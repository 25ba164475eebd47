"""Which account each leg debits and credits, as the table of the ledger's module says; amounts as people write them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trinity.kit import money
from trinity.providers.stripe.read import Movement
from trinity.revenue.ledger import OPPOSITE, legs_of

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def movement(kind: str, amount: int, fee: int = 0, category: str = "") -> Movement:
    return Movement("txn_1", kind, category or kind, amount, fee, "eur", "ch_1", "pi_1", NOW)


@pytest.mark.parametrize(
    ("kind", "category", "amount", "debit", "credit"),
    [
        ("charge", "charge", 4900, "stripe", "sales"),
        ("payment", "charge", 4900, "stripe", "sales"),
        ("refund", "refund", -900, "refunds", "stripe"),
        ("refund_failure", "refund_failure", 900, "stripe", "refunds"),
        ("payment_failure_refund", "payment_failure_refund", 900, "stripe", "refunds"),
        ("adjustment", "dispute", -4900, "disputes", "stripe"),
        ("adjustment", "dispute_reversal", 4900, "stripe", "disputes"),
        ("adjustment", "other_adjustment", -5, "adjustments", "stripe"),
        ("payout", "payout", -4728, "bank", "stripe"),
        ("payout_failure", "payout_reversal", 4728, "stripe", "bank"),
        ("payout_cancel", "payout_reversal", 4728, "stripe", "bank"),
        ("stripe_fee", "fee", -20, "fees", "stripe"),
        ("something_new", "something_new", 7, "stripe", "adjustments"),
    ],
)
def test_each_leg_has_its_accounts(kind: str, category: str, amount: int, debit: str, credit: str) -> None:
    [leg] = legs_of(movement(kind, amount, 0, category))
    assert (leg.debit, leg.credit, leg.amount_minor, leg.kind) == (debit, credit, abs(amount), kind)


def test_a_fee_is_a_leg_of_its_own_and_may_come_back() -> None:
    assert [(one.debit, one.credit, one.amount_minor) for one in legs_of(movement("charge", 4900, 172))] == [
        ("stripe", "sales", 4900),
        ("fees", "stripe", 172),
    ]
    assert [(one.debit, one.credit) for one in legs_of(movement("refund", -900, -30))] == [
        ("refunds", "stripe"),
        ("stripe", "fees"),
    ]


@given(
    kind=st.sampled_from([*OPPOSITE, "adjustment", "other"]),
    amount=st.integers(-(10**9), 10**9),
    fee=st.integers(-(10**6), 10**6),
)
def test_the_stripe_account_moves_by_the_net(kind: str, amount: int, fee: int) -> None:
    legs = legs_of(movement(kind, amount, fee))
    assert all(leg.amount_minor > 0 and leg.debit != leg.credit for leg in legs)
    moved = sum(leg.amount_minor * (1 if leg.debit == "stripe" else -1) for leg in legs)
    assert moved == amount - fee
    assert len({leg.kind for leg in legs}) == len(legs)


@given(currency=st.sampled_from(sorted(money.DECIMALS)), amount=st.integers(0, money.AMOUNT_MAX))
def test_what_is_spoken_is_understood(currency: str, amount: int) -> None:
    written = money.spoken(amount, currency).partition(" ")[2]
    assert money.minor_of(written, currency) == amount


@pytest.mark.parametrize("written", ["", "-5", "1.234", "1e3", "49,0,0", "٤٩", "999999999", "4 900"])
def test_what_is_no_amount(written: str) -> None:
    assert money.minor_of(written, "eur") is None


def test_decimals_follow_the_currency() -> None:
    assert (money.spoken(4900, "eur"), money.spoken(-5, "usd"), money.spoken(4900, "jpy")) == ("EUR 49.00", "USD -0.05", "JPY 4900")  # fmt: skip
    assert (money.minor_of("49.5", "eur"), money.minor_of("49,50", "jpy"), money.minor_of("49", "jpy")) == (4950, None, 49)  # fmt: skip
    assert money.minor_of("49", "xxx") is None
    assert money.spoken(7, "xxx") == "7 minor units of XXX"
