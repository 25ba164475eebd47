"""What an order, a checkout and a fulfilment are, from what Stripe says now. Pure: no order of events can matter."""

from collections.abc import Sequence

from trinity.providers.stripe.read import Session

DISPUTE_OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
REFUND_ENDED = ("failed", "canceled")
PAID = ("paid", "no_payment_required")


def checkout_state(session: Session) -> str:
    """Where a checkout stands."""
    if session.status == "expired":
        return "expired"
    if session.status != "complete":
        return "open"
    if session.payment_status in PAID:
        return "completed"
    # Complete and unpaid: the means of payment settles days later, or it has failed to.
    is_lost = session.charge is not None and session.charge.status == "failed"
    return "failed" if is_lost else "processing"


def order_state(amount_minor: int, refunded_minor: int, disputes: Sequence[str], *, is_delivered: bool) -> str:
    """Where an order stands: an open dispute comes first, then a lost one, then what was given back."""
    if any(one in DISPUTE_OPEN for one in disputes):
        return "disputed"
    if "lost" in disputes:
        return "dispute_lost"
    if refunded_minor >= amount_minor:
        return "refunded"
    if refunded_minor > 0:
        return "partially_refunded"
    return "fulfilled" if is_delivered else "paid"


def fulfilment_state(order: str, *, is_delivered: bool, is_prepared: bool) -> str:
    """What is owed: nothing more once the money has gone back, and again something if that fails."""
    if is_delivered:
        return "delivered"
    if order in ("refunded", "dispute_lost"):
        return "cancelled"
    return "prepared" if is_prepared else "awaiting"
