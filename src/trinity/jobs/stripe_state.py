"""From an event, an order or a movement of money to the payment behind it: fetched as it is now, applied as a whole."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from trinity import gateway, integrations, revenue
from trinity.errors import Refused, Unavailable
from trinity.gateway import Rails
from trinity.integrations import Integration
from trinity.jobs.packets import ask_for_order
from trinity.kit.barriers import reached
from trinity.providers.stripe import read
from trinity.providers.stripe.client import StripeClient, StripeRefused
from trinity.providers.stripe.read import Charge, Dispute, Payout, Refund
from trinity.revenue import Applied, Payment, StoredEvent
from trinity.store.database import Tx

TRIES_MAX = 4
"""How often state is fetched again because somebody else applied some meanwhile: after two others nothing is left to do."""
GONE = 404

type Then = Callable[[Tx, str], Awaitable[None]]
"""Runs in the unit of work that applied the state, with what came of it."""


async def find_stripe(rails: Rails, account_id: UUID) -> Integration | None:
    """The account's Stripe, if it is connected and in use."""
    async with rails.house.db.transaction(account_id) as tx:
        found = await integrations.find_integration(tx, "stripe")
    return found if found and found.state == "ready" else None


async def carry_out(rails: Rails, account_id: UUID, event_id: UUID) -> bool:
    """Do what an event asks for. False for one that is none of ours, or is done already."""
    async with rails.house.db.transaction(account_id) as tx:
        event = await revenue.get_event(tx, event_id)
    if event.outcome != "received":
        return False

    async def close(tx: Tx, outcome: str) -> None:
        kind = "ignored" if outcome in ("not_ours", "unknown") else "processed"
        await revenue.close_event(tx, event_id, kind, outcome, rails.house.clock())

    if not event.object_id or not event.type.startswith(tuple(_KINDS)):
        async with rails.house.db.transaction(account_id) as tx:
            await close(tx, "unknown")
        return False
    reached("event.before_fetch")
    try:
        await _look(rails, account_id, event, close)
    except StripeRefused as refusal:
        if refusal.status != GONE:
            raise
        async with rails.house.db.transaction(account_id) as tx:
            await revenue.close_event(tx, event_id, "failed", "the object is gone", rails.house.clock())
    return True


async def sync_payment(
    rails: Rails,
    account_id: UUID,
    *,
    session_id: str | None = None,
    payment_intent_id: str = "",
    then: Then | None = None,
) -> Applied:
    """Fetch all of a payment and apply it. `session_id` is found by the payment where only that is known."""
    client = await _client(rails, account_id)
    if session_id is None:
        session_id = next(iter(await read.sessions_of_payment(client, payment_intent_id)), None)
    fence = session_id or payment_intent_id

    async def fetch() -> Payment:
        return await _fetch(client, session_id, payment_intent_id)

    async def apply(tx: Tx, payment: Payment, is_newest: bool) -> Applied:
        now = rails.house.clock()
        applied = await (revenue.apply_payment(tx, payment, now) if is_newest else revenue.standing(tx, payment))
        if applied.is_new and applied.order_id:
            await _tell_owners(rails, tx, applied.order_id)
        if applied.order_id:
            await ask_for_order(tx, applied.order_id, now)
        if then:
            await then(tx, applied.outcome)
        return applied

    return await _fenced(rails, account_id, fence, fetch, apply)


async def ensure_order(rails: Rails, account_id: UUID, payment_intent_id: str) -> UUID | None:
    """The order of a payment, made now if its events have not come yet; None where it is not ours."""
    if not payment_intent_id:
        return None
    async with rails.house.db.transaction(account_id) as tx:
        found = await revenue.order_of_payment(tx, payment_intent_id)
    if found is None:
        found = (await sync_payment(rails, account_id, payment_intent_id=payment_intent_id)).order_id
    return found


async def _tell_owners(rails: Rails, tx: Tx, order_id: UUID) -> None:
    """A notice that an order was paid, proposed with the order itself."""
    order = await revenue.get_order(tx, order_id)
    facts: dict[str, str | int] = {
        "order_id": str(order.id),
        "number": order.number,
        "amount_minor": order.amount_minor,
        "currency": order.currency,
    }
    await gateway.notify(rails.house, tx, "order_paid", facts, rails.house.clock())


async def _look(rails: Rails, account_id: UUID, event: StoredEvent, close: Then) -> None:
    """Look at what the event is about, by its type."""
    client = await _client(rails, account_id)
    kind = next(prefix for prefix in _KINDS if event.type.startswith(prefix))
    if kind == "checkout.session.":
        await sync_payment(rails, account_id, session_id=event.object_id, then=close)
    elif kind == "payout.":
        await _sync_payout(rails, account_id, client, event.object_id, close)
    else:
        payment_intent_id = await _KINDS[kind](client, event.object_id)
        if payment_intent_id:
            await sync_payment(rails, account_id, payment_intent_id=payment_intent_id, then=close)
        else:
            async with rails.house.db.transaction(account_id) as tx:
                await close(tx, "not_ours")


async def _sync_payout(rails: Rails, account_id: UUID, client: StripeClient, payout_id: str, close: Then) -> None:
    async def fetch() -> Payout:
        return await read.get_payout(client, payout_id)

    async def apply(tx: Tx, payout: Payout, is_newest: bool) -> None:
        if is_newest:
            await revenue.apply_payout(tx, payout, rails.house.clock())
        await close(tx, "applied")

    await _fenced(rails, account_id, payout_id, fetch, apply)


async def _fenced[T, R](
    rails: Rails,
    account_id: UUID,
    fence: str,
    fetch: Callable[[], Awaitable[T]],
    apply: Callable[[Tx, T, bool], Awaitable[R]],
) -> R:
    """Fetch, then apply unless somebody else applied meanwhile; then fetch again (`revenue.syncs`).

    Once two others have applied, the second of them began to fetch after we did: what we came for is in there, and
    `apply` is told that it need not write (`is_newest` is False).
    """
    db = rails.house.db
    first: int | None = None
    for _ in range(TRIES_MAX):
        async with db.transaction(account_id) as tx:
            seen = await revenue.sync_number(tx, fence)
        first = seen if first is None else first
        fetched = await fetch()
        reached("event.after_fetch")
        async with db.transaction(account_id, barrier="money") as tx:
            is_newest = await revenue.raise_sync(tx, fence, seen, rails.house.clock())
            if is_newest or await revenue.sync_number(tx, fence) >= first + 2:
                return await apply(tx, fetched, is_newest)
    raise Unavailable("what was fetched was always older than what others had applied")


async def _fetch(client: StripeClient, session_id: str | None, payment_intent_id: str) -> Payment:
    session = await read.get_session(client, session_id) if session_id else None
    intent = (session.payment_intent_id if session else payment_intent_id) or ""
    if not intent:
        return Payment(session, (), ())
    refunds = await read.refunds_of_payment(client, intent)
    disputes = await read.disputes_of_payment(client, intent)
    if session and session.charge:
        _demand_whole(session.charge, refunds, disputes)
    return Payment(session, tuple(refunds), tuple(disputes))


def _demand_whole(charge: Charge, refunds: list[Refund], disputes: list[Dispute]) -> None:
    """Refuse lists that know less than the charge itself: lists may be behind, and no later event may come.

    Failed refunds count, too: whether a charge still counts them does not matter then.
    """
    if sum(one.amount_minor for one in refunds) < charge.refunded_minor or (charge.is_disputed and not disputes):
        raise Unavailable("Stripe's lists are behind the charge that they are about")


async def _client(rails: Rails, account_id: UUID) -> StripeClient:
    stripe = await find_stripe(rails, account_id)
    if stripe is None:
        raise Refused("not_connected", "This account's Stripe is not connected, or is suspended.")
    return await rails.stripe(account_id, stripe)


async def _of_dispute(client: StripeClient, object_id: str) -> str:
    return (await read.get_dispute(client, object_id)).payment_intent_id


async def _of_refund(client: StripeClient, object_id: str) -> str:
    return (await read.get_refund(client, object_id)).payment_intent_id


async def _of_charge(client: StripeClient, object_id: str) -> str:
    return (await read.get_charge(client, object_id)).payment_intent_id


async def _of_itself(client: StripeClient, object_id: str) -> str:
    return object_id


_KINDS: dict[str, Callable[[StripeClient, str], Awaitable[str]]] = {
    "checkout.session.": _of_itself,
    "payout.": _of_itself,
    "charge.dispute.": _of_dispute,
    # `charge.refund.updated` is about a refund, whatever its name says.
    "charge.refund.": _of_refund,
    "charge.refunded": _of_charge,
    "refund.": _of_refund,
}
"""How an event's object leads to its payment, by the type's beginning; the first that fits counts."""
