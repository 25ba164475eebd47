"""What time does to calls and runs: approvals expire, who lost a job gets a new one, or is ended."""

from datetime import datetime
from uuid import UUID

from trinity import agency, approvals, audit
from trinity.errors import Reason
from trinity.gateway.endings import end
from trinity.gateway.house import House, advance_job, review_job, verify_job
from trinity.gateway.reconcile import LOOKS_MAX
from trinity.kit.actor import Actor
from trinity.store.database import IS_TO_COME, Job

BATCH_MAX = 200


async def expire_due(house: House, account_id: UUID) -> int:
    """End requests that nobody decided in time, and approved calls whose envelope ran out before a claim."""
    now = house.clock()
    async with house.db.transaction(account_id) as tx:
        rows = await tx.all(
            "select id from tool_calls where state in ('proposed', 'awaiting_approval', 'ready') and expires_at <= %(now)s"
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
    """Give every call that should move, and that no job drives, a job. Jobs are never relied on for effects.

    A call moves while it can act or be looked at, and once it has succeeded until its proof is made.
    """
    async with house.db.transaction(account_id) as tx:
        rows = await tx.all(
            f"""
            select t.id, t.not_before, t.state from tool_calls t
            where (t.state in ('proposed', 'ready', 'executing', 'in_doubt') and t.looks < %(looks)s
                   or t.proof_state = 'pending_receipt')
              and not exists (select from oban_jobs j where j.args->>'tool_call_id' = t.id::text and {IS_TO_COME})
            order by t.id limit %(limit)s
            """,
            {"looks": LOOKS_MAX, "limit": BATCH_MAX},
        )
        for row in rows:
            await tx.enqueue(_job_for(account_id, row["id"], row["state"], row["not_before"]))
    return len(rows)


def _job_for(account_id: UUID, call_id: UUID, state: str, not_before: datetime | None) -> Job:
    """What a call in this state waits for."""
    if state == "proposed":
        return review_job(account_id, call_id)
    return verify_job(account_id, call_id) if state == "succeeded" else advance_job(account_id, call_id, not_before)


async def end_lost_runs(house: House, account_id: UUID) -> int:
    """End every run that no job works on any more: its job failed too often, or died too often with its worker."""
    async with house.db.transaction(account_id) as tx:
        rows = await tx.all(
            f"""
            select r.id from runs r where r.state in ('queued', 'running')
              and not exists (select from oban_jobs j where j.args->>'run_id' = r.id::text and {IS_TO_COME})
            order by r.id limit %(limit)s
            """,
            {"limit": BATCH_MAX},
        )
        for row in rows:
            await agency.finish_run(tx, row["id"], "failed", "The runtime could not be kept running.", house.clock())
    return len(rows)


async def take_up_held_runs(house: House, account_id: UUID) -> int:
    """Begin or end the runs whose text is decided although the job that says so was lost. Held ones just wait."""
    async with house.db.transaction(account_id) as tx:
        decided = await agency.find_decided(tx)
        for source_id in decided:
            await agency.source_decided(tx, source_id, house.clock())
    return len(decided)
