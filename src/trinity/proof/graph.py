"""Reading everything that belongs to an order, a run or a ToolCall, as of one moment.

A unit of work sees what others commit meanwhile. Every change of state writes an audit event in its own
transaction; so a graph that was read between two equal readings of the events is of one moment. What Stripe tells
us of an order changes without an event of ours in one place, its books, so those are compared as well.
"""

import json
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from trinity import agency, approvals, audit, effects
from trinity.agency.evidence import runs_of_order, runs_of_threads
from trinity.crm.evidence import ThreadRecord, thread_records
from trinity.effects.evidence import About, calls_about
from trinity.errors import NotFound, Refused
from trinity.modelrouter.evidence import DecisionRecord, decision_records
from trinity.revenue.evidence import OrderEvidence, order_evidence
from trinity.sources.evidence import (
    ArtifactRecord,
    SourceRecord,
    artifact_records,
    source_records,
    source_records_of,
)
from trinity.store.database import Tx

READINGS_MAX = 6
EVENTS_MAX = 20_000
EVENTS_PAGE = 500
CALLS_MAX = 200

type Kind = Literal["run", "tool_call", "order"]


@dataclass(frozen=True, slots=True)
class CallGraph:
    """One ToolCall with all that hangs on it."""

    call: effects.ToolCall
    subject_id: UUID | None
    stored: effects.StoredEnvelope
    request: approvals.ApprovalRequest | None
    decisions: list[approvals.DecisionMade]
    attempts: list[effects.Attempt]
    receipts: list[effects.Receipt]


@dataclass(frozen=True, slots=True)
class Graph:
    """An order or None, its runs, their calls, and all that these read, wrote, sent and were told; each by its id."""

    order: OrderEvidence | None
    runs: list[agency.Run]
    threads: list[ThreadRecord]
    calls: list[CallGraph]
    sources: list[SourceRecord]
    artifacts: list[ArtifactRecord]
    drafts: list[agency.Draft]
    decisions: list[DecisionRecord]
    events: list[audit.Event]


@dataclass(frozen=True, slots=True)
class _Work:
    """Which runs, calls and conversations a graph is of."""

    runs: list[agency.Run]
    threads: list[ThreadRecord]
    calls: list[CallGraph]


async def read_graph(tx: Tx, kind: Kind, subject_id: UUID) -> Graph:
    """The graph of one moment; `NotFound`, or `Refused` with code `busy` if it never stands still."""
    before: list[UUID] | None = None
    books = ""
    for _ in range(READINGS_MAX):
        graph = await _read(tx, kind, subject_id)
        seen = [event.id for event in graph.events]
        said = json.dumps(graph.order.data) if graph.order else ""
        if (seen, said) == (before, books):
            return graph
        before, books = seen, said
    raise Refused("busy", "What this packet would hold changes faster than it can be read.", status=503)


async def _read(tx: Tx, kind: Kind, subject_id: UUID) -> Graph:
    order = await order_evidence(tx, subject_id) if kind == "order" else None
    work = await _of_order(tx, order) if order else await _of_work(tx, kind, subject_id)
    run_ids = [run.id for run in work.runs]
    call_ids = [one.call.id for one in work.calls]
    texts = await _sources(tx, order, work)
    drafts = [draft for run in work.runs for draft in await agency.list_drafts(tx, run.id)]
    attached = [one for call in work.calls for one in _attached(call)]
    attached += [order.artifact_id] if order and order.artifact_id else []
    artifacts = await artifact_records(tx, run_ids=run_ids, ids=attached)
    about = [*(one.id for one in drafts), *([order.id] if order else [])]
    decisions = await decision_records(tx, run_ids=run_ids, call_ids=call_ids, subject_ids=about)
    subjects = [*run_ids, *call_ids, *(one.id for one in texts), *(one.id for one in artifacts)]
    subjects += [*(one.id for one in work.threads), *(one.id for one in decisions)]
    subjects += [order.id, order.checkout_id] if order else []
    events = await _events(tx, subjects)
    drafts.sort(key=lambda one: one.id)
    return Graph(order, work.runs, work.threads, work.calls, texts, artifacts, drafts, decisions, events)


async def _of_work(tx: Tx, kind: Kind, subject_id: UUID) -> _Work:
    """One run with its calls, or one call with its run; and the conversations that these calls answer."""
    if kind == "run":
        runs = [await agency.get_run(tx, subject_id)]
        found = await calls_about(tx, run_ids=[subject_id], subject_ids=[], ids=[], limit=CALLS_MAX)
    else:
        found = await calls_about(tx, run_ids=[], subject_ids=[], ids=[subject_id], limit=1)
        if not found:
            raise NotFound("tool call")
        call = await effects.get_tool_call(tx, subject_id)
        runs = [await agency.get_run(tx, call.run_id)] if call.run_id else []
    calls = [await _call(tx, one) for one in found]
    threads = await thread_records(tx, call_ids=[], message_ids=[one for call in calls for one in _answered(call)])
    return _Work(runs, threads, calls)


async def _of_order(tx: Tx, order: OrderEvidence) -> _Work:
    """All that was done for an order."""
    run_ids, found, threads = await work_of_order(tx, order)
    runs = [await agency.get_run(tx, run_id) for run_id in run_ids]
    return _Work(runs, threads, [await _call(tx, one) for one in found])


async def work_of_order(tx: Tx, order: OrderEvidence) -> tuple[list[UUID], list[About], list[ThreadRecord]]:
    """The runs that work on an order, their calls, the conversations that these began, and the runs that answer there."""
    run_ids = await runs_of_order(tx, order.id)
    about = [order.id, order.checkout_id]
    first = await calls_about(tx, run_ids=run_ids, subject_ids=about, ids=[*order.call_ids], limit=CALLS_MAX)
    threads = await thread_records(tx, call_ids=[one.id for one in first], message_ids=[])
    thread_ids = [one.id for one in threads]
    run_ids = sorted({*run_ids, *await runs_of_threads(tx, thread_ids)})
    found = await calls_about(
        tx, run_ids=run_ids, subject_ids=[*about, *thread_ids], ids=[*order.call_ids], limit=CALLS_MAX + 1
    )
    if len(found) > CALLS_MAX:
        raise Refused("too_large", f"More than {CALLS_MAX} calls belong to this order.", status=422)
    return run_ids, found, threads


async def _call(tx: Tx, about: About) -> CallGraph:
    call = await effects.get_tool_call(tx, about.id)
    request = await approvals.get_request(tx, call.approval_id) if call.approval_id else None
    decisions = await approvals.list_decisions(tx, request.id) if request else []
    return CallGraph(
        call,
        about.subject_id,
        await effects.get_envelope(tx, about.id),
        request,
        sorted(decisions, key=lambda one: one.id),
        await effects.list_attempts(tx, about.id),
        await effects.list_receipts(tx, about.id),
    )


async def _sources(tx: Tx, order: OrderEvidence | None, work: _Work) -> list[SourceRecord]:
    """What stood there for each run to be given while it lasted, whatever its release state, and what people wrote."""
    found = {}
    for run in work.runs:
        for one in await source_records(tx, run.project_id, run.contact_id, run.finished_at):
            found[one.id] = one
    ids = [message.source_id for thread in work.threads for message in thread.messages if message.source_id]
    ids += [order.source_id] if order and order.source_id else []
    ids += [run.held_for_id for run in work.runs if run.held_for_id]
    found |= {one.id: one for one in await source_records_of(tx, ids)}
    return [found[one] for one in sorted(found)]


def _attached(one: CallGraph) -> list[UUID]:
    """The artifacts that a mail was asked to carry."""
    asked = _typed(one).get("attachments")
    return [found for found in map(_uuid, asked if isinstance(asked, list) else []) if found]


def _answered(one: CallGraph) -> list[UUID]:
    """The mail that a mail was asked to answer."""
    found = _uuid(_typed(one).get("in_reply_to"))
    return [found] if found else []


def _typed(one: CallGraph) -> dict[str, object]:
    """What was asked for; nothing where the stored bytes are none of ours (the verifier says so)."""
    try:
        found = json.loads(one.stored.typed_payload)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None


async def _events(tx: Tx, subjects: list[UUID]) -> list[audit.Event]:
    found: list[audit.Event] = []
    while len(found) < EVENTS_MAX:
        after = found[-1].id if found else None
        page = await audit.list_events(tx, after=after, subject_ids=subjects, limit=EVENTS_PAGE)
        found += page
        if len(page) < EVENTS_PAGE:
            return found
    raise Refused("too_large", f"More than {EVENTS_MAX} events belong to this packet.", status=422)
