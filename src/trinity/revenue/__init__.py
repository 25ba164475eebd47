"""Revenue: offers, checkouts, customers, orders, what Stripe told us, and the ledger.

Owns those tables. Promises that order and repetition of Stripe's events never matter, that the ledger is booked from
balance transactions, and that an unbalanced entry cannot be written down (I11).
"""

from trinity.revenue.events import (
    StoredEvent,
    close_event,
    get_event,
    give_lost_events_a_job,
    is_account,
    known_events,
    receive_event,
    record_refusal,
)
from trinity.revenue.following import order_paid_job, stripe_event_job, sync_order_job

__all__ = [
    "StoredEvent",
    "close_event",
    "get_event",
    "give_lost_events_a_job",
    "is_account",
    "known_events",
    "order_paid_job",
    "receive_event",
    "record_refusal",
    "stripe_event_job",
    "sync_order_job",
]
