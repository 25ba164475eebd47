"""A person's timeline in words. Facts are ids, amounts and enumerations, so every sentence is ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from trinity.crm import Activity
from trinity.kit import money
from trinity.web.words import event_words, word

SENTENCES = {
    "lead_made": "Asked through the {origin}",
    "deal_opened": "A deal was opened",
    "deal_moved": "The deal went from {from} to {to}",
    "checkout_begun": "Began to buy{for_amount}",
    "order_paid": "Paid order {number}{for_amount}",
    "order_delivered": "Got what order {number} was for",
    "refunded": "Got money back{for_amount}",
    "refund_failed": "A refund failed{for_amount}",
    "disputed": "Disputed a payment{for_amount}",
    "dispute_closed": "The dispute ended: {state}",
    "mail_received": "Wrote to us",
    "mail_sent": "Got mail from us",
    "bounced": "Mail to this address came back",
}
"""Each kind in words; a kind that is not here is said by its own name."""
ORIGINS = {"public_form": "public form", "checkout": "order form", "inbound_mail": "mailbox"}
ICONS = {
    "lead_made": "inbox",
    "deal_opened": "crm",
    "deal_moved": "crm",
    "checkout_begun": "offers",
    "order_paid": "money",
    "order_delivered": "check",
    "refunded": "refund",
    "refund_failed": "warning",
    "disputed": "warning",
    "bounced": "warning",
}
PLACES = {
    "deal": "/crm/deals/",
    "order": "/orders/",
    "source": "/sources/",
    "thread": "/inbox/",
    "tool_call": "/tool-calls/",
    "run": "/runs/",
}
"""Where an activity's object is shown; an object of another kind has no page of its own."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a timeline."""

    id: UUID
    kind: str
    words: str
    icon: str
    href: str | None
    at: datetime


def line_of(activity: Activity) -> Line:
    """An activity as people read it."""
    place = PLACES.get(activity.subject_kind)
    href = f"{place}{activity.subject_id}" if place and activity.subject_id else None
    kind = activity.kind
    return Line(activity.id, kind, _words(kind, activity.facts), ICONS.get(kind, "dot"), href, activity.created_at)


def _words(kind: str, facts: Mapping[str, Any]) -> str:
    sentence = SENTENCES.get(kind)
    if sentence is None:
        return event_words(kind)
    amount, currency = facts.get("amount_minor"), facts.get("currency")
    is_money = isinstance(amount, int) and isinstance(currency, str)
    said = {name: word(str(value)) for name, value in facts.items()}
    said["for_amount"] = f", {money.spoken(amount, currency)}" if is_money and amount is not None and currency else ""
    said["origin"] = ORIGINS.get(str(facts.get("origin")), said.get("origin", "form"))
    return sentence.format_map(_Gaps(said))


class _Gaps(dict[str, str]):
    """A fact that is not there is left out of the sentence: an old row must not break a page."""

    def __missing__(self, _: str) -> str:
        return "…"
