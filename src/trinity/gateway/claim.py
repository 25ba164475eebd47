"""Claim (transaction 1): one locked read, the policies, one guarded write.

The two statements here reach into tables of several contexts. That is the house's one exception to "each
context owns its tables": authority is read and spent in one place, under one lock, in one glance.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from trinity import approvals, audit, effects
from trinity.accounts import Permission, may
from trinity.errors import Reason
from trinity.gateway.bind import tier_of
from trinity.gateway.drivers.refunding import EARLIER, OUTSIDE
from trinity.gateway.drivers.refunding import OPERATION as REFUND
from trinity.gateway.endings import end
from trinity.gateway.files import list_files
from trinity.gateway.house import House
from trinity.gateway.operations import OPERATIONS
from trinity.gateway.steps import Claimed
from trinity.integrations import Check, is_in_the_way
from trinity.kit.actor import Actor
from trinity.kit.permit import origin_of
from trinity.policy import POLICIES, ClaimFacts, Decision, adjudicate
from trinity.policy.claim import POLICY_VERSION
from trinity.policy.content import FileFacts, Review
from trinity.policy.money import OrderFacts
from trinity.store.database import Row, Tx

READ = f"""
    select t.*, e.digest as stored_digest, coalesce(e.canonical, '') as canonical, coalesce(e.payload, '') as payload,
           coalesce(e.salt, '') as salt, coalesce(e.typed_payload, '') as typed_payload,
           k.typed_digest as key_typed_digest,
           r.id as request_id, r.state as request_state, r.envelope_digest as request_digest,
           r.expires_at as request_expires_at, run.state as run_state,
           i.state as integration_state, i.address, i.aliases, i.endpoint,
           o.state as order_state, o.amount_minor as order_amount_minor, o.currency as order_currency,
           o.payment_intent_id as order_payment, {EARLIER} as earlier_minor, {OUTSIDE} as outside_minor,
           (select mode from postures order by id desc limit 1) as posture,
           coalesce((
               select jsonb_agg(jsonb_build_object('name', c.name, 'at', extract(epoch from c.checked_at)))
               from provider_checks c where c.account_id = i.account_id and c.integration_id = i.id
                   and c.state = 'failing'), '[]') as failing_checks,
           coalesce((
               select jsonb_agg(jsonb_build_object('route', v.route, 'outcome', v.outcome, 'input_sha256', v.input_sha256))
               from model_decisions v where v.account_id = t.account_id and v.tool_call_id = t.id), '[]') as reviews,
           coalesce((
               select jsonb_agg(jsonb_build_object(
                   'approver_id', d.approver_id, 'decision', d.decision, 'statement', encode(d.statement, 'hex'),
                   'assertion', encode(d.assertion, 'hex'), 'role', m.role, 'is_disabled', u.disabled_at is not null))
               from approval_decisions d
               left join memberships m on m.account_id = d.account_id and m.user_id = d.approver_id
               left join users u on u.id = d.approver_id
               where d.account_id = r.account_id and d.request_id = r.id), '[]') as decisions
    from tool_calls t
    left join envelopes e on e.account_id = t.account_id and e.id = t.id
    join integrations i on i.account_id = t.account_id and i.id = t.integration_id
    left join idempotency_keys k on k.account_id = t.account_id and k.id = t.id and k.project_id = t.project_id
        and k.operation = t.operation and k.idempotency_key = t.idempotency_key
    left join approval_requests r on r.account_id = t.account_id and r.tool_call_id = t.id
    left join runs run on run.account_id = t.account_id and run.id = t.run_id
    left join orders o on o.account_id = t.account_id and o.id = t.subject_id and t.operation = '{REFUND}'
    where t.id = %(id)s
    for update of t
"""

TAKE = f"""
    with claimed as (
        update tool_calls set state = 'executing', lease_epoch = lease_epoch + 1, lease_expires_at = %(lease_end)s
        where id = %(id)s and state = 'ready' and lease_epoch = %(epoch)s and envelope_digest = %(digest)s
        returning lease_epoch, act_n
    ), spent as (
        update approval_requests set state = 'spent', spent_at = coalesce(spent_at, %(event_at)s)
        where tool_call_id = %(id)s and state in ('approved', 'spent') and exists (select from claimed)
    ), event as (
        {audit.INSERT_SELECT} from claimed
    )
    select lease_epoch, act_n from claimed
"""


@dataclass(frozen=True, slots=True)
class NotYet:
    """Nothing to object to, but its time has not come."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Denied:
    """The policies said no; the call has ended as `denied`."""

    reasons: tuple[Reason, ...]


async def claim(house: House, account_id: UUID, call_id: UUID) -> Claimed | NotYet | Denied:
    """Decide, on facts read now and under the lock, whether this call may act, and take its lease."""
    async with house.db.transaction(account_id, barrier="claim") as tx:
        await tx.lock_account()
        row = await tx.one(READ, {"id": call_id, "before": call_id, "without": None})
        now = house.clock()
        if row is None or row["state"] != "ready":
            return Denied((Reason("2 currency", "not_ready", "The call is not ready."),))
        if row["not_before"] and now < row["not_before"]:
            return NotYet(row["not_before"])
        facts = _facts(house, row, await list_files(tx, row["canonical"]), now)
        if reasons := adjudicate(POLICIES, facts):
            await _deny(tx, call_id, reasons, now)
            return Denied(tuple(reasons))
        return await _take(house, tx, row, facts, now)


async def _take(house: House, tx: Tx, row: Row, facts: ClaimFacts, now: datetime) -> Claimed:
    lease_end = now + timedelta(seconds=house.settings.timings.lease_s)
    actor = Actor.system(tx.account_id, "gateway")
    said = {"envelope_digest": facts.envelope_digest, "act_n": row["act_n"], "lease_epoch": row["lease_epoch"] + 1}
    params = audit.event_params(actor, "tool_call.claimed", ("tool_call", row["id"]), now, said)
    params |= {"id": row["id"], "epoch": row["lease_epoch"], "digest": facts.envelope_digest, "lease_end": lease_end}
    taken = await tx.one(TAKE, params)
    assert taken is not None, "the row was locked, so the guard cannot fail"
    effects.touch(tx, row["id"], row["run_id"])
    return Claimed(
        tx.account_id,
        row["id"],
        taken["lease_epoch"],
        taken["act_n"],
        facts.envelope(),
        facts.payload,
        row["integration_id"],
        lease_end,
    )


async def _deny(tx: Tx, call_id: UUID, reasons: list[Reason], now: datetime) -> None:
    state = "expired" if {reason.code for reason in reasons} == {"expired"} else "denied"
    await end(tx, call_id, state, reasons, now)
    await approvals.close_request(tx, call_id, "expired" if state == "expired" else "cancelled", now)
    actor = Actor.system(tx.account_id, "gateway")
    facts = {"reasons": [reason.code for reason in reasons]}
    await audit.record(tx, actor, f"tool_call.{state}", ("tool_call", call_id), now, facts)
    if any(reason.code in ("digest_mismatch", "envelope_invalid") for reason in reasons):
        await audit.record_incident(tx, "tampering", call_id, now, facts, is_critical=True)


def _facts(house: House, row: Row, files: tuple[FileFacts, ...], now: datetime) -> ClaimFacts:
    operation = OPERATIONS.get(row["operation"])
    names = ("provider", "operation", "tier", "idempotency_key", "requester_kind", "requester_id")
    keys = ("account_id", "project_id", "run_id", "integration_id", "supersedes_id", "subject_id", "amount_minor")
    columns = {name: row[name] for name in names} | {
        name: None if row[name] is None else str(row[name]) for name in keys
    }
    return ClaimFacts(
        now=now,
        state=row["state"],
        tool_call_id=str(row["id"]),
        columns=columns | {"tool_call_id": str(row["id"]), "stored_digest": row["stored_digest"]},
        envelope_bytes=row["canonical"],
        envelope_digest=row["envelope_digest"],
        payload=row["payload"],
        salt=row["salt"],
        typed_payload=row["typed_payload"],
        key_typed_digest=row["key_typed_digest"],
        act_n=row["act_n"],
        not_before=row["not_before"],
        request_id=str(row["request_id"]) if row["request_id"] else None,
        request_state=row["request_state"],
        request_digest=row["request_digest"],
        request_expires_at=row["request_expires_at"],
        decisions=tuple(_decision(item) for item in row["decisions"]),
        run_state=row["run_state"],
        posture=row["posture"],
        integration_state=row["integration_state"],
        address=row["address"],
        aliases=tuple(row["aliases"]),
        endpoint_now=origin_of(row["endpoint"]),
        mode_now=house.settings.mode_of(row["endpoint"]),
        tier_now=tier_of(operation) if operation else "extreme",
        quorum_now=operation.quorum_for(row["amount_minor"], row["earlier_minor"]) if operation else 99,
        policy_version_now=POLICY_VERSION,
        routes=operation.routes if operation else (),
        reviews=tuple(Review(**item) for item in row["reviews"]),
        files=files,
        order=_order(row),
        failing_checks=_in_the_way(row, now),
    )


def _in_the_way(row: Row, now: datetime) -> tuple[str, ...]:
    """The checks of the integration that fail, are needed for this operation, and still say something about now."""
    found = [
        Check(row["integration_id"], one["name"], "failing", "", datetime.fromtimestamp(one["at"], UTC))
        for one in row["failing_checks"]
    ]
    return tuple(sorted(one.name for one in found if is_in_the_way(one, row["operation"], now)))


def _order(row: Row) -> OrderFacts | None:
    if row["order_state"] is None:
        return None
    return OrderFacts(
        state=row["order_state"],
        amount_minor=row["order_amount_minor"],
        currency=row["order_currency"],
        payment=row["order_payment"],
        earlier_minor=row["earlier_minor"],
        outside_minor=row["outside_minor"],
    )


def _decision(item: dict[str, str | None]) -> Decision:
    return Decision(
        approver_id=item["approver_id"] or "",
        decision=item["decision"] or "",
        statement=bytes.fromhex(item["statement"] or ""),
        assertion=bytes.fromhex(item["assertion"]) if item["assertion"] else None,
        is_approver_now=may(item["role"] or "", Permission.APPROVE) and not item["is_disabled"],
    )
