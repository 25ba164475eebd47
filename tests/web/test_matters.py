"""Effects that are no mails, in lists and on cards."""

from typing import Any

import pytest

from trinity.kit.canonical import Json
from trinity.providers.stripe.materialise import Mark, Refund, refund_form
from trinity.web.matters import call_word, matter_of, people_of, title_of

REFUND: dict[str, Json] = {
    "order_id": "0198c000-0000-7000-8000-000000000001",
    "amount_minor": 1234,
    "currency": "eur",
    "reason": "duplicate",
}
CHECKOUT: dict[str, Json] = {
    "title": "Snapshot report",
    "amount_minor": 1200,
    "currency": "jpy",
    "customer_email": "ada@customer.example",
}
FORM = refund_form(Refund("order", "pi_1", 1234, "eur", "duplicate"), Mark("token-1", "call"))
FORM_TYPE = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("operation", "typed", "title", "people"),
    [
        ("stripe.refund", REFUND, "Refund of EUR 12.34", ()),
        ("stripe.checkout_session", CHECKOUT, "Checkout: Snapshot report, JPY 1200", ("ada@customer.example",)),
        ("system.notify", {"template": "order_paid", "member_ids": ["a", "b"]}, "Notice: order paid", ("2 members",)),
        ("system.notify", {"template": "guest_link", "guest_id": "g"}, "Notice: guest link", ("a guest",)),
        ("gmail.send", {"subject": "Hello"}, "Hello", ()),
        ("gmail.send", {}, "", ()),
        ("stripe.refund", {"amount_minor": "much"}, "Refund of an unknown amount", ()),
    ],
)
def test_what_a_list_shows(operation: str, typed: dict[str, Any], title: str, people: tuple[str, ...]) -> None:
    assert (title_of(operation, typed), people_of(operation, typed)) == (title, people)


def test_a_card_shows_the_stored_parameters() -> None:
    found = matter_of("stripe.refund", REFUND, FORM, FORM_TYPE, None)
    assert found is not None
    assert dict(found.lines) == {"Gives back": "EUR 12.34", "Because": "it was paid twice"}
    assert dict(found.parameters)["amount"] == "1234"
    assert found.is_readable


def test_parameters_that_cannot_be_read_are_said_to_be_so() -> None:
    found = matter_of("stripe.refund", REFUND, b"amount=1&amount=2", FORM_TYPE, None)
    assert found is not None
    assert (found.parameters, found.is_readable) == ((), False)


def test_a_mail_shows_itself() -> None:
    assert matter_of("gmail.send", {}, b"From: a@b.example\r\n\r\nx", "message/rfc822", None) is None


def test_a_state_is_said_as_the_operation_does_it() -> None:
    assert call_word("stripe.refund", "succeeded") == "given back"
    assert call_word("gmail.send", "succeeded") == ""
