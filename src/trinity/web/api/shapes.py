"""The API's answers: plain JSON objects, times as RFC 3339, ids and digests as strings."""

from datetime import datetime
from typing import Any
from uuid import UUID

from trinity.kit.canonical import rfc3339
from trinity.web.matters import Matter
from trinity.web.views import (
    AuditEvent,
    Call,
    CallRow,
    Incident,
    MailView,
    ModelDecision,
    ProjectRow,
    Run,
    RunRow,
    SourceRow,
)

type Shape = dict[str, Any]


def moment(value: datetime | None) -> str | None:
    """A time as everywhere else in Trinity."""
    return rfc3339(value) if value else None


def identity(value: UUID | None) -> str | None:
    """An id as text."""
    return str(value) if value else None


def call_row(row: CallRow) -> Shape:
    """An effect in a list."""
    return {
        "id": str(row.id),
        "run_id": identity(row.run_id),
        "operation": row.operation,
        "tier": row.tier,
        "mode": row.mode,
        "state": row.state,
        "proof_state": row.proof_state,
        "subject": row.subject,
        "to": list(row.to),
        "approval_id": identity(row.approval_id),
        "created_at": moment(row.created_at),
        "settled_at": moment(row.settled_at),
        "expires_at": moment(row.expires_at),
    }


def proposed(call: Call) -> Shape:
    """What a proposal answers."""
    return {
        "id": str(call.row.id),
        "state": call.row.state,
        "tier": call.row.tier,
        "envelope_digest": call.envelope_digest,
        "approval_id": identity(call.row.approval_id),
    }


def call(found: Call) -> Shape:
    """An effect, whole."""
    return call_row(found.row) | {
        "envelope_digest": found.envelope_digest,
        "envelope": found.envelope,
        "not_before": moment(found.not_before),
        "supersedes_id": identity(found.supersedes_id),
        "superseded_by_id": identity(found.superseded_by_id),
        "reasons": [{"policy": one.policy, "code": one.code, "message": one.message} for one in found.reasons],
        "attempts": [
            {
                "act_n": one.act_n,
                "lease_epoch": one.lease_epoch,
                "step": one.step,
                "started_at": moment(one.started_at),
                "outcome": one.outcome or None,
                "finished_at": moment(one.finished_at),
            }
            for one in found.attempts
        ],
        "receipts": [
            {"kind": one.kind, "sha256": one.sha256, "created_at": moment(one.at), "facts": dict(one.facts)}
            for one in found.receipts
        ],
    }


def card(found: Call) -> Shape:
    """The approval card: the materialised content as it will be sent, and everything a decision needs."""
    return {
        "id": identity(found.row.approval_id),
        "tool_call": call_row(found.row),
        "state": found.request_state,
        "envelope_digest": found.envelope_digest,
        "envelope": found.envelope,
        "quorum": found.quorum,
        "undo_window_s": found.undo_window_s,
        "expires_at": moment(found.row.expires_at),
        "mail": mail(found.mail) if found.mail else None,
        "matter": matter(found.matter) if found.matter else None,
        "warnings": list(found.mail.warnings) if found.mail else [],
        "origins": [
            {"field": one.field, "value": one.value, "origin": one.origin, "note": one.note} for one in found.traces
        ],
        "decisions": [
            {"by": one.by, "decision": one.decision, "reason": one.reason, "at": moment(one.at)}
            for one in found.decisions
        ],
        "from_the_agent": {"reason": found.row.agent_reason, "draft": found.draft_text},
    }


def matter(found: Matter) -> Shape:
    """What is no mail: in words, and the provider's parameters as decoded from the stored bytes."""
    return {"title": found.title, "lines": dict(found.lines), "parameters": dict(found.parameters)}


def mail(found: MailView) -> Shape:
    """A mail as decoded from its stored bytes."""
    return {
        "from": found.sender,
        "to": list(found.to),
        "cc": list(found.cc),
        "bcc": list(found.bcc),
        "reply_to": found.reply_to,
        "subject": found.subject,
        "alternatives": [{"media_type": one.media_type, "source": one.source} for one in found.alternatives],
        "attachments": list(found.attachments),
        "size_bytes": found.size_bytes,
        "sha256": found.sha256,
    }


def project(row: ProjectRow) -> Shape:
    """A project."""
    return {
        "id": str(row.id),
        "name": row.name,
        "summary": row.summary,
        "mailbox": row.mailbox,
        "undo_window_s": row.undo_window_s,
        "created_at": moment(row.created_at),
    }


def source(row: SourceRow) -> Shape:
    """A source's metadata: its text is for pages that people read."""
    return {
        "id": str(row.id),
        "project_id": identity(row.project_id),
        "origin": row.origin,
        "title": row.title,
        "size_bytes": row.size_bytes,
        "state": row.state,
        "created_at": moment(row.created_at),
    }


def run_row(row: RunRow) -> Shape:
    """A run in a list."""
    return {
        "id": str(row.id),
        "project_id": str(row.project_id),
        "kind": row.kind,
        "order_id": identity(row.order_id),
        "order_number": row.order_number,
        "thread_id": identity(row.thread_id),
        "goal": row.goal,
        "contact": row.contact or None,
        "state": row.state,
        "outcome": row.outcome or None,
        "isolation": row.isolation or None,
        "created_at": moment(row.created_at),
        "started_at": moment(row.started_at),
        "finished_at": moment(row.finished_at),
    }


def run(found: Run) -> Shape:
    """A run with its timeline and effects."""
    return run_row(found.row) | {
        "package_sha256": found.package_sha256 or None,
        "events": [
            {"id": one.id, "kind": one.kind, "at": moment(one.at), "text": one.text, "steps": list(one.steps)}
            for one in found.happenings
        ],
        "tool_calls": [call_row(row) for row in found.calls],
        "held_for": source(found.held_for) if found.held_for else None,
        "plan": [{"title": step.title, "state": step.state} for step in found.plan],
        "sources_used": [{"id": str(one.id), "title": one.title, "origin": one.origin} for one in found.sources_used],
        "decisions": [model_decision(one) for one in found.decisions],
        "files": [
            {
                "id": str(one.id),
                "name": one.name,
                "media_type": one.media_type,
                "bytes": one.size_bytes,
                "state": one.state,
            }
            for one in found.files
        ],
    }


def model_decision(one: ModelDecision) -> Shape:
    """What a model decided, with its own reasons."""
    return {
        "id": str(one.id),
        "route": one.route,
        "outcome": one.outcome,
        "failure": one.failure or None,
        "score": one.score,
        "findings": list(one.findings),
        "reasons": list(one.reasons),
        "provider": one.provider,
        "model": one.model,
        "input_sha256": one.input_sha256,
        "tool_call_id": identity(one.tool_call_id),
        "at": moment(one.at),
    }


def incident(found: Incident) -> Shape:
    """Something that people must look at."""
    return {
        "id": str(found.id),
        "kind": found.kind,
        "severity": found.severity,
        "at": moment(found.at),
        "subject_id": identity(found.subject_id),
        "tool_call_id": identity(found.call.id) if found.call else None,
        "facts": found.facts,
    }


def audit_event(event: AuditEvent) -> Shape:
    """One line of the record."""
    return {
        "id": str(event.id),
        "at": moment(event.at),
        "actor": event.actor,
        "kind": event.kind,
        "subject": event.subject,
        "facts": event.facts,
    }
