"""From an action to the exact form that is POSTed to Stripe. Pure: no clock, no randomness, no network.

Parameters stand in one fixed order, amounts are integers of minor units, and a currency that is not on the list is
refused: Stripe's minor units differ from ISO 4217 in places, and the list holds only those where they agree.
Sources: Stripe's API reference, "Create a Session", "Create a refund", "Metadata"; "Supported currencies".
"""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urlencode

from trinity.kit.money import AMOUNT_MAX, is_currency

TITLE_CHARS_MAX = 250
URL_CHARS_MAX = 2_000
FORM_BYTES_MAX = 16_384
PAYLOAD_TYPE = "application/x-www-form-urlencoded"
OPERATION = "trinity_operation"
TOOL_CALL = "trinity_tool_call"
CHECKOUT = "trinity_checkout"
ORDER = "trinity_order"
KEY_PREFIX = "trinity-"

type RefundReason = Literal["requested_by_customer", "duplicate", "fraudulent"]


class MaterialiseRefused(ValueError):
    """This request cannot be made exactly as asked; `code` is stable, `message` is for a person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Mark:
    """What our request carries, so that a look finds it again: the operation's token and the call's id."""

    token: str
    tool_call_id: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """One thing to be paid on Stripe's own page."""

    checkout_id: str
    title: str
    amount_minor: int
    currency: str
    customer_email: str
    success_url: str
    cancel_url: str


@dataclass(frozen=True, slots=True)
class Refund:
    """Money to give back, of one payment."""

    order_id: str
    payment_intent_id: str
    amount_minor: int
    currency: str
    reason: RefundReason


def checkout_form(checkout: Checkout, mark: Mark) -> bytes:
    """The body of `POST /v1/checkout/sessions`."""
    _check_money(checkout.amount_minor, checkout.currency)
    _check_line("title", checkout.title, TITLE_CHARS_MAX)
    for name, url in (("success_url", checkout.success_url), ("cancel_url", checkout.cancel_url)):
        _check_line(name, url, URL_CHARS_MAX)
        if not url.startswith(("http://", "https://")):
            raise MaterialiseRefused("invalid_url", f"The {name} is not a web address.")
    item = "line_items[0]"
    return _form(
        [
            ("mode", "payment"),
            ("client_reference_id", checkout.checkout_id),
            ("customer_email", checkout.customer_email),
            ("success_url", checkout.success_url),
            ("cancel_url", checkout.cancel_url),
            (f"{item}[quantity]", "1"),
            (f"{item}[price_data][currency]", checkout.currency),
            (f"{item}[price_data][unit_amount]", str(checkout.amount_minor)),
            (f"{item}[price_data][product_data][name]", checkout.title),
            ("payment_intent_data[description]", checkout.title),
            (f"payment_intent_data[metadata][{CHECKOUT}]", checkout.checkout_id),
            (f"metadata[{CHECKOUT}]", checkout.checkout_id),
            *_marked(mark),
        ]
    )


def refund_form(refund: Refund, mark: Mark) -> bytes:
    """The body of `POST /v1/refunds`. Stripe takes the currency from the payment; ours was compared with it."""
    _check_money(refund.amount_minor, refund.currency)
    _check_line("payment", refund.payment_intent_id, TITLE_CHARS_MAX)
    return _form(
        [
            ("payment_intent", refund.payment_intent_id),
            ("amount", str(refund.amount_minor)),
            ("reason", refund.reason),
            (f"metadata[{ORDER}]", refund.order_id),
            *_marked(mark),
        ]
    )


def fields_of(form: bytes) -> dict[str, str]:
    """What a form says, by parameter; raises `MaterialiseRefused` if it cannot be read or says something twice."""
    try:
        pairs = parse_qsl(form.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError as error:
        raise MaterialiseRefused("unreadable_form", "The request's form cannot be read.") from error
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MaterialiseRefused("unreadable_form", "The request's form says something twice.")
    return found


def key_of(token: str) -> str:
    """The Idempotency-Key of an operation: the same for every act of it."""
    return f"{KEY_PREFIX}{token}"


def _marked(mark: Mark) -> list[tuple[str, str]]:
    return [(f"metadata[{OPERATION}]", mark.token), (f"metadata[{TOOL_CALL}]", mark.tool_call_id)]


def _form(pairs: list[tuple[str, str]]) -> bytes:
    form = urlencode(pairs).encode("ascii")
    if len(form) > FORM_BYTES_MAX:
        raise MaterialiseRefused("too_large", f"The request is larger than {FORM_BYTES_MAX} bytes.")
    if list(fields_of(form).items()) != pairs:
        raise MaterialiseRefused("not_faithful", "The request would not say exactly what was asked for.")
    return form


def _check_money(amount_minor: int, currency: str) -> None:
    if type(amount_minor) is not int or not 0 < amount_minor <= AMOUNT_MAX:
        raise MaterialiseRefused("invalid_amount", f"An amount is a whole number from 1 to {AMOUNT_MAX}.")
    if not is_currency(currency):
        raise MaterialiseRefused("currency_not_allowed", f"Money in {currency!r} is not moved here.")


def _check_line(what: str, text: str, chars_max: int) -> None:
    if not text.strip() or len(text) > chars_max or not text.isprintable():
        raise MaterialiseRefused("invalid_text", f"The {what} is empty, too long or not printable.")
