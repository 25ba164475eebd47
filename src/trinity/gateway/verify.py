"""Verify: fetch the provider's own record of a settled effect and compare it with what was approved.

Seven properties, each with a verdict and a sentence; the last is added when a packet was built and checked:
required, exact, timely, permissioned, router-executed, receipt-matched, proof-packeted.
"""

from dataclasses import dataclass
from uuid import UUID

from trinity import approvals, audit, effects, integrations
from trinity.effects import Receipt, StoredEnvelope, ToolCall
from trinity.gateway.drivers.driver import Checked
from trinity.gateway.house import Rails, packet_job
from trinity.gateway.operations import OPERATIONS
from trinity.gateway.steps import RECONCILE
from trinity.kit.actor import Actor
from trinity.kit.barriers import reached
from trinity.kit.canonical import commitment_hex, parse_rfc3339
from trinity.store.database import Tx

PROPERTIES = (
    "required",
    "exact",
    "timely",
    "permissioned",
    "router-executed",
    "receipt-matched",
    "proof-packeted",
)


@dataclass(frozen=True, slots=True)
class Property:
    """One property of an effect: whether it holds, and why we say so."""

    is_held: bool
    detail: str

    def as_dict(self) -> dict[str, object]:
        """As it is stored and exported."""
        return {"is_held": self.is_held, "detail": self.detail}


def is_verified(receipts: list[Receipt]) -> bool:
    """Whether the newest verification found that every property holds."""
    found = [one for one in receipts if one.kind == "verification"]
    return bool(found) and all(one["is_held"] for one in found[-1].facts["properties"].values())


async def verify(rails: Rails, account_id: UUID, call_id: UUID) -> None:
    """Check one succeeded call against the provider's record and write a `verification` receipt.

    One that was checked before and still waits for its proof gets another packet job.
    """
    house = rails.house
    async with house.db.transaction(account_id) as tx:
        call = await effects.get_tool_call(tx, call_id)
        receipts = await effects.list_receipts(tx, call_id)
        integration = await integrations.get_integration(tx, call.integration_id)
        stored = await effects.get_envelope(tx, call_id)
        is_checked = any(one.kind == "verification" for one in receipts)
        if is_checked and call.proof_state == "pending_receipt":
            await tx.enqueue(packet_job(account_id, call_id))
    if call.state != "succeeded" or is_checked:
        return
    operation = OPERATIONS[call.operation]
    settled = next(one for one in receipts if one.kind == operation.receipt)
    checked = await operation.driver.check(rails, integration, call, stored, settled)
    reached("verify.before_commit")
    async with house.db.transaction(account_id) as tx:
        await effects.lock_call(tx, call_id)
        if any(one.kind == "verification" for one in await effects.list_receipts(tx, call_id)):
            return
        await _write(rails, tx, call, stored, checked)
    reached("verify.after_commit")


async def _write(rails: Rails, tx: Tx, call: ToolCall, stored: StoredEnvelope, checked: Checked) -> None:
    now = rails.house.clock()
    record, different = checked.record, checked.different
    if commitment_hex(stored.salt, stored.payload) != stored.parsed().payload_digest:
        different = (*different, "the stored payload is not the envelope's")
    if record is not None:
        await effects.write_receipt(tx, call.id, "provider_record", record.facts, record.raw, now)
    properties = await _properties(tx, call, stored, checked, different)
    found: dict[str, object] = {
        "properties": {name: one.as_dict() for name, one in properties.items()},
        "differences": list(different),
    }
    raw = stored.canonical
    await effects.write_receipt(tx, call.id, "verification", found, raw, now)
    is_good = all(one.is_held for one in properties.values())
    if not is_good:
        await effects.set_proof_state(tx, call.id, "degraded" if record else "manual_review_required")
        said = {"failed": [name for name, one in properties.items() if not one.is_held]}
        await audit.record_incident(tx, "verification_failed", call.id, now, said, is_critical=True)
    else:
        await OPERATIONS[call.operation].driver.verified(tx, call, checked, now)
    actor = Actor.system(tx.account_id, "gateway")
    summary: dict[str, object] = {"is_good": is_good, "held": [name for name, one in properties.items() if one.is_held]}
    await audit.record(tx, actor, "tool_call.verified", ("tool_call", call.id), now, summary)
    await tx.enqueue(packet_job(tx.account_id, call.id))


def _proposer(call: ToolCall) -> str:
    """Who wanted it, in words; the packet's envelope has the ids."""
    if call.requester_kind == "agent" and call.run_id:
        return "the run's agent"
    return {"user": "a person", "agent": "an agent"}.get(call.requester_kind, "the system")


def _written_down(count: int) -> str:
    steps = {0: "No step was", 1: "One step was"}.get(count, f"{count} steps were")
    return f"{steps} written down before {'it was' if count == 1 else 'they were'} taken."


async def _properties(
    tx: Tx, call: ToolCall, stored: StoredEnvelope, checked: Checked, different: tuple[str, ...]
) -> dict[str, Property]:
    envelope = stored.parsed()
    attempts = await effects.list_attempts(tx, call.id)
    acted = [one for one in attempts if one.step != RECONCILE]
    needs_approval = OPERATIONS[call.operation].needs_approval
    is_permitted = not needs_approval
    if call.approval_id is not None:
        request = await approvals.get_request(tx, call.approval_id)
        is_permitted = request.state == "spent" and request.envelope_digest == envelope.digest
    is_timely = bool(acted) and all(one.started_at < parse_rfc3339(envelope.expires_at) for one in acted)
    return {
        "required": Property(True, f"Proposed by {_proposer(call)} under an idempotency key of its own."),
        "exact": Property(
            not different,
            checked.says_exact if not different else f"Different: {', '.join(different)}.",
        ),
        "timely": Property(is_timely, "Every step began before the envelope expired."),
        "permissioned": Property(
            is_permitted, "A spent approval names this digest." if needs_approval else "This tier needs no approval."
        ),
        "router-executed": Property(bool(acted), _written_down(len(acted))),
        "receipt-matched": Property(checked.is_matched, checked.says_matched),
    }
