"""Which runs belong to an order: those that work on it, and those that answer its conversations."""

from uuid import UUID

from trinity.store.database import Tx

RUNS_MAX = 200


async def runs_of_order(tx: Tx, order_id: UUID) -> list[UUID]:
    """The runs that work on an order, oldest first."""
    rows = await tx.all(
        f"select id from runs where order_id = %(order)s order by id limit {RUNS_MAX}", {"order": order_id}
    )
    return [row["id"] for row in rows]


async def runs_of_threads(tx: Tx, thread_ids: list[UUID]) -> list[UUID]:
    """The runs that answer some conversations, oldest first."""
    rows = await tx.all(
        f"select id from runs where thread_id = any(%(threads)s) order by id limit {RUNS_MAX}", {"threads": thread_ids}
    )
    return [row["id"] for row in rows]


async def order_of_run(tx: Tx, run_id: UUID) -> UUID | None:
    """The order that a run works on, or whose conversation it answers; None for a run without one."""
    found: UUID | None = await tx.value(
        """
        select coalesce(r.order_id, (
            select o.order_id from thread_messages m
            join tool_calls t on t.account_id = m.account_id and t.id = m.tool_call_id
            join runs o on o.account_id = t.account_id and o.id = t.run_id
            where m.thread_id = r.thread_id and o.order_id is not null order by m.id limit 1))
        from runs r where r.id = %(id)s
        """,
        {"id": run_id},
    )
    return found
