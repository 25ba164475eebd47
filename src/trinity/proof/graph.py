"""Reading everything that belongs to a run or a ToolCall, as of one moment.

A unit of work sees what others commit meanwhile. Every change of state writes an audit event in its own
transaction; so a graph that was read between two equal readings of the events is of one moment.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from trinity import agency, approvals, audit, effects, sources
from trinity.errors import Refused
from trinity.store.database import Tx

READINGS_MAX = 6
EVENTS_MAX = 20_000
EVENTS_PAGE = 500
CALLS_MAX = 200


@dataclass(frozen=True, slots=True)
class CallGraph:
    """One ToolCall with all that hangs on it."""

    call: effects.ToolCall
    stored: effects.StoredEnvelope
    request: approvals.ApprovalRequest | None
    decisions: list[approvals.DecisionMade]
    attempts: list[effects.Attempt]
    receipts: list[effects.Receipt]


@dataclass(frozen=True, slots=True)
class Graph:
    """A run (None for a call without one), its calls in order of their ids, what it could read, what it wrote."""

    run: agency.Run | None
    calls: list[CallGraph]
    sources: list[sources.Source]
    drafts: list[agency.Draft]
    events: list[audit.Event]


async def read_graph(tx: Tx, kind: Literal["run", "tool_call"], subject_id: UUID) -> Graph:
    """The graph of one moment; `NotFound`, or `Refused` with code `busy` if it never stands still."""
    before: list[UUID] | None = None
    for _ in range(READINGS_MAX):
        graph = await _read(tx, kind, subject_id)
        seen = [event.id for event in graph.events]
        if seen == before:
            return graph
        before = seen
    raise Refused("busy", "What this packet would hold changes faster than it can be read.", status=503)


async def _read(tx: Tx, kind: Literal["run", "tool_call"], subject_id: UUID) -> Graph:
    if kind == "run":
        run: agency.Run | None = await agency.get_run(tx, subject_id)
        found = await effects.list_tool_calls(tx, run_id=subject_id, limit=CALLS_MAX)
        ids = sorted(call.id for call in found)
    else:
        call = await effects.get_tool_call(tx, subject_id)
        run = await agency.get_run(tx, call.run_id) if call.run_id else None
        ids = [subject_id]
    calls = [await _call(tx, call_id) for call_id in ids]
    readable = await _sources(tx, run) if run else []
    drafts = await agency.list_drafts(tx, run.id) if run else []
    subjects = [*ids, *(one.id for one in readable), *([run.id] if run else [])]
    return Graph(run, calls, readable, sorted(drafts, key=_id), await _events(tx, subjects))


async def _call(tx: Tx, call_id: UUID) -> CallGraph:
    call = await effects.get_tool_call(tx, call_id)
    request = await approvals.get_request(tx, call.approval_id) if call.approval_id else None
    decisions = await approvals.list_decisions(tx, request.id) if request else []
    return CallGraph(
        call,
        await effects.get_envelope(tx, call_id),
        request,
        sorted(decisions, key=_id),
        await effects.list_attempts(tx, call_id),
        await effects.list_receipts(tx, call_id),
    )


async def _sources(tx: Tx, run: agency.Run) -> list[sources.Source]:
    """The project's sources that stood there while the run lasted, whatever their release state."""
    found = await sources.list_sources(tx, run.project_id)
    return sorted((one for one in found if _stood(one.created_at, run.finished_at)), key=_id)


def _stood(created_at: datetime, finished_at: datetime | None) -> bool:
    return finished_at is None or created_at <= finished_at


async def _events(tx: Tx, subjects: list[UUID]) -> list[audit.Event]:
    found: list[audit.Event] = []
    while len(found) < EVENTS_MAX:
        after = found[-1].id if found else None
        page = await audit.list_events(tx, after=after, subject_ids=subjects, limit=EVENTS_PAGE)
        found += page
        if len(page) < EVENTS_PAGE:
            return found
    raise Refused("too_large", f"More than {EVENTS_MAX} events belong to this packet.", status=422)


def _id(one: sources.Source | agency.Draft | approvals.DecisionMade) -> UUID:
    return one.id
