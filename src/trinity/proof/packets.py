"""The proof packet: what stands in the database about an order, a run or a ToolCall, as one signed file.

    {"body": {…}, "format": "trinity/signed-packet/v1", "note": "trinity/packet/v2\\n<digest>\\n\\n— name …\\n"}

The file is RFC 8785 canonical JSON; the note is a C2SP signed note over the SHA-256 of the body's canonical
bytes. Bytes that were digested or signed are carried as base64 of what is stored, never written anew. The
format is described in docs/verify.md and checked by `trinity_verify`. What is wrong in the database is
exported as it stands, so that the verifier can say so; what there is not, `missing` says in sentences.
"""

import base64
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from trinity import agency, approvals, audit, effects
from trinity.crm.evidence import ThreadRecord
from trinity.errors import Refused
from trinity.kit.canonical import Json, canonical_bytes, check, digest_hex, rfc3339
from trinity.modelrouter.evidence import DecisionRecord
from trinity.proof.graph import CallGraph, Kind, read_graph
from trinity.proof.keys import Signer
from trinity.proof.missing import missing_of
from trinity.sources.evidence import ArtifactRecord, SourceRecord
from trinity.store.database import Tx

FORMAT = "trinity/signed-packet/v1"
BODY_FORMAT = "trinity/packet/v2"
PACKET_BYTES_MAX = 64 * 1024 * 1024


async def build_packet(tx: Tx, kind: Kind, subject_id: UUID, signer: Signer, now: datetime) -> bytes:
    """The signed packet of an order, a run or a ToolCall of this account, ready to be written to a file.

    Raises `NotFound`; `Refused` with code `busy` (try again) or `too_large`.
    """
    graph = await read_graph(tx, kind, subject_id)
    body: dict[str, Json] = {
        "format": BODY_FORMAT,
        "account_id": str(tx.account_id),
        "kind": kind,
        "subject_id": str(subject_id),
        "exported_at": rfc3339(now),
        "order": graph.order.data if graph.order else None,
        "runs": [_run(one) for one in graph.runs],
        "threads": [_thread(one) for one in graph.threads],
        "tool_calls": [_call(one) for one in graph.calls],
        "sources": [_source(one) for one in graph.sources],
        "artifacts": [_artifact(one) for one in graph.artifacts],
        "drafts": [_draft(one) for one in graph.drafts],
        "model_decisions": [_model_decision(one) for one in graph.decisions],
        "events": [_event(one) for one in graph.events],
        "missing": [*missing_of(graph)],
    }
    note = signer.sign(f"{BODY_FORMAT}\n{digest_hex(canonical_bytes(body))}\n")
    packet = canonical_bytes({"format": FORMAT, "body": body, "note": note})
    if len(packet) > PACKET_BYTES_MAX:
        raise Refused("too_large", f"This packet would be larger than {PACKET_BYTES_MAX} bytes.", status=422)
    return packet


def _call(one: CallGraph) -> Json:
    return {
        "id": str(one.call.id),
        "subject_id": _id(one.subject_id),
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
        "kind": run.kind,
        "contact_id": _id(run.contact_id),
        "order_id": _id(run.order_id),
        "thread_id": _id(run.thread_id),
        "held_for_id": _id(run.held_for_id),
        "started_by": _id(run.started_by),
        "package_sha256": run.package_sha256,
        "created_at": rfc3339(run.created_at),
        "started_at": _at(run.started_at),
        "finished_at": _at(run.finished_at),
    }


def _source(one: SourceRecord | ArtifactRecord) -> dict[str, Json]:
    return {
        "id": str(one.id),
        "contact_id": _id(one.contact_id),
        "origin": one.origin,
        "sha256": one.sha256,
        "size_bytes": one.size_bytes,
        "release_state": one.release_state,
        "decided_by": _id(one.decided_by),
        "decided_at": _at(one.decided_at),
        "created_at": rfc3339(one.created_at),
    }


def _artifact(one: ArtifactRecord) -> Json:
    more: dict[str, Json] = {
        "media_type": one.media_type,
        "run_id": _id(one.run_id),
        "source_id": _id(one.source_id),
    }
    return _source(one) | more


def _thread(one: ThreadRecord) -> Json:
    return {
        "id": str(one.id),
        "contact_id": _id(one.contact_id),
        "provider_thread_id": one.provider_thread_id,
        "created_at": rfc3339(one.created_at),
        "messages": [
            {
                "id": str(message.id),
                "direction": message.direction,
                "kind": message.kind,
                "provider_message_id": message.provider_message_id,
                "wire_message_id": message.wire_message_id,
                "source_id": _id(message.source_id),
                "tool_call_id": _id(message.tool_call_id),
                "created_at": rfc3339(message.created_at),
            }
            for message in one.messages
        ],
    }


def _draft(one: agency.Draft) -> Json:
    created_at = rfc3339(one.created_at)
    return {"id": str(one.id), "run_id": str(one.run_id), "sha256": one.sha256, "created_at": created_at}


def _model_decision(one: DecisionRecord) -> Json:
    return {
        "id": str(one.id),
        "run_id": _id(one.run_id),
        "tool_call_id": _id(one.tool_call_id),
        "subject_id": _id(one.subject_id),
        "route": one.route,
        "provider": one.provider,
        "model": one.model,
        "input_sha256": one.input_sha256,
        "request_sha256": one.request_sha256,
        "response_b64": _b64(one.response),
        "verdict": _facts(one.verdict) if one.verdict is not None else None,
        "outcome": one.outcome,
        "failure": one.failure,
        "created_at": rfc3339(one.created_at),
    }


def _event(one: audit.Event) -> Json:
    """Without the private part and its salt: a salt alone would let the commitment be guessed."""
    return {
        "id": str(one.id),
        "kind": one.kind,
        "actor_kind": one.actor_kind,
        "actor_id": one.actor_id,
        "subject_kind": one.subject_kind,
        "subject_id": _id(one.subject_id),
        "facts_b64": _b64(one.facts_bytes),
        "created_at": rfc3339(one.created_at),
    }


def _facts(value: Mapping[str, object]) -> Json:
    return check(dict(value))


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _id(value: UUID | None) -> str | None:
    return str(value) if value else None


def _at(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None
