"""Reading a Stripe account: what an object is now, and what a list holds. GET only.

Every answer is turned into a frozen value of what we build on; a field that is missing or is not what the API
reference says is `Unreadable`, never a guess. Lists come page by page, newest first, since who books them commits
page by page; whether something is absent is decided by lists, never by Stripe's search, which lags behind.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from trinity.errors import LookUpIncomplete, Unavailable
from trinity.providers.stripe.client import Answer, StripeClient
from trinity.providers.stripe.webhook import Event, NotGenuine, event_of

PAGE_SIZE = 100
PAGES_MAX = 20
"""Pages of one look at a list, such as a payment's refunds: of those a charge cannot have more."""


class Unreadable(Unavailable):
    """An answer that is not what Stripe's reference says. Nothing was changed; people must look."""

    code = "stripe_unreadable"


@dataclass(frozen=True, slots=True)
class Charge:
    """A payment as it went through or not. `refunded_minor` is what has gone back so far."""

    id: str
    payment_intent_id: str
    amount_minor: int
    currency: str
    status: str
    refunded_minor: int
    is_disputed: bool


@dataclass(frozen=True, slots=True)
class Session:
    """A Checkout Session with the latest charge of its payment, if somebody has tried to pay."""

    id: str
    status: str
    payment_status: str
    amount_minor: int
    currency: str
    url: str | None
    customer_id: str | None
    payment_intent_id: str | None
    metadata: Mapping[str, str]
    created_at: datetime
    charge: Charge | None


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund of a charge."""

    id: str
    charge_id: str
    payment_intent_id: str
    amount_minor: int
    currency: str
    status: str
    metadata: Mapping[str, str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Dispute:
    """A cardholder's bank took the money back, or asks about it."""

    id: str
    charge_id: str
    payment_intent_id: str
    amount_minor: int
    currency: str
    reason: str
    status: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Payout:
    """Money on its way to the bank account."""

    id: str
    amount_minor: int
    currency: str
    status: str
    arrives_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Movement:
    """A balance transaction: `net = amount - fee`, seen from the account. `source_id` is what moved it."""

    id: str
    kind: str
    category: str
    amount_minor: int
    fee_minor: int
    currency: str
    source_id: str
    payment_intent_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Listed[T]:
    """One page, newest first. `after` asks for the next one; None at the end."""

    items: tuple[T, ...]
    after: str | None


async def get_session(client: StripeClient, session_id: str) -> Session:
    """A Checkout Session as it is now."""
    answer = await client.get(f"checkout/sessions/{_id(session_id)}", [("expand[]", "payment_intent.latest_charge")])
    return _session(answer.data)


async def sessions_of_payment(client: StripeClient, payment_intent_id: str) -> list[str]:
    """The ids of the sessions that a payment was made in: one, or none where it was not made in a session."""
    answer = await client.get("checkout/sessions", [("payment_intent", payment_intent_id), ("limit", "2")])
    return [_text(one, "id") for one in _items(answer.data)]


async def sessions_with(
    client: StripeClient, name: str, value: str, since: datetime, until: datetime
) -> list[dict[str, Any]]:
    """Sessions made between two moments whose metadata say this, newest first, as Stripe shows them."""
    params = [*_since(since), ("created[lte]", str(int(until.timestamp())))]
    return [one for one in await _all(client, "checkout/sessions", params) if _metadata(one).get(name) == value]


async def record_of(client: StripeClient, path: str, object_id: str) -> Answer:
    """Stripe's own record of a refund or a session, as it is now, whole."""
    return await client.get(f"{path}/{_id(object_id)}")


async def get_charge(client: StripeClient, charge_id: str) -> Charge:
    """A charge as it is now."""
    return _charge((await client.get(f"charges/{_id(charge_id)}")).data)


async def get_refund(client: StripeClient, refund_id: str) -> Refund:
    """A refund as it is now."""
    return _refund((await client.get(f"refunds/{_id(refund_id)}")).data)


async def get_dispute(client: StripeClient, dispute_id: str) -> Dispute:
    """A dispute as it is now."""
    return _dispute((await client.get(f"disputes/{_id(dispute_id)}")).data)


async def get_payout(client: StripeClient, payout_id: str) -> Payout:
    """A payout as it is now."""
    value = (await client.get(f"payouts/{_id(payout_id)}")).data
    return Payout(
        id=_text(value, "id"),
        amount_minor=_whole(value, "amount"),
        currency=_text(value, "currency"),
        status=_text(value, "status"),
        arrives_at=_moment(value, "arrival_date") if value.get("arrival_date") is not None else None,
        created_at=_moment(value, "created"),
    )


async def refunded_of_payment(client: StripeClient, payment_intent_id: str) -> int:
    """What has gone back of a payment, by the charge itself: a single object is never behind, as a list may be."""
    path = f"payment_intents/{_id(payment_intent_id)}"
    charge = (await client.get(path, [("expand[]", "latest_charge")])).data.get("latest_charge")
    return _charge(charge).refunded_minor if isinstance(charge, dict) else 0


async def refunds_of_payment(client: StripeClient, payment_intent_id: str) -> list[Refund]:
    """Every refund of a payment, newest first."""
    return [_refund(one) for one in await _all(client, "refunds", [("payment_intent", payment_intent_id)])]


async def disputes_of_payment(client: StripeClient, payment_intent_id: str) -> list[Dispute]:
    """Every dispute of a payment, newest first."""
    return [_dispute(one) for one in await _all(client, "disputes", [("payment_intent", payment_intent_id)])]


async def list_movements(client: StripeClient, since: datetime, after: str | None = None) -> Listed[Movement]:
    """Balance transactions since a moment, each with what moved it."""
    params = [*_since(since), ("expand[]", "data.source")]
    page = await _page(client, "balance_transactions", params, after)
    return Listed(tuple(_movement(one) for one in page.items), page.after)


async def list_events(
    client: StripeClient, since: datetime, until: datetime, after: str | None = None
) -> Listed[tuple[Event, dict[str, Any]]]:
    """Events between two moments, with the JSON of each. Stripe's list reaches back 30 days."""
    params = [*_since(since), ("created[lte]", str(int(until.timestamp())))]
    page = await _page(client, "events", params, after)
    try:
        return Listed(tuple((event_of(one), one) for one in page.items), page.after)
    except NotGenuine as error:
        raise Unreadable(f"an event in Stripe's list cannot be read: {error.reason}") from error


def _since(moment: datetime) -> list[tuple[str, str]]:
    return [("created[gte]", str(int(moment.timestamp())))]


async def _page(
    client: StripeClient, path: str, params: list[tuple[str, str]], after: str | None
) -> Listed[dict[str, Any]]:
    asked = [*params, ("limit", str(PAGE_SIZE))] + ([("starting_after", after)] if after else [])
    answer = (await client.get(path, asked)).data
    items = _items(answer)
    return Listed(tuple(items), _text(items[-1], "id") if answer.get("has_more") is True and items else None)


async def _all(client: StripeClient, path: str, params: list[tuple[str, str]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after = None
    for _ in range(PAGES_MAX):
        page = await _page(client, path, params, after)
        found += page.items
        after = page.after
        if after is None:
            return found
    raise LookUpIncomplete(f"more than {len(found)} {path} of one question")


def _items(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    items = answer.get("data")
    if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
        raise Unreadable("a list of Stripe's holds no objects")
    return items


def _session(value: Mapping[str, Any]) -> Session:
    intent = value.get("payment_intent")
    charge = intent.get("latest_charge") if isinstance(intent, dict) else None
    return Session(
        id=_text(value, "id"),
        status=_text(value, "status"),
        payment_status=_text(value, "payment_status"),
        amount_minor=_whole(value, "amount_total"),
        currency=_text(value, "currency"),
        url=value["url"] if isinstance(value.get("url"), str) else None,
        customer_id=_reference(value, "customer") or None,
        payment_intent_id=_reference(value, "payment_intent") or None,
        metadata=_metadata(value),
        created_at=_moment(value, "created"),
        charge=_charge(charge) if isinstance(charge, dict) else None,
    )


def _charge(value: Mapping[str, Any]) -> Charge:
    return Charge(
        id=_text(value, "id"),
        payment_intent_id=_reference(value, "payment_intent"),
        amount_minor=_whole(value, "amount"),
        currency=_text(value, "currency"),
        status=_text(value, "status"),
        refunded_minor=_whole(value, "amount_refunded"),
        is_disputed=value.get("disputed") is True,
    )


def _refund(value: Mapping[str, Any]) -> Refund:
    return Refund(
        id=_text(value, "id"),
        charge_id=_reference(value, "charge"),
        payment_intent_id=_reference(value, "payment_intent"),
        amount_minor=_whole(value, "amount"),
        currency=_text(value, "currency"),
        status=_text(value, "status"),
        metadata=_metadata(value),
        created_at=_moment(value, "created"),
    )


def _dispute(value: Mapping[str, Any]) -> Dispute:
    return Dispute(
        id=_text(value, "id"),
        charge_id=_reference(value, "charge"),
        payment_intent_id=_reference(value, "payment_intent"),
        amount_minor=_whole(value, "amount"),
        currency=_text(value, "currency"),
        reason=_text(value, "reason"),
        status=_text(value, "status"),
        created_at=_moment(value, "created"),
    )


def _movement(value: Mapping[str, Any]) -> Movement:
    source = value.get("source")
    about = source if isinstance(source, dict) else {}
    amount, fee = _whole(value, "amount"), _whole(value, "fee")
    if _whole(value, "net") != amount - fee:
        raise Unreadable("a balance transaction's net is not its amount without its fee")
    return Movement(
        id=_text(value, "id"),
        kind=_text(value, "type"),
        category=_text(value, "reporting_category"),
        amount_minor=amount,
        fee_minor=fee,
        currency=_text(value, "currency"),
        source_id=_reference(value, "source"),
        payment_intent_id=_reference(about, "payment_intent"),
        created_at=_moment(value, "created"),
    )


def _id(value: str) -> str:
    return quote(value, safe="")


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    if not isinstance(found, str) or not found:
        raise Unreadable(f"Stripe's {value.get('object', 'answer')} has no {name}")
    return found


def _whole(value: Mapping[str, Any], name: str) -> int:
    found = value.get(name)
    if type(found) is not int:
        raise Unreadable(f"Stripe's {value.get('object', 'answer')} has no whole number {name}")
    return found


def _moment(value: Mapping[str, Any], name: str) -> datetime:
    try:
        return datetime.fromtimestamp(_whole(value, name), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Unreadable(f"Stripe's {name} is no moment") from error


def _reference(value: Mapping[str, Any], name: str) -> str:
    """The id that a field names, whether it is expanded or not; empty where there is none."""
    found = value.get(name)
    if isinstance(found, dict):
        return _text(found, "id")
    return found if isinstance(found, str) else ""


def _metadata(value: Mapping[str, Any]) -> dict[str, str]:
    found = value.get("metadata")
    return {str(name): str(text) for name, text in found.items()} if isinstance(found, dict) else {}
