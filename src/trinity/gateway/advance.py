"""Advance: whatever comes next for one call, from whatever state it is found in.

| state | then |
|---|---|
| ready | claim, act, settle |
| executing or in doubt, lease out | reconcile |
| executing, lease running | later |
| in doubt, looked too often | nothing: a person resolves it |
| awaiting approval, or an end | nothing |
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity import audit, effects
from trinity.effects import StaleLease, ToolCall
from trinity.gateway.act import act
from trinity.gateway.claim import Denied, NotYet, claim
from trinity.gateway.house import House, Rails
from trinity.gateway.reconcile import LOOKS_MAX, due_at, reconcile
from trinity.gateway.settle import settle
from trinity.kit.actor import Actor


@dataclass(frozen=True, slots=True)
class Later:
    """Come back at this moment; a call whose settlement enqueued its own job needs no later."""

    at: datetime


async def advance(rails: Rails, account_id: UUID, call_id: UUID) -> Later | None:
    """Drive one call one step on. Safe to call at any moment, any number of times, by any worker.

    None means that nothing is left for this job: the call has ended, waits for people, or the settlement has
    enqueued what follows. Where somebody else holds the call we come back when that lease is over, because
    whoever holds it may die, and the job that we stand for may be the only one.
    """
    call = await _look(rails, account_id, call_id)
    is_ours = True
    if call.state == "ready":
        answer = await _execute(rails, account_id, call_id)
        if isinstance(answer, Later):
            return answer
        is_ours = answer
    elif _is_open(call) and not _is_leased(rails, call):
        is_ours = await _reconcile(rails, account_id, call)
    elif _is_open(call):
        is_ours = False
    return None if is_ours else await _come_back(rails, account_id, call_id)


async def _execute(rails: Rails, account_id: UUID, call_id: UUID) -> Later | bool:
    """Claim, act, settle. False if somebody else has the call."""
    claimed = await claim(rails.house, account_id, call_id)
    if isinstance(claimed, NotYet):
        return Later(claimed.until)
    if isinstance(claimed, Denied):
        return False
    try:
        outcome = await act(rails, claimed)
    except StaleLease:
        await _record_stale_step(rails.house, account_id, call_id, claimed.epoch)
        return False
    try:
        await settle(rails.house, account_id, call_id, claimed.epoch, outcome)
    except StaleLease:
        return False
    return True


async def _record_stale_step(house: House, account_id: UUID, call_id: UUID, epoch: int) -> None:
    """A worker came back from the dead and was refused its next step; a late settlement records itself."""
    async with house.db.transaction(account_id) as tx:
        actor, facts = Actor.system(account_id, "gateway"), {"epoch": epoch}
        await audit.record(tx, actor, "tool_call.stale_step", ("tool_call", call_id), house.clock(), facts)


async def _reconcile(rails: Rails, account_id: UUID, call: ToolCall) -> bool:
    try:
        return await reconcile(rails, account_id, call) is not None
    except StaleLease:
        return False


async def _come_back(rails: Rails, account_id: UUID, call_id: UUID) -> Later | None:
    """When the lease that somebody else holds is over; None if the call is not open any more."""
    call = await _look(rails, account_id, call_id)
    if not _is_open(call):
        return None
    return Later(due_at(rails.house, call) or rails.house.clock())


async def _look(rails: Rails, account_id: UUID, call_id: UUID) -> ToolCall:
    async with rails.house.db.transaction(account_id) as tx:
        return await effects.get_tool_call(tx, call_id)


def _is_open(call: ToolCall) -> bool:
    return call.state in ("executing", "in_doubt") and call.looks < LOOKS_MAX


def _is_leased(rails: Rails, call: ToolCall) -> bool:
    due = due_at(rails.house, call)
    return due is not None and rails.house.clock() < due
