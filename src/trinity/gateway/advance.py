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

from trinity import effects
from trinity.effects import StaleLease
from trinity.gateway.act import act
from trinity.gateway.claim import Denied, NotYet, claim
from trinity.gateway.house import Rails
from trinity.gateway.reconcile import LOOKS_MAX, due_at, reconcile
from trinity.gateway.settle import settle


@dataclass(frozen=True, slots=True)
class Later:
    """Come back at this moment; a call whose settlement enqueued its own job needs no later."""

    at: datetime


async def advance(rails: Rails, account_id: UUID, call_id: UUID) -> Later | None:
    """Drive one call one step on. Safe to call at any moment, any number of times, by any worker."""
    house = rails.house
    async with house.db.transaction(account_id) as tx:
        call = await effects.get_tool_call(tx, call_id)
    if call.state == "ready":
        return await _execute(rails, account_id, call_id)
    if call.state not in ("executing", "in_doubt") or call.looks >= LOOKS_MAX:
        return None
    due = due_at(house, call)
    if due is not None and house.clock() < due:
        return Later(due)
    try:
        await reconcile(rails, account_id, call)
    except StaleLease:
        return None
    return None


async def _execute(rails: Rails, account_id: UUID, call_id: UUID) -> Later | None:
    claimed = await claim(rails.house, account_id, call_id)
    if isinstance(claimed, NotYet):
        return Later(claimed.until)
    if isinstance(claimed, Denied):
        return None
    try:
        outcome = await act(rails, claimed)
        await settle(rails.house, account_id, call_id, claimed.epoch, outcome)
    except StaleLease:
        return None
    return None
