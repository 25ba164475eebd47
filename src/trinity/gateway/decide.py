"""What people do to a call before it acts: decide, revoke, cancel, edit, ask for execution.

Each looks at the clock when it holds the call's lock, so that the times of what happened to a call are in the
order in which it happened, and nothing is decided after its expiry because it waited.
"""

from datetime import datetime, timedelta
from uuid import UUID

from trinity import accounts, approvals, audit, effects
from trinity.accounts import Permission
from trinity.approvals import NewDecision
from trinity.errors import Blocked, Reason, Refused
from trinity.gateway.endings import end
from trinity.gateway.files import list_files
from trinity.gateway.house import House, advance_job
from trinity.gateway.operations import OPERATIONS
from trinity.gateway.propose import Proposal, Proposed, propose_in
from trinity.gateway.reconcile import LOOKS_MAX
from trinity.kit.actor import Actor
from trinity.kit.canonical import parse_strict
from trinity.store.database import Tx

BEFORE_CLAIM = ("proposed", "awaiting_approval", "ready")


async def decide(house: House, actor: Actor, request_id: UUID, new: NewDecision) -> str:
    """Take a person's decision on one approval request. Returns the request's new state."""
    member_id = _person(actor)
    async with house.db.transaction(actor.account_id, barrier="decide") as tx:
        request = await approvals.get_request(tx, request_id)
        await effects.lock_call(tx, request.tool_call_id)
        now = house.clock()
        request = await approvals.get_request(tx, request_id)
        member = await accounts.get_member(tx, member_id)
        stored = await effects.get_envelope(tx, request.tool_call_id)
        envelope = stored.parsed()
        state = await approvals.decide(tx, request, envelope, member, new, now)
        if new.decision == "approve" and not all(one.is_released for one in await list_files(tx, stored.canonical)):
            raise Refused(
                "attachment_not_released", "Release every attachment first: what is in quarantine stays here."
            )
        if state == "approved":
            await _schedule(tx, request, now)
        elif state == "rejected":
            reason = Reason("approval", "rejected", f"{member.name} rejected it.")
            await end(tx, request.tool_call_id, "rejected", [reason], now)
    return state


async def _schedule(tx: Tx, request: approvals.ApprovalRequest, now: datetime) -> None:
    """From the last decision the undo window runs; the job that acts is scheduled for its end."""
    project = await accounts.get_project(tx, request.project_id)
    run_at = now + timedelta(seconds=project.undo_window_s)
    await effects.make_ready(tx, request.tool_call_id, run_at)
    await tx.enqueue(advance_job(tx.account_id, request.tool_call_id, run_at))


async def revoke(house: House, actor: Actor, request_id: UUID) -> None:
    """Take an approval back; possible until the claim."""
    async with house.db.transaction(actor.account_id) as tx:
        request = await approvals.get_request(tx, request_id)
        call = await effects.lock_call(tx, request.tool_call_id)
        now = house.clock()
        request = await approvals.get_request(tx, request_id)
        await accounts.demand(tx, actor, Permission.APPROVE)
        if call["state"] not in BEFORE_CLAIM:
            raise Refused("not_pending", f"The call is {call['state']} already.")
        await approvals.revoke(tx, request, actor, now)
        reason = Reason("approval", "revoked", "The approval was revoked.")
        await end(tx, request.tool_call_id, "cancelled", [reason], now)


async def cancel(house: House, actor: Actor, call_id: UUID) -> None:
    """Undo a call before it is claimed."""
    async with house.db.transaction(actor.account_id) as tx:
        call = await effects.lock_call(tx, call_id)
        now = house.clock()
        if actor.kind == "user":
            await accounts.demand(tx, actor, Permission.PROPOSE, Permission.APPROVE)
        if call["state"] not in BEFORE_CLAIM:
            raise Refused("not_cancellable", f"The call is {call['state']} already.")
        reason = Reason("undo", "cancelled", "It was cancelled before it was claimed.")
        await end(tx, call_id, "cancelled", [reason], now)
        await approvals.close_request(tx, call_id, "cancelled", now)
        await audit.record(tx, actor, "tool_call.cancelled", ("tool_call", call_id), now, {})


async def edit(house: House, actor: Actor, request_id: UUID, payload: object, idempotency_key: str) -> Proposed:
    """Replace what waits for approval: a new ToolCall with its own approval supersedes the old one."""
    async with house.db.transaction(actor.account_id) as tx:
        request = await approvals.get_request(tx, request_id)
        await effects.lock_call(tx, request.tool_call_id)
        now = house.clock()
        request = await approvals.get_request(tx, request_id)
        await accounts.demand(tx, actor, Permission.PROPOSE, Permission.APPROVE)
        if request.state != "pending":
            raise Refused("not_pending", f"This request is {request.state}.")
        old = await effects.get_tool_call(tx, request.tool_call_id)
        proposal = Proposal(
            old.project_id, old.operation, idempotency_key, payload, run_id=old.run_id, supersedes=old.id
        )
        made = await propose_in(house, tx, actor, OPERATIONS[old.operation], proposal)
        if made.is_new:
            reason = Reason("edit", "superseded", f"It was replaced by {made.tool_call_id}.")
            await end(tx, old.id, "superseded", [reason], now)
            await approvals.close_request(tx, old.id, "superseded", now)
            facts = {"by": str(made.tool_call_id)}
            await audit.record(tx, actor, "tool_call.superseded", ("tool_call", old.id), now, facts)
    return made


async def request_execution(house: House, actor: Actor, call_id: UUID) -> None:
    """Ask the gateway to run a call now. Shortens neither the undo window nor a chosen send time.

    A call that is in doubt for good, because every look could not tell, is looked at once more.
    """
    async with house.db.transaction(actor.account_id) as tx:
        if actor.kind == "user":
            await accounts.demand(tx, actor, Permission.PROPOSE, Permission.APPROVE)
        row = await effects.lock_call(tx, call_id)
        now = house.clock()
        if row["state"] not in ("ready", "executing", "in_doubt"):
            reason = await _not_executable(tx, call_id, row["state"])
            facts = {"state": row["state"]}
            await audit.record(tx, actor, "execution.refused", ("tool_call", call_id), now, facts)
            blocked = Blocked([reason])
        else:
            await effects.allow_look(tx, call_id, LOOKS_MAX - 1)
            await tx.enqueue(advance_job(actor.account_id, call_id, row["not_before"]))
            blocked = None
    if blocked:
        raise blocked


async def _not_executable(tx: Tx, call_id: UUID, state: str) -> Reason:
    """Why a call cannot be executed: one that waits for one more person says so."""
    call = await effects.get_tool_call(tx, call_id)
    if state == "awaiting_approval" and call.approval_id:
        request = await approvals.get_request(tx, call.approval_id)
        count = len(await approvals.list_decisions(tx, request.id))
        if count:
            text = f"{count} of {request.quorum} people approved; somebody else must, too."
            return Reason("5 authority", "second_approver_required", text)
    return Reason("2 currency", "not_ready", f"The call is {state}; only an approved one can be executed.")


async def typed_payload(tx: Tx, call_id: UUID) -> object:
    """The typed payload of a call, as it was submitted: what an edit starts from."""
    return parse_strict((await effects.get_envelope(tx, call_id)).typed_payload)


def _person(actor: Actor) -> UUID:
    if actor.kind != "user":
        raise Refused("person_required", "Only a person decides.", status=403)
    return UUID(actor.id)
