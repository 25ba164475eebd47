"""Act: no transaction open. Spend the digest, then take each step of the operation, written down before it is taken.

The spent register's note holds the mailbox's history id from before the act: whoever reconciles reads the
provider's own list from there, and so does not depend on what a rewound database still remembers.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from trinity import audit, controls, effects, integrations
from trinity.effects import StaleLease
from trinity.errors import Declined, OutcomeUnknown, Reason, Refused, Unavailable
from trinity.gateway.claim import Claimed
from trinity.gateway.house import Rails
from trinity.gateway.operations import OPERATIONS
from trinity.gateway.settle import Outcome
from trinity.gateway.spent import Collision
from trinity.kit.actor import Actor
from trinity.kit.barriers import reached
from trinity.kit.canonical import digest_hex, rfc3339
from trinity.kit.permit import Permit, mint, origin_of
from trinity.providers.gmail import act as gmail
from trinity.providers.gmail import read
from trinity.providers.gmail.account import GmailClient

UNAVAILABLE_ACTS_MAX = 6
BACKOFF_S = 2.0
BACKOFF_MAX_S = 300.0
MAILBOX_DISCONNECTED = "mailbox_disconnected"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a call, as its Attempt row names it."""

    n: int
    name: str
    intent: Mapping[str, object]


async def act(rails: Rails, claimed: Claimed) -> Outcome:
    """Do what was claimed, once. Whatever happens, the answer says what is known about the outside world."""
    async with rails.house.db.transaction(claimed.account_id) as tx:
        mailbox = await integrations.get_integration(tx, claimed.integration_id)
    try:
        client = await rails.client(claimed.account_id, mailbox)
        history_id = (await read.profile(client)).history_id
        if OPERATIONS[claimed.envelope.operation].needs_approval:
            _spend(rails, claimed, history_id)
        return await _steps(rails, claimed, client, history_id)
    except Collision as error:
        return await _collided(rails, claimed, error)
    except Refused as error:
        return Outcome("failed", (Reason("credential", error.code, error.message),))
    except Declined as error:
        if error.code == MAILBOX_DISCONNECTED:
            await _suspend(rails, claimed, str(error))
        return Outcome("failed", (Reason("provider", error.code, str(error)[:500]),))
    except Unavailable as error:
        return _unavailable(rails, claimed, error)
    except OutcomeUnknown as error:
        return Outcome("in_doubt", (Reason("provider", "outcome_unknown", str(error)[:500]),))


def _spend(rails: Rails, claimed: Claimed, history_id: str) -> None:
    reached("spend.before")
    note = {"tool_call_id": str(claimed.call_id), "at": rfc3339(rails.house.clock()), "history_id": history_id}
    rails.spent.spend(claimed.envelope.digest, claimed.act_n, note)
    reached("spend.after")


async def _steps(rails: Rails, claimed: Claimed, client: GmailClient, history_id: str) -> Outcome:
    envelope, raw = claimed.envelope, claimed.payload
    thread_id = envelope.resource.get("thread_id")
    permit = _permit(rails, claimed)
    draft_id = await _earlier_draft(rails, claimed)
    if draft_id is None:
        intent = {"payload_sha256": digest_hex(raw), "token": envelope.operation_token}
        create = Step(1, "drafts.create", intent)
        draft = await take(rails, claimed, create, lambda: gmail.create_draft(client, permit, raw, thread_id))
        draft_id = draft.draft_id
        if not OPERATIONS[envelope.operation].sends:
            facts = {"draft_id": draft.draft_id, "message_id": draft.message_id, "thread_id": draft.thread_id}
            return Outcome("succeeded", (), "draft", facts, draft.raw)
    intent = {"draft_id": draft_id, "history_id": history_id, "payload_sha256": digest_hex(raw)}
    step = Step(2, "drafts.send", intent)
    try:
        sent = await take(rails, claimed, step, lambda: gmail.send_draft(client, permit, draft_id, raw, thread_id))
    except Unavailable as error:
        raise OutcomeUnknown(f"the send was put off by the provider: {error}") from error
    said: dict[str, object] = {
        "message_id": sent.message_id,
        "thread_id": sent.thread_id,
        "label_ids": list(sent.label_ids),
    }
    return Outcome("succeeded", (), "sent", said, sent.raw)


async def take[T: (gmail.Draft, gmail.Sent)](
    rails: Rails, claimed: Claimed, step: Step, call: Callable[[], Awaitable[T]]
) -> T:
    """Write the step down, take it, write down how it ended. A dead worker leaves the first line, and that is enough."""
    house = rails.house
    async with house.db.transaction(claimed.account_id, barrier="attempt") as tx:
        now = house.clock()
        attempt_id = await effects.begin_attempt(
            tx, claimed.call_id, claimed.epoch, (step.n, step.name), step.intent, now
        )
    reached("provider.before_call")
    try:
        answer = await call()
    except Declined as error:
        await _finish(rails, claimed, attempt_id, "declined", {"message": str(error)[:500]}, None)
        raise
    except Unavailable as error:
        await _finish(rails, claimed, attempt_id, "unavailable", {"message": str(error)[:500]}, None)
        raise
    except OutcomeUnknown as error:
        await _finish(rails, claimed, attempt_id, "unknown", {"message": str(error)[:500]}, None)
        raise
    reached("provider.after_call")
    result = {"message_id": answer.message_id, "thread_id": answer.thread_id}
    if isinstance(answer, gmail.Draft):
        result["draft_id"] = answer.draft_id
    await _finish(rails, claimed, attempt_id, "done", result, answer.raw)
    return answer


async def _finish(
    rails: Rails, claimed: Claimed, attempt_id: UUID, outcome: str, result: Mapping[str, object], raw: bytes | None
) -> None:
    async with rails.house.db.transaction(claimed.account_id, barrier="attempt_result") as tx:
        await effects.finish_attempt(tx, attempt_id, outcome, result, raw, rails.house.clock())


async def _earlier_draft(rails: Rails, claimed: Claimed) -> str | None:
    """The draft that a reconciliation found unsent: it is sent, instead of leaving it behind and making another."""
    if claimed.act_n == 1:
        return None
    async with rails.house.db.transaction(claimed.account_id) as tx:
        attempts = await effects.list_attempts(tx, claimed.call_id)
    looked = [one for one in attempts if one.step == "reconcile" and one.outcome == "absent" and one.result]
    if looked and looked[-1].result and looked[-1].result.get("draft_id"):
        return str(looked[-1].result["draft_id"])
    if any(one.step == "drafts.send" for one in attempts):
        return None
    made = [one for one in attempts if one.step == "drafts.create" and one.outcome == "done" and one.result]
    return str(made[-1].result["draft_id"]) if made and made[-1].result else None


def _permit(rails: Rails, claimed: Claimed) -> Permit:
    timings = rails.house.settings.timings
    return mint(
        tool_call_id=claimed.call_id,
        epoch=claimed.epoch,
        operation=claimed.envelope.operation,
        origins=frozenset({origin_of(claimed.envelope.endpoint)}),
        deadline=claimed.lease_end - timedelta(seconds=min(1.0, timings.lease_s / 10)),
    )


def _unavailable(rails: Rails, claimed: Claimed, error: Unavailable) -> Outcome:
    """Nothing left us, which is evidence of absence: the next act may follow, a bounded number of times."""
    reason = Reason("provider", "unavailable", str(error)[:500])
    if claimed.act_n >= UNAVAILABLE_ACTS_MAX:
        return Outcome("failed", (reason,))
    if OPERATIONS[claimed.envelope.operation].needs_approval:
        evidence = {"verdict": "absent", "because": "no byte of a send left us", "at": rfc3339(rails.house.clock())}
        rails.spent.record_absence(claimed.envelope.digest, claimed.act_n, evidence)
    wait_s = error.retry_after_s or min(BACKOFF_S * 2 ** (claimed.act_n - 1), BACKOFF_MAX_S)
    return Outcome("ready", (reason,), retry_after_s=wait_s)


async def _collided(rails: Rails, claimed: Claimed, error: Collision) -> Outcome:
    """The register knows this act: the database was rewound or tampered with. Hold everything; people look.

    Unless this worker is the late one: then the act was given to another, and there is nothing to alarm about.
    """
    now = rails.house.clock()
    async with rails.house.db.transaction(claimed.account_id) as tx:
        if (await effects.get_tool_call(tx, claimed.call_id)).lease_epoch != claimed.epoch:
            raise StaleLease("The lease of this call was taken over.")
    async with rails.house.db.transaction(claimed.account_id) as tx:
        facts = {"envelope_digest": claimed.envelope.digest, "act_n": claimed.act_n, "message": str(error)}
        await audit.record_incident(tx, "spent_register_collision", claimed.call_id, now, facts, is_critical=True)
    async with rails.house.db.transaction(claimed.account_id) as tx:
        text = "The spent register knows an act that the database does not."
        await controls.tighten(tx, Actor.system(claimed.account_id, "gateway"), "hold", text, now)
    return Outcome("failed", (Reason("spent register", "collision", str(error)),))


async def _suspend(rails: Rails, claimed: Claimed, reason: str) -> None:
    async with rails.house.db.transaction(claimed.account_id) as tx:
        actor = Actor.system(claimed.account_id, "gateway")
        await integrations.suspend(tx, actor, claimed.integration_id, reason, rails.house.clock())
