"""What is left of an order, under its lock: two refunds together never give back more than was paid.

These statements read tables of `revenue` beside our own calls. They belong to the claim's exception: what may still be
spent is reserved and recomputed in one place.
"""

from dataclasses import dataclass
from uuid import UUID

from trinity.errors import NotFound, Refused
from trinity.policy.money import REFUNDABLE
from trinity.store.database import Tx

OPERATION = "stripe.refund"
MAY_STILL_MOVE = "('proposed', 'awaiting_approval', 'ready', 'executing', 'in_doubt', 'succeeded')"
"""States of a call whose money has gone back or may still go."""

EARLIER = f"""
    coalesce((
        select sum(c.amount_minor) from tool_calls c
        where c.account_id = o.account_id and c.subject_id = o.id and c.operation = '{OPERATION}'
          and c.state in {MAY_STILL_MOVE} and (%(before)s::uuid is null or c.id < %(before)s)
          and c.id is distinct from %(without)s::uuid
          and not exists (select from refunds r where r.account_id = c.account_id and r.tool_call_id = c.id
                          and r.state in ('failed', 'canceled'))
    ), 0)::bigint
"""
"""What our calls before this one have moved or may still move; a refund that failed at the bank moved nothing."""
OUTSIDE = """
    coalesce((
        select sum(r.amount_minor) from refunds r where r.account_id = o.account_id and r.order_id = o.id
            and r.tool_call_id is null and r.state not in ('failed', 'canceled')
    ), 0)::bigint
"""
"""What somebody gave back in Stripe's own pages."""


@dataclass(frozen=True, slots=True)
class Refundable:
    """An order as a refund sees it."""

    id: UUID
    number: int
    project_id: UUID
    state: str
    amount_minor: int
    currency: str
    payment_intent_id: str | None
    earlier_minor: int
    outside_minor: int

    @property
    def left_minor(self) -> int:
        """What may still be given back."""
        return max(self.amount_minor - self.earlier_minor - self.outside_minor, 0)


async def lock_order(tx: Tx, order_id: UUID, without: UUID | None) -> Refundable:
    """The order, locked until the proposal is committed; `without` is the call that the proposal replaces.

    The lock is a statement of its own: a statement that waits for a lock still counts what it saw before it waited.
    """
    await tx.execute("select from orders where id = %(id)s for update", {"id": order_id})
    row = await tx.one(
        f"""
        select o.id, o.number, o.project_id, o.state, o.amount_minor, o.currency, o.payment_intent_id,
               {EARLIER} as earlier_minor, {OUTSIDE} as outside_minor
        from orders o where o.id = %(id)s
        """,
        {"id": order_id, "before": None, "without": without},
    )
    if row is None:
        raise NotFound("order")
    return Refundable(**row)


def check(order: Refundable, project_id: UUID, amount_minor: int, currency: str) -> str:
    """Refuse what this order cannot give back; returns the payment to give it back from."""
    if order.project_id != project_id:
        raise NotFound("order")
    if order.state not in REFUNDABLE or order.payment_intent_id is None:
        raise Refused("order_not_refundable", f"This order is {order.state}; nothing can be given back of it.")
    if currency != order.currency:
        raise Refused("currency_mismatch", f"This order was paid in {order.currency.upper()}.", status=422)
    if amount_minor > order.left_minor:
        facts = {"left_minor": order.left_minor, "currency": order.currency}
        raise Refused("amount_exceeds_order", "That is more than what is left of this order.", details=facts)
    return order.payment_intent_id
