"""The two writes at Stripe: open a Checkout Session, give money back. Each once, under a Permit, with our own key.

The gateway has committed the intent before it calls. The same key is sent with every act of one operation, so that
Stripe answers a repeat within a day with the first result instead of doing it again.
"""

from dataclasses import dataclass, field
from typing import Any

from trinity.errors import OutcomeUnknown
from trinity.kit.permit import Permit
from trinity.providers.stripe.client import Answer, StripeClient
from trinity.providers.stripe.materialise import key_of


@dataclass(frozen=True, slots=True)
class Opened:
    """A Checkout Session that waits for its customer. `raw` is Stripe's answer, byte for byte."""

    session_id: str
    url: str
    amount_minor: int
    currency: str
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refunded:
    """A refund that Stripe has made; `status` may still be `pending`. `raw` is Stripe's answer."""

    refund_id: str
    status: str
    amount_minor: int
    currency: str
    raw: bytes = field(repr=False)


async def create_session(client: StripeClient, permit: Permit, form: bytes, token: str) -> Opened:
    """`POST /v1/checkout/sessions` with exactly `form`."""
    answer = await client.post(permit, "checkout/sessions", form, key_of(token))
    amount = _whole(answer, "amount_total")
    return Opened(_text(answer, "id"), _text(answer, "url"), amount, _text(answer, "currency"), answer.raw)


async def create_refund(client: StripeClient, permit: Permit, form: bytes, token: str) -> Refunded:
    """`POST /v1/refunds` with exactly `form`."""
    answer = await client.post(permit, "refunds", form, key_of(token))
    amount = _whole(answer, "amount")
    return Refunded(_text(answer, "id"), _text(answer, "status"), amount, _text(answer, "currency"), answer.raw)


def _text(answer: Answer, name: str) -> str:
    value: Any = answer.data.get(name)
    if not isinstance(value, str) or not value:
        raise OutcomeUnknown(f"Stripe's answer to a write lacks {name}")
    return value


def _whole(answer: Answer, name: str) -> int:
    value: Any = answer.data.get(name)
    if type(value) is not int:
        raise OutcomeUnknown(f"Stripe's answer to a write has no whole number {name}")
    return value
