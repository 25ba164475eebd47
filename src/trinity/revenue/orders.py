"""Orders: what was paid for, what is owed for it, and what has gone back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from trinity import audit, crm, sources
from trinity.errors import NotFound
from trinity.kit.actor import Actor
from trinity.kit.ids import uuid7
from trinity.providers.stripe.read import Charge, Session
from trinity.revenue.checkouts import Checkout
from trinity.revenue.following import LOST_AFTER, LOST_BATCH_MAX, ORDER_PAID_JOB, order_paid_job
from trinity.revenue.states import fulfilment_state, order_state
from trinity.store.database import IS_TO_COME, Tx

INTAKE_TITLE = "What the customer asked for, order {number}"
SELECT_ORDER = """
    select o.id, o.number, o.project_id, p.name as project_name, o.offer_id, f.title as offer_title, o.customer_id,
           o.contact_id, t.email, t.name, o.deal_id, o.checkout_id, o.payment_intent_id, o.charge_id, o.state,
           o.amount_minor, o.currency, o.refunded_minor, o.paid_at, o.created_at
    from orders o
    join projects p on p.account_id = o.account_id and p.id = o.project_id
    join offers f on f.account_id = o.account_id and f.id = o.offer_id
    join contacts t on t.account_id = o.account_id and t.id = o.contact_id
"""


@dataclass(frozen=True, slots=True)
class Order:
    """Something that was paid for. `number` counts in its account, for people."""

    id: UUID
    number: int
    project_id: UUID
    project_name: str
    offer_id: UUID
    offer_title: str
    customer_id: UUID
    contact_id: UUID
    email: str
    name: str
    deal_id: UUID | None
    checkout_id: UUID
    payment_intent_id: str | None
    charge_id: str | None
    state: str
    amount_minor: int
    currency: str
    refunded_minor: int
    paid_at: datetime
    created_at: datetime


async def get_order(tx: Tx, order_id: UUID) -> Order:
    """One order, or `NotFound`."""
    row = await tx.one(f"{SELECT_ORDER} where o.id = %(id)s", {"id": order_id})
    if row is None:
        raise NotFound("order")
    return Order(**row)


async def find_order(tx: Tx, checkout_id: UUID) -> Order | None:
    """The order that a checkout led to."""
    row = await tx.one(f"{SELECT_ORDER} where o.checkout_id = %(id)s", {"id": checkout_id})
    return Order(**row) if row else None


async def order_of_payment(tx: Tx, payment_intent_id: str) -> UUID | None:
    """The order of a payment; None for a payment that was made elsewhere, or is not known yet."""
    if not payment_intent_id:
        return None
    found = await tx.value("select id from orders where payment_intent_id = %(id)s", {"id": payment_intent_id})
    return UUID(str(found)) if found else None


async def make_order(tx: Tx, actor: Actor, checkout: Checkout, session: Session, now: datetime) -> Order:
    """All that a payment leads to, in one unit of work: order, customer, intake, revenue, a won deal, and work to do."""
    order_id = uuid7(now)
    customer_id = await _customer(tx, checkout.contact_id, session.customer_id, now)
    number = await _next_number(tx)
    await tx.execute(
        """
        insert into orders (account_id, id, number, project_id, offer_id, customer_id, contact_id, deal_id, checkout_id,
                            payment_intent_id, charge_id, state, amount_minor, currency, refunded_minor, paid_at,
                            created_at)
        values (%(a)s, %(id)s, %(number)s, %(project)s, %(offer)s, %(customer)s, %(contact)s, %(deal)s, %(checkout)s,
                %(intent)s, %(charge)s, 'paid', %(amount)s, %(currency)s, 0, %(now)s, %(now)s)
        """,
        {
            "a": tx.account_id,
            "id": order_id,
            "number": number,
            "project": checkout.project_id,
            "offer": checkout.offer_id,
            "customer": customer_id,
            "contact": checkout.contact_id,
            "deal": checkout.deal_id,
            "checkout": checkout.id,
            "intent": session.payment_intent_id,
            "charge": session.charge.id if session.charge else None,
            "amount": checkout.amount_minor,
            "currency": checkout.currency,
            "now": now,
        },
    )
    await _intake(tx, actor, order_id, number, checkout, now)
    await _owe(tx, order_id, now)
    provider_id = session.payment_intent_id or session.id
    amount = (checkout.amount_minor, checkout.currency)
    await add_revenue_event(tx, order_id, "order.paid", provider_id, amount, now)
    if checkout.deal_id:
        await crm.win_deal(tx, actor, checkout.deal_id, checkout.amount_minor, checkout.currency, now)
    facts: dict[str, str | int | bool | None] = {
        "number": number,
        "amount_minor": checkout.amount_minor,
        "currency": checkout.currency,
    }
    await audit.record(tx, actor, "order.paid", ("order", order_id), now, facts)
    await crm.add_activity(tx, checkout.contact_id, "order_paid", ("order", order_id), facts, now)
    await tx.enqueue(order_paid_job(tx.account_id, order_id))
    _tell(tx, order_id)
    return await get_order(tx, order_id)


async def refresh_order(
    tx: Tx, actor: Actor, order: Order, charge: Charge | None, disputes: Sequence[str], now: datetime
) -> None:
    """Let an order and what is owed for it follow from what Stripe says now."""
    await _follow(tx, actor, order, charge, disputes, now)
    _tell(tx, order.id)


async def deliver(tx: Tx, order_id: UUID, tool_call_id: UUID, now: datetime) -> None:
    """What was bought went out, by this ToolCall. Safe to repeat; the first delivery counts."""
    order = await get_order(tx, order_id)
    changed = await tx.execute(
        "update fulfilments set state = 'delivered', tool_call_id = %(call)s, delivered_at = %(now)s"
        " where order_id = %(id)s and delivered_at is null",
        {"id": order_id, "call": tool_call_id, "now": now},
    )
    if not changed:
        return
    actor = Actor.system(tx.account_id, "fulfilment")
    amount = (order.amount_minor, order.currency)
    await add_revenue_event(tx, order_id, "order.delivered", str(tool_call_id), amount, now)
    rows = await tx.all("select state from disputes where order_id = %(id)s", {"id": order_id})
    await _follow(tx, actor, order, None, [row["state"] for row in rows], now)
    await audit.record(tx, actor, "order.delivered", ("order", order_id), now, {"tool_call_id": str(tool_call_id)})
    await crm.add_activity(tx, order.contact_id, "order_delivered", ("order", order_id), {"number": order.number}, now)
    _tell(tx, order_id)


async def link_run(tx: Tx, order_id: UUID, run_id: UUID) -> None:
    """Note the run that works on an order."""
    await tx.execute("update fulfilments set run_id = %(run)s where order_id = %(id)s", {"run": run_id, "id": order_id})
    _tell(tx, order_id)


async def give_lost_orders_a_job(tx: Tx, now: datetime) -> int:
    """Ask again for the run of every paid order that has none and that no job will give one. Asks Oban's table."""
    rows = await tx.all(
        f"""
        select o.id from orders o join fulfilments f on f.account_id = o.account_id and f.order_id = o.id
        where o.state = 'paid' and f.state = 'awaiting' and f.run_id is null and o.created_at < %(before)s
          and not exists (select from oban_jobs j where j.args->>'order_id' = o.id::text and j.worker = %(worker)s
                          and {IS_TO_COME})
        order by o.id limit %(limit)s
        """,
        {"before": now - LOST_AFTER, "limit": LOST_BATCH_MAX, "worker": ORDER_PAID_JOB},
    )
    for row in rows:
        await tx.enqueue(order_paid_job(tx.account_id, row["id"]))
    return len(rows)


async def prepare(tx: Tx, order_id: UUID, artifact_id: UUID) -> None:
    """Note the artifact that is to be delivered."""
    await tx.execute(
        "update fulfilments set artifact_id = %(artifact)s,"
        " state = case when state = 'awaiting' then 'prepared' else state end where order_id = %(id)s",
        {"artifact": artifact_id, "id": order_id},
    )
    _tell(tx, order_id)


async def add_revenue_event(
    tx: Tx, order_id: UUID, kind: str, provider_id: str, amount: tuple[int, str], now: datetime
) -> bool:
    """Note once that something happened to revenue. False if it is noted."""
    return bool(
        await tx.execute(
            """
            insert into revenue_events (account_id, id, order_id, kind, provider_id, amount_minor, currency, facts,
                                        created_at)
            values (%(a)s, %(id)s, %(order)s, %(kind)s, %(provider)s, %(amount)s, %(currency)s, %(facts)s, %(now)s)
            on conflict (account_id, kind, provider_id) do nothing
            """,
            {
                "a": tx.account_id,
                "id": uuid7(now),
                "order": order_id,
                "kind": kind,
                "provider": provider_id,
                "amount": amount[0],
                "currency": amount[1],
                "facts": Jsonb({}),
                "now": now,
            },
        )
    )


async def _follow(
    tx: Tx, actor: Actor, order: Order, charge: Charge | None, disputes: Sequence[str], now: datetime
) -> None:
    """Order and fulfilment from the newest numbers; an audit event where the order's state changed."""
    held = await tx.one(
        "select o.state, o.refunded_minor, f.delivered_at, f.artifact_id from orders o"
        " join fulfilments f on f.account_id = o.account_id and f.order_id = o.id where o.id = %(id)s for update of o",
        {"id": order.id},
    )
    assert held is not None, "an order has a fulfilment from its first moment"
    is_delivered = held["delivered_at"] is not None
    refunded = min(charge.refunded_minor, order.amount_minor) if charge else held["refunded_minor"]
    state = order_state(order.amount_minor, refunded, disputes, is_delivered=is_delivered)
    await tx.execute(
        "update orders set state = %(state)s, refunded_minor = %(refunded)s,"
        " charge_id = coalesce(%(charge)s, charge_id) where id = %(id)s",
        {"state": state, "refunded": refunded, "charge": charge.id if charge else None, "id": order.id},
    )
    owed = fulfilment_state(state, is_delivered=is_delivered, is_prepared=held["artifact_id"] is not None)
    await tx.execute("update fulfilments set state = %(s)s where order_id = %(id)s", {"s": owed, "id": order.id})
    if held["state"] != state:
        facts = {"from": held["state"], "to": state, "refunded_minor": refunded}
        await audit.record(tx, actor, "order.changed", ("order", order.id), now, facts)


async def _customer(tx: Tx, contact_id: UUID, provider_customer_id: str | None, now: datetime) -> UUID:
    found = await tx.value(
        """
        insert into customers as c (account_id, id, contact_id, provider_customer_id, created_at)
        values (%(a)s, %(id)s, %(contact)s, %(provider)s, %(now)s)
        on conflict (account_id, contact_id) do update
        set provider_customer_id = coalesce(excluded.provider_customer_id, c.provider_customer_id)
        returning id
        """,
        {
            "a": tx.account_id,
            "id": uuid7(now),
            "contact": contact_id,
            "provider": provider_customer_id,
            "now": now,
        },
    )
    return UUID(str(found))


async def _next_number(tx: Tx) -> int:
    """The account's next order number, without a gap: who makes an order waits for whoever makes one now."""
    key = {"key": f"order-number/{tx.account_id}"}
    await tx.execute("select pg_advisory_xact_lock(hashtextextended(%(key)s, 0))", key)
    return int(await tx.value("select coalesce(max(number), 0) + 1 from orders"))


async def _intake(tx: Tx, actor: Actor, order_id: UUID, number: int, checkout: Checkout, now: datetime) -> None:
    """The customer's words become a source in quarantine that only work for this customer may ever read."""
    title = INTAKE_TITLE.format(number=number)
    new = sources.NewSource(
        checkout.project_id, "public_form", title, checkout.intake_text, contact_id=checkout.contact_id
    )
    source_id = await sources.add_source(tx, actor, new, now)
    await tx.execute(
        "insert into order_intakes (account_id, id, order_id, source_id, website, created_at)"
        " values (%(a)s, %(id)s, %(order)s, %(source)s, %(website)s, %(now)s)",
        {
            "a": tx.account_id,
            "id": uuid7(now),
            "order": order_id,
            "source": source_id,
            "website": checkout.website,
            "now": now,
        },
    )


async def _owe(tx: Tx, order_id: UUID, now: datetime) -> None:
    await tx.execute(
        "insert into fulfilments (account_id, id, order_id, state, created_at)"
        " values (%(a)s, %(id)s, %(order)s, 'awaiting', %(now)s)",
        {"a": tx.account_id, "id": uuid7(now), "order": order_id, "now": now},
    )


def _tell(tx: Tx, order_id: UUID) -> None:
    tx.notify("orders", f"order:{order_id}")
