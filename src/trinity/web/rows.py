"""From what contexts hand out to what pages show. Pure; nothing here asks anything."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from trinity import accounts, agency, approvals, audit, effects, sources
from trinity.kit.canonical import Json, NotCanonical, digest_hex, parse_strict
from trinity.providers.gmail import view as gmail_view
from trinity.providers.gmail.address import Address, MaterialiseRefused
from trinity.web.matters import people_of, title_of
from trinity.web.views import (
    Alternative,
    Attempt,
    AuditEvent,
    CallRow,
    Decision,
    Happening,
    Incident,
    MailView,
    ProjectRow,
    Reason,
    Receipt,
    RunRow,
    SourceRow,
)

FACT_CHARS_MAX = 500
TITLES = {
    "plan": "Plan",
    "note": "Note",
    "confinement": "Confined",
    "draft": "Draft",
    "artifact_request": "Asks for a file",
    "intent": "Proposed an effect",
    "started": "Started",
    "restarted": "Taken up again",
    "waiting": "Done; waits for people",
    "completed": "Completed",
    "failed": "Failed",
    "stopped": "Stopped",
    "held": "Waits for a person to release a text",
    "released": "The text was released",
    "rejected": "The text was rejected",
    "package": "Was told what it may know",
    "step_started": "Begins",
    "step_done": "Done",
    "source_used": "Uses a source",
    "report": "Had a report made",
}
ENDED_BY_STATE = {
    "awaiting_approval": "pending",
    "ready": "approved",
    "executing": "spent",
    "succeeded": "spent",
    "failed": "spent",
    "in_doubt": "spent",
}


class Names:
    """The people of an account by id, and how other actors are called."""

    def __init__(self, members: Iterable[accounts.Member]) -> None:
        self._people = {str(member.user_id): member.name for member in members}

    def of(self, kind: str, id_: str) -> str:
        """A name for an actor, or a description of it."""
        if kind == "user":
            return self._people.get(id_, "a former member")
        return "the agent of a run" if kind == "agent" else id_

    def of_reference(self, reference: str) -> str:
        """The same for `kind:id`."""
        kind, _, id_ = reference.partition(":")
        return self.of(kind, id_)


def project_row(project: accounts.Project) -> ProjectRow:
    """A project."""
    return ProjectRow(
        project.id, project.name, project.summary, project.mailbox, project.undo_window_s, project.created_at
    )


def source_row(source: sources.Source, names: Names) -> SourceRow:
    """A source; who decided is named only once somebody did."""
    by = names.of("user", str(source.decided_by)) if source.decided_by else ""
    return SourceRow(
        source.id,
        source.origin,
        source.title,
        source.size_bytes,
        source.release_state,
        source.created_at,
        source.text,
        by,
        source.project_id,
    )


def run_row(run: agency.Run) -> RunRow:
    """A run in a list."""
    contact = run.contact_addr or ""
    if run.contact_addr and run.contact_name:
        contact = f"{run.contact_name} <{run.contact_addr}>"
    return RunRow(
        run.id,
        run.project_id,
        run.project_name,
        run.goal,
        contact,
        run.state,
        run.outcome or "",
        run.isolation or "",
        run.started_by_name,
        run.created_at,
        run.started_at,
        run.finished_at,
        run.kind,
        run.order_id,
        run.order_number,
        run.thread_id,
        run.held_for_id,
    )


def call_row(call: effects.ToolCall, stored: effects.StoredEnvelope | effects.EnvelopeText, names: Names) -> CallRow:
    """A ToolCall in a list, with the subject and recipients of its typed payload."""
    envelope, typed = json_object(stored.canonical), json_object(stored.typed_payload)
    return CallRow(
        id=call.id,
        project_name=call.project_name,
        run_id=call.run_id,
        operation=call.operation,
        tier=call.tier,
        mode=str(envelope.get("mode", "live")),
        state=call.state,
        proof_state=call.proof_state,
        subject=title_of(call.operation, typed),
        sender=str(typed.get("from_alias", "")),
        to=people_of(call.operation, typed) or tuple(str(one.get("addr", "")) for one in people_in(typed, "to")),
        created_at=call.created_at,
        settled_at=call.settled_at,
        approval_id=call.approval_id,
        approval_state=ENDED_BY_STATE.get(call.state, call.state) if call.approval_id else "",
        expires_at=call.expires_at,
        requester=names.of(call.requester_kind, call.requester_id),
        agent_reason=call.agent_reason,
    )


def mail_view(payload: bytes) -> MailView | None:
    """The mail as decoded from its bytes; None for bytes that are no mail (they are refused at propose)."""
    try:
        found = gmail_view.view(payload)
    except MaterialiseRefused:
        return None
    bodies = (Alternative("text/plain", found.text), Alternative("text/html", found.html))
    return MailView(
        sender=_shown(found.sender),
        to=tuple(map(_shown, found.to)),
        cc=tuple(map(_shown, found.cc)),
        bcc=tuple(map(_shown, found.bcc)),
        reply_to=_shown(found.reply_to),
        subject=found.subject,
        alternatives=tuple(part for part in bodies if part.source),
        attachments=tuple(f"{one.name} ({one.content_type}, {one.size_bytes} bytes)" for one in found.attachments),
        warnings=found.warnings,
        size_bytes=found.size_bytes,
        headers=found.headers,
        sha256=digest_hex(payload),
    )


def _shown(address: Address) -> str:
    return f"{address.name} <{address.addr}>" if address.name else address.addr


def happening(event: agency.RunEvent, texts: Mapping[str, str], calls: Mapping[str, CallRow]) -> Happening:
    """One line of a timeline; `texts` are drafts and `calls` ToolCalls, both by id."""
    body = event.body
    title = str(body.get("title", ""))
    text = texts.get(str(body.get("draft_id", "")), "") or str(body.get("text", body.get("reason", "")))
    words = TITLES.get(event.kind, event.kind)
    return Happening(
        id=str(event.id),
        kind=event.kind,
        at=event.created_at,
        title=f"{words}: {title}" if title else words,
        text=text,
        steps=tuple(str(step) for step in body.get("steps", ())),
        call=calls.get(str(body.get("tool_call_id", ""))),
        source_id=str(body.get("source_id", "")),
    )


def attempt(found: effects.Attempt) -> Attempt:
    """One step of the executor."""
    return Attempt(
        found.act_n,
        found.lease_epoch,
        found.step,
        found.started_at,
        found.outcome or "",
        found.finished_at,
        facts(found.result or {}),
    )


def receipt(found: effects.Receipt) -> Receipt:
    """What the provider said, or what our check of it found."""
    pairs = _check_facts(found.facts) if found.kind == "verification" else facts(found.facts)
    return Receipt(found.kind, found.sha256, found.created_at, pairs)


def receipts(found: Iterable[effects.Receipt]) -> tuple[Receipt, ...]:
    """All of them: what happened, then the provider's record of it, then our comparison."""
    order = {"provider_record": 1, "verification": 2}
    return tuple(receipt(one) for one in sorted(found, key=lambda one: order.get(one.kind, 0)))


def _check_facts(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    properties = values.get("properties", {})
    held = sum(bool(one.get("is_held")) for one in properties.values())
    different = ", ".join(map(str, values.get("differences", ()))) or "none"
    return (("properties that hold", f"{held} of {len(properties)}"), ("differences", different))


def facts(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Plain facts as pairs; nested ones are left to the packet, where they stand whole."""
    pairs = []
    for name, value in values.items():
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        if isinstance(value, str | int) and str(value):
            pairs.append((name, str(value)[:FACT_CHARS_MAX]))
    return tuple(pairs)


def reason(found: Mapping[str, str]) -> Reason:
    """Why a policy said no."""
    return Reason(found.get("policy", ""), found.get("code", ""), found.get("message", ""))


def decision(found: approvals.DecisionMade) -> Decision:
    """What one person decided."""
    return Decision(found.approver_name, found.decision, found.reason, found.decided_at)


def audit_event(event: audit.Event, names: Names) -> AuditEvent:
    """One line of the record."""
    return AuditEvent(
        event.id,
        event.created_at,
        names.of(event.actor_kind, event.actor_id),
        event.kind,
        f"{event.subject_kind}:{event.subject_id}" if event.subject_id else event.subject_kind,
        event.facts if isinstance(event.facts, dict) else {},
    )


def incident(found: audit.Incident, about: CallRow | None) -> Incident:
    """An incident with the call that it is about."""
    return Incident(
        found.id,
        found.kind,
        found.severity,
        found.created_at,
        found.subject_id,
        found.facts,
        facts(found.facts),
        about,
    )


def differences(before: Mapping[str, Json], now: Mapping[str, Json]) -> tuple[tuple[str, str, str], ...]:
    """The fields in which two typed payloads differ, each as text."""
    names = [*now, *(name for name in before if name not in now)]
    return tuple(
        (name, _as_text(before.get(name)), _as_text(now.get(name)))
        for name in names
        if (before.get(name) or None) != (now.get(name) or None)
    )


def _as_text(value: Json) -> str:
    if isinstance(value, list):
        return ", ".join(
            " ".join(str(part) for part in one.values() if part) if isinstance(one, dict) else str(one) for one in value
        )
    return "" if value is None else str(value)


def json_object(data: bytes) -> dict[str, Json]:
    """Stored canonical bytes as an object; an empty one if they are not."""
    try:
        value = parse_strict(data)
    except NotCanonical:
        return {}
    return value if isinstance(value, dict) else {}


def people_in(typed: Mapping[str, Json], field: str) -> list[dict[str, Json]]:
    """The recipients of one field of a typed payload."""
    found = typed.get(field)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def by_hour(moments: Iterable[datetime], now: datetime, hours: int) -> tuple[int, ...]:
    """How many moments fall into each of the last hours, the newest last."""
    counts = [0] * hours
    for moment in moments:
        age_h = int((now - moment).total_seconds() // 3600)
        if 0 <= age_h < hours:
            counts[hours - 1 - age_h] += 1
    return tuple(counts)


def uuid_of(text: str) -> UUID | None:
    """A UUID, or None for anything else."""
    try:
        return UUID(text)
    except ValueError:
        return None
