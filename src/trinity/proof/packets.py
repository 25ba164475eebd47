"""The proof packet: what stands in the database about a run or a ToolCall, as one signed file.

    {"body": {…}, "format": "trinity/signed-packet/v1", "note": "trinity/packet/v1\\n<digest>\\n\\n— name …\\n"}

The file is RFC 8785 canonical JSON; the note is a C2SP signed note over the SHA-256 of the body's canonical
bytes. Bytes that were digested or signed are carried as base64 of what is stored, never written anew. The
format is described in docs/verify.md and checked by `trinity_verify`. What is wrong in the database is
exported as it stands, so that the verifier can say so; what there is not, `missing` says in sentences.
"""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from uuid import UUID

from trinity import agency, approvals, audit, effects, sources
from trinity.errors import Refused
from trinity.kit.canonical import Json, canonical_bytes, check, digest_hex, rfc3339
from trinity.proof.graph import CallGraph, Graph, read_graph
from trinity.proof.keys import Signer
from trinity.store.database import Tx

FORMAT = "trinity/signed-packet/v1"
BODY_FORMAT = "trinity/packet/v1"
PACKET_BYTES_MAX = 64 * 1024 * 1024

ALWAYS_MISSING = (
    "There is no transparency log yet: no inclusion proof and no checkpoint are in this packet.",
    "No outside witness has seen this packet: the holder of the log key could have written another history.",
    "Incidents, the agent's own reasons and the model's answers are not in this packet.",
)


async def build_packet(
    tx: Tx, kind: Literal["run", "tool_call"], subject_id: UUID, signer: Signer, now: datetime
) -> bytes:
    """The signed packet of a run or a ToolCall of this account, ready to be written to a file.

    Raises `NotFound`; `Refused` with code `busy` (try again) or `too_large`.
    """
    graph = await read_graph(tx, kind, subject_id)
    body: dict[str, Json] = {
        "format": BODY_FORMAT,
        "account_id": str(tx.account_id),
        "kind": kind,
        "subject_id": str(subject_id),
        "exported_at": rfc3339(now),
        "run": _run(graph.run) if graph.run else None,
        "tool_calls": [_call(one) for one in graph.calls],
        "sources": [_source(one) for one in graph.sources],
        "drafts": [_draft(one) for one in graph.drafts],
        "events": [_event(one) for one in graph.events],
        "missing": [*_missing(graph)],
    }
    note = signer.sign(f"{BODY_FORMAT}\n{digest_hex(canonical_bytes(body))}\n")
    packet = canonical_bytes({"format": FORMAT, "body": body, "note": note})
    if len(packet) > PACKET_BYTES_MAX:
        raise Refused("too_large", f"This packet would be larger than {PACKET_BYTES_MAX} bytes.", status=422)
    return packet


def _call(one: CallGraph) -> Json:
    return {
        "id": str(one.call.id),
        "state": one.call.state,
        "proof_state": one.call.proof_state,
        "operation": one.call.operation,
        "envelope_b64": _b64(one.stored.canonical),
        "payload_b64": _b64(one.stored.payload),
        "salt_b64": _b64(one.stored.salt),
        "typed_payload_b64": _b64(one.stored.typed_payload),
        "approval": _approval(one.request, one.decisions) if one.request else None,
        "attempts": [_attempt(attempt) for attempt in one.attempts],
        "receipts": [_receipt(receipt) for receipt in one.receipts],
    }


def _approval(request: approvals.ApprovalRequest, decisions: list[approvals.DecisionMade]) -> Json:
    return {
        "request_id": str(request.id),
        "envelope_digest": request.envelope_digest,
        "state": request.state,
        "quorum": request.quorum,
        "created_at": rfc3339(request.created_at),
        "expires_at": rfc3339(request.expires_at),
        "spent_at": _at(request.spent_at),
        "decisions": [_decision(one) for one in decisions],
    }


def _decision(one: approvals.DecisionMade) -> Json:
    return {
        "id": str(one.id),
        "approver_id": str(one.approver_id),
        "decision": one.decision,
        "statement_b64": _b64(one.statement),
        "assertion_b64": _b64(one.assertion) if one.assertion else None,
        "decided_at": rfc3339(one.decided_at),
    }


def _attempt(one: effects.Attempt) -> Json:
    return {
        "id": str(one.id),
        "act_n": one.act_n,
        "lease_epoch": one.lease_epoch,
        "step_n": one.step_n,
        "step": one.step,
        "intent": _facts(one.intent),
        "started_at": rfc3339(one.started_at),
        "outcome": one.outcome,
        "result": _facts(one.result) if one.result is not None else None,
        "finished_at": _at(one.finished_at),
        "raw_b64": _b64(one.raw) if one.raw is not None else None,
    }


def _receipt(one: effects.Receipt) -> Json:
    return {
        "id": str(one.id),
        "kind": one.kind,
        "facts": _facts(one.facts),
        "raw_b64": _b64(one.raw),
        "sha256": one.sha256,
        "created_at": rfc3339(one.created_at),
    }


def _run(run: agency.Run) -> Json:
    return {
        "id": str(run.id),
        "project_id": str(run.project_id),
        "goal": run.goal,
        "state": run.state,
        "started_by": str(run.started_by) if run.started_by else None,
        "package_sha256": run.package_sha256,
        "created_at": rfc3339(run.created_at),
        "started_at": _at(run.started_at),
        "finished_at": _at(run.finished_at),
    }


def _source(one: sources.Source) -> Json:
    return {
        "id": str(one.id),
        "origin": one.origin,
        "sha256": one.sha256,
        "size_bytes": one.size_bytes,
        "release_state": one.release_state,
        "decided_by": str(one.decided_by) if one.decided_by else None,
        "decided_at": _at(one.decided_at),
        "created_at": rfc3339(one.created_at),
    }


def _draft(one: agency.Draft) -> Json:
    return {"id": str(one.id), "sha256": one.sha256, "created_at": rfc3339(one.created_at)}


def _event(one: audit.Event) -> Json:
    """Without the private part and its salt: a salt alone would let the commitment be guessed."""
    return {
        "id": str(one.id),
        "kind": one.kind,
        "actor_kind": one.actor_kind,
        "actor_id": one.actor_id,
        "subject_kind": one.subject_kind,
        "subject_id": str(one.subject_id) if one.subject_id else None,
        "facts_b64": _b64(one.facts_bytes),
        "created_at": rfc3339(one.created_at),
    }


def _missing(graph: Graph) -> list[str]:
    """Sentences about what is not here, the general ones first."""
    found = [*ALWAYS_MISSING]
    if graph.run is None:
        found.append("No run belongs to this call.")
    else:
        found.append("Sources, drafts and the agent's package are here by their digests only.")
        if graph.run.package_sha256 is None:
            found.append("The digest of what the agent was told is missing.")
    for one in graph.calls:
        found += _missing_of(one)
    if any(isinstance(event.facts, dict) and "private_commitment" in event.facts for event in graph.events):
        found.append("The private parts of events are here by their commitments only.")
    return found


def _missing_of(one: CallGraph) -> list[str]:
    found = []
    name = f"{one.call.operation} {one.call.id}"
    kinds = {receipt.kind for receipt in one.receipts}
    if any(decision.assertion is None for decision in one.decisions):
        found.append(f"A decision on {name} carries no passkey assertion: only a sandbox endpoint needs none.")
    if one.call.state in ("executing", "in_doubt"):
        found.append(f"What became of {name} is not known yet.")
    if one.call.state == "succeeded" and "provider_record" not in kinds:
        found.append(f"The provider's own record of {name} is missing.")
    if one.call.state == "succeeded" and "verification" not in kinds:
        found.append(f"{name} was not compared with the provider's record yet.")
    return found


def _facts(value: Mapping[str, object]) -> Json:
    return check(dict(value))


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _at(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None
