"""What time does to calls: approvals expire, and a call that lost its job gets a new one."""

from uuid import UUID

from trinity import approvals, audit
from trinity.errors import Reason
from trinity.gateway.endings import end
from trinity.gateway.house import ADVANCE_JOB, House, advance_job
from trinity.gateway.reconcile import LOOKS_MAX
from trinity.kit.actor import Actor

BATCH_MAX = 200


async def expire_due(house: House, account_id: UUID) -> int:
    """End requests that nobody decided in time, and approved calls whose envelope ran out before a claim."""
    now = house.clock()
    async with house.db.transaction(account_id) as tx:
        rows = await tx.all(
            "select id from tool_calls where state in ('awaiting_approval', 'ready') and expires_at <= %(now)s"
            " order by id limit %(limit)s for update skip locked",
            {"now": now, "limit": BATCH_MAX},
        )
        reason = Reason("2 currency", "expired", "Nobody decided in time.")
        for row in rows:
            await end(tx, row["id"], "expired", [reason], now)
            await approvals.close_request(tx, row["id"], "expired", now)
            actor = Actor.system(account_id, "housekeeping")
            await audit.record(tx, actor, "tool_call.expired", ("tool_call", row["id"]), now, {})
    return len(rows)


async def find_stuck(house: House, account_id: UUID) -> int:
    """Give every call that should move, and that no job drives, a job. Jobs are never relied on for effects."""
    async with house.db.transaction(account_id) as tx:
        rows = await tx.all(
            """
            select t.id, t.not_before from tool_calls t
            where t.state in ('ready', 'executing', 'in_doubt') and t.looks < %(looks)s
              and not exists (select from oban_jobs j where j.worker = %(worker)s
                and j.args->>'tool_call_id' = t.id::text
                and j.state in ('available', 'scheduled', 'executing', 'retryable'))
            order by t.id limit %(limit)s
            """,
            {"looks": LOOKS_MAX, "worker": ADVANCE_JOB, "limit": BATCH_MAX},
        )
        for row in rows:
            await tx.enqueue(advance_job(account_id, row["id"], row["not_before"]))
    return len(rows)
