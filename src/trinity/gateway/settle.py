"""Settle (transaction 2): one statement, fenced by the lease epoch, that writes how a call ended."""

from datetime import datetime, timedelta
from uuid import UUID

from psycopg.types.json import Jsonb

from trinity import agency, audit, effects
from trinity.gateway.drivers.driver import Done
from trinity.gateway.house import House, advance_job, verify_job
from trinity.gateway.operations import OPERATIONS
from trinity.gateway.outcome import Outcome
from trinity.kit.actor import Actor
from trinity.kit.canonical import digest_hex
from trinity.kit.ids import uuid7
from trinity.store.database import Tx

ENDS = ("succeeded", "failed")

SETTLE = f"""
    with settled as (
        update tool_calls set state = %(state)s, proof_state = %(proof_state)s, reasons = %(reasons)s,
            act_n = act_n + %(act_step)s, looks = %(looks)s, not_before = coalesce(%(not_before)s, not_before),
            lease_expires_at = case when %(state)s = 'in_doubt' then %(event_at)s end,
            settled_at = case when %(is_end)s then %(event_at)s end
        where id = %(id)s and lease_epoch = %(epoch)s and state in ('executing', 'in_doubt')
        returning id, run_id, account_id, operation, subject_id
    ), receipt as (
        insert into receipts (account_id, id, tool_call_id, kind, facts, raw, sha256, created_at)
        select account_id, %(receipt_id)s, id, %(receipt_kind)s, %(receipt_facts)s, %(receipt_raw)s, %(receipt_sha256)s,
               %(event_at)s
        from settled where %(receipt_kind)s::text is not null
    ), event as (
        {audit.INSERT_SELECT} from settled
    )
    select run_id, operation, subject_id from settled
"""


async def settle(house: House, account_id: UUID, call_id: UUID, epoch: int, outcome: Outcome) -> None:
    """Write the outcome; raises `StaleLease` (recorded) if the lease was taken over meanwhile."""
    now = house.clock()
    async with house.db.transaction(account_id, barrier="settle") as tx:
        row = await tx.one(SETTLE, _params(account_id, call_id, epoch, outcome, now))
        if row is None:
            actor = Actor.system(account_id, "gateway")
            facts = {"epoch": epoch, "state": outcome.state}
            await audit.record(tx, actor, "tool_call.stale_settle", ("tool_call", call_id), now, facts)
        else:
            effects.touch(tx, call_id, row["run_id"])
            await _follow_up(house, tx, call_id, outcome, now)
            await _tell_driver(tx, Done(call_id, row["operation"], row["run_id"], row["subject_id"], outcome), now)
            if outcome.state in ENDS and row["run_id"]:
                await agency.settle_waiting(tx, row["run_id"], now)
    if row is None:
        raise effects.StaleLease("The lease of this call was taken over.")


async def _tell_driver(tx: Tx, done: Done, now: datetime) -> None:
    """What an effect brings about elsewhere is written with the settlement, or not at all."""
    assert done.outcome
    driver = OPERATIONS[done.operation].driver
    if done.outcome.state == "succeeded":
        await driver.settled(tx, done, now)
    elif done.outcome.state == "failed":
        await driver.ended(tx, done, now)


async def _follow_up(house: House, tx: Tx, call_id: UUID, outcome: Outcome, now: datetime) -> None:
    """The job that follows from an outcome leaves with the same commit."""
    timings = house.settings.timings
    if outcome.state == "succeeded":
        await tx.enqueue(verify_job(tx.account_id, call_id))
    elif outcome.state == "ready":
        await tx.enqueue(advance_job(tx.account_id, call_id, now + timedelta(seconds=outcome.retry_after_s)))
    elif outcome.state == "in_doubt":
        wait_s = timings.provider_timeout_s + timings.reconcile_margin_s + outcome.retry_after_s
        await tx.enqueue(advance_job(tx.account_id, call_id, now + timedelta(seconds=wait_s)))


def _params(account_id: UUID, call_id: UUID, epoch: int, outcome: Outcome, now: datetime) -> dict[str, object]:
    raw = outcome.receipt_raw[: effects.RAW_BYTES_MAX]
    said = {
        "state": outcome.state,
        "lease_epoch": epoch,
        "reasons": [reason.code for reason in outcome.reasons],
        "receipt_sha256": digest_hex(raw) if outcome.receipt_kind else None,
    }
    actor = Actor.system(account_id, "gateway")
    params = audit.event_params(actor, f"tool_call.{outcome.state}", ("tool_call", call_id), now, said)
    is_end = outcome.state in ENDS
    proof = {"succeeded": "pending_receipt", "failed": "failed", "in_doubt": "manual_review_required"}
    return params | {
        "id": call_id,
        "epoch": epoch,
        "state": outcome.state,
        "proof_state": proof.get(outcome.state, "missing"),
        "reasons": Jsonb([reason.as_dict() for reason in outcome.reasons]),
        "act_step": 1 if outcome.state == "ready" else 0,
        "looks": outcome.looks,
        "not_before": now + timedelta(seconds=outcome.retry_after_s) if outcome.state == "ready" else None,
        "is_end": is_end,
        "receipt_id": uuid7(now),
        "receipt_kind": outcome.receipt_kind,
        "receipt_facts": Jsonb(dict(outcome.receipt_facts)),
        "receipt_raw": raw,
        "receipt_sha256": digest_hex(raw),
    }
