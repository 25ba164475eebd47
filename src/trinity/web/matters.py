"""What an effect is about that is no mail to somebody: a refund, a checkout, a notice. In words, and by its own bytes.

The parameters are decoded from the stored bytes, as a mail is, so that a person reads what the provider is given.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from trinity.kit.canonical import Json
from trinity.kit.money import spoken
from trinity.providers.stripe.materialise import MaterialiseRefused, fields_of
from trinity.revenue import Order

REFUND, CHECKOUT, NOTICE = "stripe.refund", "stripe.checkout_session", "system.notify"
MAIL_TYPE = "message/rfc822"
REASONS = {
    "requested_by_customer": "the customer asked for it",
    "duplicate": "it was paid twice",
    "fraudulent": "the payment was fraudulent",
}
DONE = {
    "gmail.draft": {"succeeded": "saved", "ready": "to be saved", "executing": "saving"},
    REFUND: {"succeeded": "given back", "ready": "approved, not yet given back", "executing": "giving back"},
    CHECKOUT: {"succeeded": "opened", "ready": "to be opened", "executing": "opening"},
    NOTICE: {"ready": "to be sent"},
}
"""How a state is said of what is no mail that leaves; every other state as it is said of all."""


@dataclass(frozen=True, slots=True)
class Matter:
    """A card's own part. `link` is the page of what it is about; `parameters` are the provider's, as stored."""

    title: str
    lines: tuple[tuple[str, str], ...]
    parameters: tuple[tuple[str, str], ...]
    is_readable: bool
    link: str = ""


@dataclass(frozen=True, slots=True)
class CardFile:
    """A file that goes with a mail, and whether a person has let it out."""

    id: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    state: str


def title_of(operation: str, typed: Mapping[str, Json]) -> str:
    """What a list shows of an effect: a mail's subject, or a few words of the same use."""
    if operation == REFUND:
        return f"Refund of {_amount(typed)}"
    if operation == CHECKOUT:
        return f"Checkout: {typed.get('title', '')}, {_amount(typed)}"
    if operation == NOTICE:
        return f"Notice: {str(typed.get('template', '')).replace('_', ' ')}"
    return str(typed.get("subject", ""))


def people_of(operation: str, typed: Mapping[str, Json]) -> tuple[str, ...]:
    """Whom a list names beside the title, where that is not a mail's recipients."""
    if operation == CHECKOUT:
        return (str(typed.get("customer_email", "")),)
    if operation == NOTICE:
        members = typed.get("member_ids")
        count = len(members) if isinstance(members, list) else 0
        return ("a guest",) if not count else (f"{count} member{'s' if count > 1 else ''}",)
    return ()


def call_word(operation: str, state: str) -> str:
    """A call's state in its operation's own words; empty where the common word is right."""
    return DONE.get(operation, {}).get(state, "")


def matter_of(
    operation: str, typed: Mapping[str, Json], payload: bytes, payload_type: str, order: Order | None
) -> Matter | None:
    """The card's own part of what is no mail; None for a mail, which shows itself."""
    if payload_type == MAIL_TYPE:
        return None
    try:
        parameters, is_readable = tuple(fields_of(payload).items()), True
    except MaterialiseRefused:
        parameters, is_readable = (), False
    lines = _refund(typed, order) if operation == REFUND else _checkout(typed) if operation == CHECKOUT else ()
    link = f"/orders/{order.id}" if order else ""
    return Matter(title_of(operation, typed), lines, parameters, is_readable, link)


def _refund(typed: Mapping[str, Json], order: Order | None) -> tuple[tuple[str, str], ...]:
    lines = [
        ("Gives back", _amount(typed)),
        ("Because", REASONS.get(str(typed.get("reason")), str(typed.get("reason")))),
    ]
    if order is not None:
        left = spoken(order.amount_minor - order.refunded_minor, order.currency)
        lines += [
            ("Order", f"#{order.number}: {order.offer_title}"),
            ("Customer", f"{order.name} <{order.email}>" if order.name else order.email),
            ("Was paid", spoken(order.amount_minor, order.currency)),
            ("Not given back so far", left),
        ]
    return tuple(lines)


def _checkout(typed: Mapping[str, Json]) -> tuple[tuple[str, str], ...]:
    return (
        ("Sells", str(typed.get("title", ""))),
        ("For", _amount(typed)),
        ("Customer", str(typed.get("customer_email", ""))),
        ("After paying", str(typed.get("success_url", ""))),
        ("After leaving", str(typed.get("cancel_url", ""))),
    )


def _amount(typed: Mapping[str, Json]) -> str:
    amount, currency = typed.get("amount_minor"), typed.get("currency")
    return spoken(amount, currency) if isinstance(amount, int) and isinstance(currency, str) else "an unknown amount"
