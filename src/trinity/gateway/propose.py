"""Propose: a typed action in, a ToolCall out, or a recorded refusal."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from trinity import accounts, agency, approvals, audit, effects
from trinity.accounts import Permission
from trinity.errors import Blocked, NotFound, Reason, Refused
from trinity.gateway.bind import Frame, bind
from trinity.gateway.drivers.driver import Ask
from trinity.gateway.house import House, advance_job, review_job
from trinity.gateway.operations import OPERATIONS, Operation
from trinity.gateway.payloads import parse
from trinity.kit.actor import Actor
from trinity.kit.canonical import NotCanonical, canonical_bytes, check, digest_hex, is_text, parse_rfc3339
from trinity.kit.ids import uuid7, uuid7_floor
from trinity.store.database import Tx

KEY = re.compile(r"[A-Za-z0-9._:/-]{1,200}", re.ASCII)
REASON_MAX = 4_000
CALLS_PER_RUN_MAX = 25
DENIALS_RECORDED_MAX = 200
DENIALS_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What somebody wants done. `payload` is parsed JSON, still untrusted; `reason` is the proposer's own words."""

    project_id: UUID
    operation: str
    idempotency_key: str
    payload: object
    run_id: UUID | None = None
    provider: str | None = None
    reason: str = ""
    supersedes: UUID | None = None


@dataclass(frozen=True, slots=True)
class Proposed:
    """The ToolCall that a proposal led to; `is_new` is False when the key had been used for the same content."""

    tool_call_id: UUID
    state: str
    tier: str
    envelope_digest: str
    approval_id: UUID | None
    is_new: bool


type Guard = Callable[[Tx], Awaitable[object]]
"""Runs first in the proposal's own unit of work, and refuses by raising: a lease is checked where it counts."""


async def propose(house: House, actor: Actor, proposal: Proposal, guard: Guard | None = None) -> Proposed:
    """Bind a proposal. `Blocked` for what is not registered, `Refused` with a code for what is not valid."""
    try:
        operation = _operation(actor, proposal)
        async with house.db.transaction(actor.account_id, barrier="propose") as tx:
            if guard:
                await guard(tx)
            return await propose_in(house, tx, actor, operation, proposal)
    except (Blocked, Refused) as error:
        if not isinstance(error, NotFound):
            await _record_refusal(house, actor, proposal, error)
        raise


async def propose_in(house: House, tx: Tx, actor: Actor, operation: Operation, proposal: Proposal) -> Proposed:
    """The same, inside a unit of work of the caller's."""
    now = house.clock()
    if actor.kind == "user":
        await accounts.demand(tx, actor, Permission.PROPOSE, Permission.APPROVE)
    typed_payload = _typed_bytes(proposal)
    payload = parse(operation.payload, proposal.payload)
    project = await accounts.get_project(tx, proposal.project_id)
    call_id = uuid7(now)
    typed_digest = digest_hex(typed_payload)
    frame_of_key = (call_id, proposal.project_id, operation.name)
    # The key comes before the provider: who repeats a proposal gets the first one, whatever changed meanwhile.
    if earlier := await effects.reserve_key(tx, proposal.idempotency_key, typed_digest, frame_of_key, now):
        return await _repeated(tx, earlier, typed_digest)
    await _check_run(tx, proposal)
    ask = Ask(house, actor, call_id, operation.name, project, proposal.run_id, payload, proposal.supersedes)
    subject = await operation.driver.resolve(tx, ask)
    reason = proposal.reason[:REASON_MAX]
    frame = Frame(ask, operation, proposal.idempotency_key, proposal.supersedes, reason)
    bound = bind(frame, subject, typed_payload, now)
    envelope = bound.envelope
    state = _first_state(actor, operation)
    await effects.insert_bound(tx, bound, state, None, now)
    approval_id = None
    if state == "proposed":
        await tx.enqueue(review_job(tx.account_id, call_id))
    elif state == "awaiting_approval":
        approval_id = await approvals.open_request(tx, envelope, parse_rfc3339(envelope.expires_at), now)
    else:
        await tx.enqueue(advance_job(tx.account_id, call_id, None))
    facts = {
        "operation": operation.name,
        "tier": envelope.tier,
        "envelope_digest": envelope.digest,
        "mode": envelope.mode,
    }
    await audit.record(tx, actor, "tool_call.proposed", ("tool_call", call_id), now, facts)
    return Proposed(call_id, state, envelope.tier, envelope.digest, approval_id, is_new=True)


def _first_state(actor: Actor, operation: Operation) -> str:
    """What an agent wrote is looked at by models before people are asked."""
    if actor.kind == "agent" and operation.routes:
        return "proposed"
    return "awaiting_approval" if operation.needs_approval else "ready"


def _operation(actor: Actor, proposal: Proposal) -> Operation:
    operation = OPERATIONS.get(proposal.operation)
    if operation is None or proposal.provider not in (None, operation.provider):
        text = "This operation is not registered, so it does not exist."
        raise Blocked([Reason("0 registry", "operation_unknown", text)])
    if actor.kind not in operation.requesters:
        text = f"{operation.name} is not for {actor.kind}s to ask for."
        raise Blocked([Reason("0 registry", "requester_not_allowed", text)])
    if KEY.fullmatch(proposal.idempotency_key) is None:
        raise Refused("invalid_idempotency_key", "An idempotency key is 1 to 200 of A-Z a-z 0-9 . _ : / -", status=422)
    if not is_text(proposal.reason):
        raise Refused("invalid_reason", "The reason holds a character that cannot be kept.", status=422)
    return operation


def _typed_bytes(proposal: Proposal) -> bytes:
    try:
        checked = check(proposal.payload)
    except NotCanonical as error:
        raise Refused("invalid_payload", f"The payload is not canonical: {error}.", status=422) from error
    if not isinstance(checked, dict):
        raise Refused("invalid_payload", "The payload is not an object.", status=422)
    return canonical_bytes(checked)


async def _repeated(tx: Tx, earlier: tuple[UUID, str], typed_digest: str) -> Proposed:
    call_id, first_digest = earlier
    if first_digest != typed_digest:
        raise Refused("idempotency_conflict", "This idempotency key was used for something else.")
    call = await effects.get_tool_call(tx, call_id)
    return Proposed(call.id, call.state, call.tier, call.envelope_digest, call.approval_id, is_new=False)


async def _check_run(tx: Tx, proposal: Proposal) -> None:
    """A proposal of a run belongs to that run's project, while it lasts, and within its quota."""
    if proposal.run_id is None:
        return
    run = await agency.get_run(tx, proposal.run_id)
    if run.project_id != proposal.project_id:
        raise NotFound("run")
    if run.state == "stopped":
        raise Refused("run_stopped", "The run was stopped.")
    if len(await effects.list_tool_calls(tx, run_id=proposal.run_id, limit=CALLS_PER_RUN_MAX)) >= CALLS_PER_RUN_MAX:
        raise Refused("quota", f"A run proposes at most {CALLS_PER_RUN_MAX} actions.", status=429)


async def _record_refusal(house: House, actor: Actor, proposal: Proposal, error: Blocked | Refused) -> None:
    """Every refusal is recorded with its reason, up to a quota, so that denials cannot fill the disk."""
    now = house.clock()
    async with house.db.transaction(actor.account_id) as tx:
        recent = await tx.value(
            "select count(*) from audit_events where kind = 'proposal.refused' and id >= %(since)s",
            {"since": uuid7_floor(now - DENIALS_WINDOW)},
        )
        if recent >= DENIALS_RECORDED_MAX:
            return
        named = proposal.operation[:100]
        facts = {"operation": named if is_text(named) else ascii(named), "code": error.code}
        if isinstance(error, Blocked):
            facts["reason"] = error.reasons[0].code
        subject = ("run", proposal.run_id) if proposal.run_id else ("project", proposal.project_id)
        await audit.record(tx, actor, "proposal.refused", subject, now, facts)
        if proposal.run_id:
            tx.notify(f"run:{proposal.run_id}")
