"""What moves money agrees with its order: state, payment, currency, and what is left of it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.test_claim import envelope
from trinity.kit.envelope import Envelope
from trinity.policy.money import REFUNDABLE, OrderFacts, reservation

ORDER = OrderFacts("paid", 4900, "eur", "pi_1", 0, 0)


def refund(amount_minor: int | str = 1000, **changes: Any) -> Envelope:
    """A refund's envelope, with changes of its resource."""
    resource = {"account": "acct_1", "payment": "pi_1", "currency": "eur", "amount_minor": str(amount_minor)}
    return envelope(provider="stripe", operation="stripe.refund", tier="money", resource=resource | changes)


def test_a_refund_of_what_is_there_passes() -> None:
    assert reservation(ORDER, refund(4900)) == []


def test_what_moves_no_money_needs_no_order() -> None:
    assert reservation(None, envelope()) == []


@pytest.mark.parametrize("state", ["refunded", "disputed", "dispute_lost", ""])
def test_an_order_that_gives_nothing_back(state: str) -> None:
    assert state not in REFUNDABLE
    assert [one.code for one in reservation(replace(ORDER, state=state), refund())] == ["order_not_refundable"]


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (None, "order_unknown"),
        (replace(ORDER, payment="pi_2"), "payment_changed"),
        (replace(ORDER, payment=None), "payment_changed"),
        (replace(ORDER, currency="usd"), "payment_changed"),
        (replace(ORDER, earlier_minor=3901), "amount_exceeds_order"),
        (replace(ORDER, outside_minor=3901), "amount_exceeds_order"),
        (replace(ORDER, amount_minor=999), "amount_exceeds_order"),
    ],
)
def test_any_other_order_is_a_no(order: OrderFacts | None, code: str) -> None:
    assert [one.code for one in reservation(order, refund())] == [code]


@pytest.mark.parametrize("amount", ["", "-5", "１０００", "1e3", "9" * 30])
def test_an_amount_that_is_no_whole_number_is_a_no(amount: str) -> None:
    assert "amount_exceeds_order" in [one.code for one in reservation(ORDER, refund(amount_minor=amount))]


@given(st.integers(1, 10_000), st.integers(0, 10_000), st.integers(0, 10_000))
def test_it_passes_exactly_while_the_sum_is_within_the_order(amount: int, earlier: int, outside: int) -> None:
    order = replace(ORDER, earlier_minor=earlier, outside_minor=outside)
    assert (reservation(order, refund(amount)) == []) == (amount + earlier + outside <= order.amount_minor)
