"""Reading what stands around orders."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity.revenue.orders import SELECT_ORDER, Order
from trinity.store.database import Tx

PAGE_MAX = 200


@dataclass(frozen=True, slots=True)
class Intake:
    """What the customer wrote: which source it is, and whether a person has released it."""

    source_id: UUID | None
    release_state: str | None
    website: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """What is owed for an order, what works on it, and by which ToolCall it went out."""

    state: str
    run_id: UUID | None
    artifact_id: UUID | None
    tool_call_id: UUID | None
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeptRefund:
    """Money that went back, or failed to."""

    id: UUID
    provider_refund_id: str
    tool_call_id: UUID | None
    amount_minor: int
    currency: str
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class KeptDispute:
    """A dispute about an order."""

    id: UUID
    provider_dispute_id: str
    amount_minor: int
    currency: str
    reason: str
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RevenueEvent:
    """A thing that happened to revenue, once."""

    id: UUID
    kind: str
    provider_id: str
    amount_minor: int
    currency: str
    created_at: datetime


async def list_orders(
    tx: Tx, *, state: str | None = None, contact_id: UUID | None = None, limit: int = PAGE_MAX
) -> list[Order]:
    """Orders, newest first: of one state, one person, or all."""
    rows = await tx.all(
        f"{SELECT_ORDER} where (%(state)s::text is null or o.state = %(state)s)"
        " and (%(contact)s::uuid is null or o.contact_id = %(contact)s) order by o.id desc limit %(limit)s",
        {"state": state, "contact": contact_id, "limit": min(limit, PAGE_MAX)},
    )
    return [Order(**row) for row in rows]


async def get_intake(tx: Tx, order_id: UUID) -> Intake:
    """An order's intake."""
    row = await tx.one(
        "select i.source_id, s.release_state, i.website, i.created_at from order_intakes i"
        " left join sources s on s.account_id = i.account_id and s.id = i.source_id where i.order_id = %(id)s",
        {"id": order_id},
    )
    assert row is not None, "an order has an intake from its first moment"
    return Intake(**row)


async def get_fulfilment(tx: Tx, order_id: UUID) -> Fulfilment:
    """What is owed for an order."""
    row = await tx.one(
        "select state, run_id, artifact_id, tool_call_id, delivered_at from fulfilments where order_id = %(id)s",
        {"id": order_id},
    )
    assert row is not None, "an order has a fulfilment from its first moment"
    return Fulfilment(**row)


async def list_refunds(tx: Tx, order_id: UUID) -> list[KeptRefund]:
    """An order's refunds, oldest first."""
    rows = await tx.all(
        "select id, provider_refund_id, tool_call_id, amount_minor, currency, state, created_at from refunds"
        f" where order_id = %(id)s order by created_at, id limit {PAGE_MAX}",
        {"id": order_id},
    )
    return [KeptRefund(**row) for row in rows]


async def list_disputes(tx: Tx, order_id: UUID) -> list[KeptDispute]:
    """An order's disputes, oldest first."""
    rows = await tx.all(
        "select id, provider_dispute_id, amount_minor, currency, reason, state, created_at from disputes"
        f" where order_id = %(id)s order by created_at, id limit {PAGE_MAX}",
        {"id": order_id},
    )
    return [KeptDispute(**row) for row in rows]


async def list_revenue_events(tx: Tx, order_id: UUID) -> list[RevenueEvent]:
    """What happened to an order's revenue, oldest first."""
    rows = await tx.all(
        "select id, kind, provider_id, amount_minor, currency, created_at from revenue_events"
        " where order_id = %(id)s order by created_at,"
        " array_position(array['order.paid', 'order.delivered', 'refund.created', 'refund.failed', 'dispute.opened',"
        f" 'dispute.closed'], kind), id limit {PAGE_MAX}",
        {"id": order_id},
    )
    return [RevenueEvent(**row) for row in rows]
