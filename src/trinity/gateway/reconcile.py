"""Reconcile: find out what became of an act whose end nobody wrote down, from the provider's own record.

Answers are `Found` (it happened: settle with it), `Absent` (it surely did not: the next act may follow) and
`CannotTell` (held for a person, never sent blindly again). Begins only after lease, provider time-out and margin.
"""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from trinity import audit, controls, effects, integrations
from trinity.effects import ToolCall
from trinity.errors import LookUpIncomplete, ProviderError, Reason, Refused
from trinity.gateway.drivers.driver import Trail
from trinity.gateway.house import House, Rails
from trinity.gateway.operations import OPERATIONS
from trinity.gateway.outcome import Absent, CannotTell, Found, Outcome, Verdict
from trinity.gateway.settle import settle
from trinity.gateway.spent import ACTS_MAX, Collision
from trinity.kit.actor import Actor
from trinity.kit.barriers import reached
from trinity.kit.canonical import rfc3339

LOOKS_MAX = 8
LOOK_BACKOFF_S = 5.0
LOOK_BACKOFF_MAX_S = 600.0
LOOK_SHARE = 0.8
"""The part of its lease that a look may take: what it finds is written down while the lease still holds."""
ABSENT_RETRY_S = 0.0
ASK_AGAIN_S = 10.0
"""A provider that cannot be asked is asked again for as long as it takes: an outage strands nothing."""

TAKE_OVER = """
    update tool_calls set lease_epoch = lease_epoch + 1, lease_expires_at = %(lease_end)s
    where id = %(id)s and lease_epoch = %(epoch)s and state in ('executing', 'in_doubt') and lease_expires_at <= %(past)s
    returning lease_epoch
"""


def due_at(house: House, call: ToolCall) -> datetime | None:
    """When a reconciliation of this call may begin; None if it has no lease that could end."""
    if call.lease_expires_at is None:
        return None
    timings = house.settings.timings
    return call.lease_expires_at + timedelta(seconds=timings.provider_timeout_s + timings.reconcile_margin_s)


async def reconcile(rails: Rails, account_id: UUID, call: ToolCall) -> Outcome | None:
    """Take the lease over, look, settle. None if somebody else took it first."""
    house = rails.house
    reached("reconcile.before_take_over")
    epoch = await _take_over(house, account_id, call)
    if epoch is None:
        return None
    reached("reconcile.after_take_over")
    trail = await _trail(rails, account_id, call)
    verdict = await _look(rails, trail)
    reached("reconcile.after_look_up")
    outcome = _outcome(verdict, call)
    await _write_look(rails, account_id, trail, epoch, verdict)
    await settle(house, account_id, call.id, epoch, outcome)
    return outcome


async def _trail(rails: Rails, account_id: UUID, call: ToolCall) -> Trail:
    async with rails.house.db.transaction(account_id) as tx:
        stored = await effects.get_envelope(tx, call.id)
        attempts = await effects.list_attempts(tx, call.id)
        integration = await integrations.get_integration(tx, call.integration_id)
    return Trail(call, stored.parsed(), stored.payload, integration, attempts, None)


async def _look(rails: Rails, trail: Trail) -> Verdict:
    """Ask the driver, within the time that the lease leaves; whatever cannot be asked cannot tell."""
    driver = OPERATIONS[trail.call.operation].driver
    try:
        trail = replace(trail, note=rails.spent.first_note(trail.envelope.digest))
        async with asyncio.timeout(rails.house.settings.timings.lease_s * LOOK_SHARE):
            return await driver.look(rails, trail)
    except TimeoutError:
        return CannotTell("the look took longer than its lease")
    except LookUpIncomplete as error:
        return CannotTell(str(error))
    except (ProviderError, Refused) as error:
        return CannotTell(f"the provider could not be asked: {error}", was_asked=False)
    except Collision as error:
        return CannotTell(f"the spent register could not be read: {error}", was_asked=False)


def _outcome(verdict: Verdict, call: ToolCall) -> Outcome:
    if isinstance(verdict, Found):
        return Outcome("succeeded", (), verdict.kind, verdict.facts, verdict.raw)
    if isinstance(verdict, Absent) and verdict.is_hopeless:
        return Outcome("failed", (Reason("reconcile", "hopeless", verdict.because),))
    if isinstance(verdict, Absent) and call.act_n >= ACTS_MAX:
        return Outcome("failed", (Reason("reconcile", "gave_up", f"{call.act_n} acts, and none happened."),))
    if isinstance(verdict, Absent):
        return Outcome("ready", (Reason("reconcile", "absent", verdict.because),), retry_after_s=ABSENT_RETRY_S)
    reason = Reason("reconcile", "cannot_tell", verdict.because)
    if not verdict.was_asked:
        return Outcome("in_doubt", (reason,), looks=call.looks, retry_after_s=ASK_AGAIN_S)
    looks = LOOKS_MAX if OPERATIONS[call.operation].again == "never" else call.looks + 1
    wait_s = min(LOOK_BACKOFF_S * 2 ** (looks - 1), LOOK_BACKOFF_MAX_S)
    return Outcome("in_doubt", (reason,), looks=looks, retry_after_s=wait_s)


async def _take_over(house: House, account_id: UUID, call: ToolCall) -> int | None:
    now = house.clock()
    timings = house.settings.timings
    past = now - timedelta(seconds=timings.provider_timeout_s + timings.reconcile_margin_s)
    async with house.db.transaction(account_id) as tx:
        row = await tx.one(
            TAKE_OVER,
            {
                "id": call.id,
                "epoch": call.lease_epoch,
                "lease_end": now + timedelta(seconds=timings.lease_s),
                "past": past,
            },
        )
        if row is None:
            return None
        actor = Actor.system(account_id, "gateway")
        facts = {"lease_epoch": row["lease_epoch"], "looks": call.looks}
        await audit.record(tx, actor, "tool_call.reconciling", ("tool_call", call.id), now, facts)
        return int(row["lease_epoch"])


async def _write_look(rails: Rails, account_id: UUID, trail: Trail, epoch: int, verdict: Verdict) -> None:
    """The look is an attempt of its own, and proven absence becomes the evidence that the spent register asks for."""
    house, call = rails.house, trail.call
    if isinstance(verdict, CannotTell) and not verdict.was_asked:
        return
    name = {Found: "found", Absent: "absent", CannotTell: "cannot_tell"}[type(verdict)]
    result = {"because": getattr(verdict, "because", ""), "draft_id": getattr(verdict, "draft_id", None)}
    async with house.db.transaction(account_id) as tx:
        now = house.clock()
        attempt_id = await effects.begin_attempt(tx, call.id, epoch, (9, "reconcile"), {"looks": call.looks}, now)
        raw = verdict.raw if isinstance(verdict, Found) else None
        await effects.finish_attempt(tx, attempt_id, name, result, raw, now)
    if isinstance(verdict, Found) and verdict.others:
        await _hold_for_doubles(house, account_id, trail, verdict)
    if isinstance(verdict, Absent) and OPERATIONS[call.operation].uses_register:
        evidence = {"verdict": name, "because": verdict.because, "epoch": epoch, "at": rfc3339(house.clock())}
        rails.spent.record_absence(trail.envelope.digest, call.act_n, evidence)


async def _hold_for_doubles(house: House, account_id: UUID, trail: Trail, found: Found) -> None:
    """More than one effect carries our token: an effect without authority. Hold everything; people look."""
    now = house.clock()
    async with house.db.transaction(account_id) as tx:
        facts = {**found.facts, "others": list(found.others)}
        await audit.record_incident(tx, "effect_doubled", trail.call.id, now, facts, is_critical=True)
    async with house.db.transaction(account_id) as tx:
        actor = Actor.system(account_id, "gateway")
        await controls.tighten(tx, actor, "hold", "More than one effect carries one operation's token.", now)
