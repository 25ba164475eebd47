"""What an effect that moves money must still agree with when it is claimed: the order that it is about."""

from dataclasses import dataclass

from trinity.errors import Reason
from trinity.kit.envelope import Envelope, Tier

REFUNDABLE = frozenset({"paid", "fulfilled", "partially_refunded"})
"""States of an order that money can be given back of."""


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """The order as it stands, read under the claim's lock. Sums count other refunds than the one that is claimed."""

    state: str
    amount_minor: int
    currency: str
    payment: str | None
    earlier_minor: int
    outside_minor: int


def reservation(order: OrderFacts | None, envelope: Envelope) -> list[Reason]:
    """8. The order can still give back what was approved, from the payment that was approved."""
    if Tier(envelope.tier).rank < Tier.MONEY.rank:
        return []
    if order is None:
        return [Reason("8 money", "order_unknown", "The order is not there any more.")]
    reasons = []
    amount_text = envelope.resource.get("amount_minor", "")
    amount = int(amount_text) if amount_text.isascii() and amount_text.isdigit() else order.amount_minor + 1
    if order.state not in REFUNDABLE:
        reasons.append(Reason("8 money", "order_not_refundable", f"The order is {order.state}."))
    if order.payment != envelope.resource.get("payment") or order.currency != envelope.resource.get("currency"):
        reasons.append(Reason("8 money", "payment_changed", "The order's payment is not the approved one."))
    if amount + order.earlier_minor + order.outside_minor > order.amount_minor:
        reasons.append(Reason("8 money", "amount_exceeds_order", "Less is left of the order than was approved."))
    return reasons
