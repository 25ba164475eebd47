"""What Stripe says of a payment now, applied as a whole: checkout, order, refunds, disputes. Never from an event's content.

Whatever event made us look, everything about the payment is fetched and applied together, so that neither the order
nor the number of events can matter. History is derived from the state, too: a refund that failed was made before, also
where nobody saw it in between.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity import audit, crm, effects
from trinity.errors import NotFound
from trinity.kit.actor import Actor
from trinity.kit.ids import uuid7
from trinity.providers.stripe.read import Dispute, Refund, Session
from trinity.revenue.checkouts import TOOL_CALL_MARK, Checkout, checkout_of_session, set_checkout_state, uuid_in
from trinity.revenue.orders import Order, add_revenue_event, find_order, make_order, refresh_order
from trinity.revenue.states import DISPUTE_OPEN, REFUND_ENDED, checkout_state
from trinity.store.database import Tx

STRIPE_PART = "stripe"
MISMATCH = "payment_mismatch"


@dataclass(frozen=True, slots=True)
class Payment:
    """All that Stripe says of one payment now. `session` is None for a payment that was made elsewhere."""

    session: Session | None
    refunds: tuple[Refund, ...]
    disputes: tuple[Dispute, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of it: `applied`, `not_ours` or `mismatch`; the order, and whether it was made now."""

    outcome: str
    order_id: UUID | None = None
    is_new: bool = False


async def apply_payment(tx: Tx, payment: Payment, now: datetime) -> Applied:
    """Make everything of ours say what Stripe says now. Safe to repeat."""
    actor = Actor.system(tx.account_id, STRIPE_PART)
    checkout = await checkout_of_session(tx, payment.session) if payment.session else None
    if checkout is None or payment.session is None:
        await _keep_disputes(tx, None, payment.disputes, now)
        return Applied("not_ours")
    session = payment.session
    state = checkout_state(session)
    order = await find_order(tx, checkout.id)
    is_new = False
    if state == "completed" and order is None:
        if not _is_exact(checkout, session):
            await _record_mismatch(tx, checkout, session, now)
            return Applied("mismatch")
        order = await make_order(tx, actor, checkout, session, now)
        is_new = True
    await set_checkout_state(tx, checkout.id, state, session.id, now)
    if order is None:
        return Applied("applied")
    await _keep_refunds(tx, order, payment.refunds, now)
    await _keep_disputes(tx, order, payment.disputes, now)
    disputes = [one.status for one in payment.disputes]
    charge = session.charge
    await refresh_order(tx, actor, order, charge, disputes, now)
    return Applied("applied", order.id, is_new)


async def standing(tx: Tx, payment: Payment) -> Applied:
    """What others have made of a payment, without changing anything."""
    checkout = await checkout_of_session(tx, payment.session) if payment.session else None
    if checkout is None:
        return Applied("not_ours")
    order = await find_order(tx, checkout.id)
    return Applied("applied", order.id if order else None)


def _is_exact(checkout: Checkout, session: Session) -> bool:
    """Whether exactly what the checkout promised was paid."""
    wanted = (checkout.amount_minor, checkout.currency)
    paid = [(session.amount_minor, session.currency)]
    if session.charge is not None:
        paid.append((session.charge.amount_minor, session.charge.currency))
    return all(one == wanted for one in paid)


async def _record_mismatch(tx: Tx, checkout: Checkout, session: Session, now: datetime) -> None:
    """Money came in that no offer of ours asks for: people must look, and nothing is worked on."""
    if not await set_checkout_state(tx, checkout.id, "failed", session.id, now):
        return
    facts = {
        "session_id": session.id,
        "wanted_minor": checkout.amount_minor,
        "wanted_currency": checkout.currency,
        "paid_minor": session.amount_minor,
        "paid_currency": session.currency,
    }
    await audit.record_incident(tx, MISMATCH, checkout.id, now, facts, is_critical=True)


async def _keep_refunds(tx: Tx, order: Order, refunds: tuple[Refund, ...], now: datetime) -> None:
    for refund in reversed(refunds):
        await _keep_refund(tx, order, refund, now)
        facts: dict[str, str | int | bool | None] = {
            "order_id": str(order.id),
            "amount_minor": refund.amount_minor,
            "currency": refund.currency,
        }
        amount = (refund.amount_minor, refund.currency)
        if await add_revenue_event(tx, order.id, "refund.created", refund.id, amount, now):
            await crm.add_activity(tx, order.contact_id, "refunded", ("order", order.id), facts, now)
        if refund.status in REFUND_ENDED and await add_revenue_event(
            tx, order.id, "refund.failed", refund.id, amount, now
        ):
            await crm.add_activity(tx, order.contact_id, "refund_failed", ("order", order.id), facts, now)


async def _keep_refund(tx: Tx, order: Order, refund: Refund, now: datetime) -> None:
    await tx.execute(
        """
        insert into refunds as r (account_id, id, order_id, provider_refund_id, tool_call_id, amount_minor, currency,
                                  state, created_at, changed_at)
        values (%(a)s, %(id)s, %(order)s, %(refund)s, %(call)s, %(amount)s, %(currency)s, %(state)s, %(created)s,
                %(now)s)
        on conflict (account_id, provider_refund_id) do update
        set state = excluded.state, tool_call_id = coalesce(r.tool_call_id, excluded.tool_call_id),
            changed_at = excluded.changed_at
        where r.state <> excluded.state or r.tool_call_id is distinct from coalesce(r.tool_call_id, excluded.tool_call_id)
        """,
        {
            "a": tx.account_id,
            "id": uuid7(now),
            "order": order.id,
            "refund": refund.id,
            "call": await _call_of(tx, refund),
            "amount": refund.amount_minor,
            "currency": refund.currency,
            "state": refund.status,
            "created": refund.created_at,
            "now": now,
        },
    )


async def _call_of(tx: Tx, refund: Refund) -> UUID | None:
    """The ToolCall that the refund's metadata names, if this account has it: anybody at Stripe can write metadata."""
    call_id = uuid_in(refund.metadata.get(TOOL_CALL_MARK, ""))
    if call_id is None:
        return None
    try:
        return (await effects.get_tool_call(tx, call_id)).id
    except NotFound:
        return None


async def _keep_disputes(tx: Tx, order: Order | None, disputes: tuple[Dispute, ...], now: datetime) -> None:
    for dispute in reversed(disputes):
        await _keep_dispute(tx, order.id if order else None, dispute, now)
        if order is None:
            continue
        amount = (dispute.amount_minor, dispute.currency)
        facts: dict[str, str | int | bool | None] = {
            "order_id": str(order.id),
            "amount_minor": dispute.amount_minor,
            "currency": dispute.currency,
        }
        if await add_revenue_event(tx, order.id, "dispute.opened", dispute.id, amount, now):
            await crm.add_activity(tx, order.contact_id, "disputed", ("order", order.id), facts, now)
        if dispute.status not in DISPUTE_OPEN:
            facts = facts | {"outcome": dispute.status[:40]}
            if await add_revenue_event(tx, order.id, "dispute.closed", dispute.id, amount, now):
                await crm.add_activity(tx, order.contact_id, "dispute_closed", ("order", order.id), facts, now)


async def _keep_dispute(tx: Tx, order_id: UUID | None, dispute: Dispute, now: datetime) -> None:
    await tx.execute(
        """
        insert into disputes as d (account_id, id, order_id, provider_dispute_id, charge_id, amount_minor, currency,
                                   reason, state, created_at, changed_at)
        values (%(a)s, %(id)s, %(order)s, %(dispute)s, %(charge)s, %(amount)s, %(currency)s, %(reason)s, %(state)s,
                %(created)s, %(now)s)
        on conflict (account_id, provider_dispute_id) do update
        set order_id = coalesce(excluded.order_id, d.order_id), amount_minor = excluded.amount_minor,
            reason = excluded.reason, state = excluded.state, changed_at = excluded.changed_at
        where (d.order_id, d.amount_minor, d.reason, d.state) is distinct from
              (coalesce(excluded.order_id, d.order_id), excluded.amount_minor, excluded.reason, excluded.state)
        """,
        {
            "a": tx.account_id,
            "id": uuid7(now),
            "order": order_id,
            "dispute": dispute.id,
            "charge": dispute.charge_id,
            "amount": dispute.amount_minor,
            "currency": dispute.currency,
            "reason": dispute.reason,
            "state": dispute.status,
            "created": dispute.created_at,
            "now": now,
        },
    )
