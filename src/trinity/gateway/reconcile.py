"""Reconcile: find out what became of an act whose end nobody wrote down, from the provider's own record.

Answers are `Found` (it happened: settle with it), `Absent` (it surely did not: the next act may follow) and
`CannotTell` (held for a person, never sent blindly again). Begins only after lease, provider time-out and margin.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from trinity import audit, controls, effects, integrations
from trinity.effects import Attempt, ToolCall
from trinity.errors import ProviderError, Reason, Refused
from trinity.gateway.house import House, Rails
from trinity.gateway.operations import OPERATIONS
from trinity.gateway.settle import Outcome, settle
from trinity.gateway.spent import ACTS_MAX, Collision
from trinity.kit.actor import Actor
from trinity.kit.barriers import reached
from trinity.kit.canonical import canonical_bytes, rfc3339
from trinity.kit.envelope import Envelope
from trinity.providers.gmail import read
from trinity.providers.gmail.account import GmailClient
from trinity.providers.gmail.failures import HistoryGone, LookUpIncomplete

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


@dataclass(frozen=True, slots=True)
class Found:
    """The provider has it: the receipt to settle with. `others` are further messages with our token."""

    kind: str
    facts: Mapping[str, object]
    raw: bytes
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Absent:
    """The provider surely does not have it; an unsent draft of it may be there to be sent."""

    because: str
    draft_id: str | None = None


@dataclass(frozen=True, slots=True)
class CannotTell:
    """Neither. If the provider was asked, the look counts, and after `LOOKS_MAX` of them a person has to look."""

    because: str
    was_asked: bool = True


type Verdict = Found | Absent | CannotTell


@dataclass(frozen=True, slots=True)
class Trail:
    """What we wrote down before the end: the steps of the newest act."""

    call: ToolCall
    envelope: Envelope
    attempts: list[Attempt] = field(default_factory=list)

    def last(self, step: str) -> Attempt | None:
        """The newest attempt of a step."""
        return next((one for one in reversed(self.attempts) if one.step == step), None)


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
    async with house.db.transaction(account_id) as tx:
        envelope = (await effects.get_envelope(tx, call.id)).parsed()
        trail = Trail(call, envelope, await effects.list_attempts(tx, call.id))
        mailbox = await integrations.get_integration(tx, call.integration_id)
    try:
        client = await rails.client(account_id, mailbox)
        async with asyncio.timeout(house.settings.timings.lease_s * LOOK_SHARE):
            verdict = await look(client, trail, rails.spent.history_id(envelope.digest))
    except TimeoutError:
        verdict = CannotTell("the look took longer than its lease")
    except LookUpIncomplete as error:
        verdict = CannotTell(str(error))
    except (ProviderError, Refused) as error:
        verdict = CannotTell(f"the provider could not be asked: {error}", was_asked=False)
    except Collision as error:
        verdict = CannotTell(f"the spent register could not be read: {error}", was_asked=False)
    reached("reconcile.after_look_up")
    outcome = _outcome(verdict, call)
    await _write_look(rails, account_id, trail, epoch, verdict)
    await settle(house, account_id, call.id, epoch, outcome)
    return outcome


async def look(client: GmailClient, trail: Trail, since: str | None) -> Verdict:
    """Decide from the provider's record and the committed steps. A step that was never written was never taken (I5).

    `since` is the history id that the spent register holds. The provider's list from there on comes first: a
    database that was rewound or tampered with may have lost the step that the mail went out with.
    """
    if since is not None and (told := await _look_in_history(client, trail, since)) is not None:
        return told
    sending = trail.last("drafts.send")
    if sending is not None:
        return await _look_for_sent(client, trail, sending)
    created = trail.last("drafts.create")
    if created is None:
        return Absent("no step was ever begun")
    drafts = await read.drafts_with_token(client, trail.envelope.operation_token)
    if not drafts:
        return Absent("no draft with our token is there, and no send was begun")
    if OPERATIONS[trail.call.operation].sends:
        return Absent("the draft is unsent, and no send was begun", drafts[0])
    found = await read.find_draft(client, drafts[0])
    if found is None:
        return CannotTell("the draft vanished while we looked")
    facts = {"draft_id": found.draft_id, "message_id": found.message_id, "thread_id": found.thread_id}
    return Found("draft", facts, canonical_bytes(facts))


async def _look_for_sent(client: GmailClient, trail: Trail, sending: Attempt) -> Verdict:
    draft_id, history_id = str(sending.intent["draft_id"]), str(sending.intent["history_id"])
    draft = await read.find_draft(client, draft_id)
    if draft is not None:
        return Absent("the draft is still there, so it was not sent", draft_id)
    told = await _look_in_history(client, trail, history_id)
    return told or CannotTell("the draft is gone, and no sent message with our token is there")


async def _look_in_history(client: GmailClient, trail: Trail, since: str) -> Found | CannotTell | None:
    """The sent message with our token since a history id; None if the provider's whole list holds none."""
    try:
        sent = await read.sent_since(client, since, trail.envelope.operation_token)
    except HistoryGone:
        return CannotTell("the mailbox's history no longer reaches back")
    if sent is None:
        return None
    record = await read.sent_message(client, sent.message_id)
    facts = {"message_id": sent.message_id, "thread_id": sent.thread_id, "label_ids": list(sent.label_ids)}
    return Found("sent", facts, record.response, sent.others)


def _outcome(verdict: Verdict, call: ToolCall) -> Outcome:
    if isinstance(verdict, Found):
        return Outcome("succeeded", (), verdict.kind, verdict.facts, verdict.raw)
    if isinstance(verdict, Absent) and call.act_n >= ACTS_MAX:
        return Outcome("failed", (Reason("reconcile", "gave_up", f"{call.act_n} acts, and none happened."),))
    if isinstance(verdict, Absent):
        return Outcome("ready", (Reason("reconcile", "absent", verdict.because),), retry_after_s=ABSENT_RETRY_S)
    reason = Reason("reconcile", "cannot_tell", verdict.because)
    if not verdict.was_asked:
        return Outcome("in_doubt", (reason,), looks=call.looks, retry_after_s=ASK_AGAIN_S)
    looks = call.looks + 1
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
    if isinstance(verdict, Absent) and OPERATIONS[call.operation].needs_approval:
        evidence = {"verdict": name, "because": verdict.because, "epoch": epoch, "at": rfc3339(house.clock())}
        rails.spent.record_absence(trail.envelope.digest, call.act_n, evidence)


async def _hold_for_doubles(house: House, account_id: UUID, trail: Trail, found: Found) -> None:
    """More than one sent message carries our token: an effect without authority. Hold everything; people look."""
    now = house.clock()
    async with house.db.transaction(account_id) as tx:
        facts = {"message_id": found.facts["message_id"], "others": list(found.others)}
        await audit.record_incident(tx, "effect_doubled", trail.call.id, now, facts, is_critical=True)
    async with house.db.transaction(account_id) as tx:
        actor = Actor.system(account_id, "gateway")
        await controls.tighten(tx, actor, "hold", "More than one sent mail carries one operation's token.", now)
