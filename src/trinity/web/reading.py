"""The desk's nouns, answered by the contexts: each page is read in one unit of work, of one moment."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
from psycopg_pool import PoolTimeout

from trinity import accounts, agency, approvals, audit, controls, effects, revenue, sources
from trinity.accounts import SignedIn
from trinity.errors import NotFound
from trinity.gateway import House
from trinity.kit.canonical import Json
from trinity.store.database import Tx
from trinity.web import rows, running
from trinity.web.matters import MAIL_TYPE, REFUND, CardFile, matter_of
from trinity.web.rows import Names
from trinity.web.traces import Known, traces
from trinity.web.views import (
    AuditEvent,
    Call,
    CallRow,
    Glance,
    Home,
    Incident,
    MailView,
    Posture,
    Project,
    ProjectRow,
    Run,
    RunRow,
    SourceRow,
    Trace,
)

LIST_MAX = 50
HOME_MAX = 6
INCIDENTS_AT_HOME_MAX = 3
NEWS = timedelta(days=14)
"""How long a critical incident stands at the top of home and is counted beside every page; its own page keeps all."""
COUNT_MAX = 200
LIVE_RUNS = ("held", "queued", "running", "waiting")
MAIL_OPERATIONS = ["gmail.send", "gmail.reply"]
SPARK_HOURS = 24
NO_ENVELOPE = effects.EnvelopeText(b"", b"")
"""What a list shows of a call whose envelope is gone: only somebody with the database can bring that about."""


class Reading:
    """Everything that pages and the API may ask, for one signed-in person's account."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def glance(self, who: SignedIn) -> Glance:
        """The counts around every page."""
        async with self._house.db.transaction(who.account_id) as tx:
            waiting = await effects.list_tool_calls(tx, states=["awaiting_approval"], limit=COUNT_MAX)
            runs = await agency.list_runs(tx, limit=COUNT_MAX)
            alarms = _alarms(await audit.list_incidents(tx, limit=LIST_MAX), self._house.clock())
            live = sum(run.state in LIVE_RUNS for run in runs)
            return Glance(len(waiting), live, await _posture(tx), len(alarms))

    async def home(self, who: SignedIn) -> Home:
        """What waits, what runs, what went out."""
        now = self._house.clock()
        async with self._house.db.transaction(who.account_id) as tx:
            names = await names_in(tx)
            waiting = await effects.list_tool_calls(tx, states=["awaiting_approval"], limit=HOME_MAX)
            held = await effects.list_tool_calls(tx, states=["in_doubt"], limit=HOME_MAX)
            sent = await effects.list_tool_calls(tx, states=["succeeded"], operations=MAIL_OPERATIONS, limit=COUNT_MAX)
            quarantined = [
                rows.source_row(source, names)
                for project in await accounts.list_projects(tx)
                for source in await sources.list_sources(tx, project.id)
                if source.release_state == "quarantined"
            ]
            moments = [call.settled_at for call in sent if call.settled_at]
            recent = await audit.list_incidents(tx, limit=LIST_MAX)
            alarms = _alarms(recent, now)
            return Home(
                waiting=await call_rows(tx, sorted(waiting, key=lambda call: call.expires_at), names),
                runs=tuple(rows.run_row(run) for run in await agency.list_runs(tx, limit=HOME_MAX)),
                mails=await call_rows(tx, sent[:HOME_MAX], names),
                held=await call_rows(tx, held, names),
                quarantined=tuple(quarantined[:HOME_MAX]),
                sent_by_hour=rows.by_hour(moments, now, SPARK_HOURS),
                sent_24h=sum(moment > now - timedelta(hours=SPARK_HOURS) for moment in moments),
                incidents=await _incidents(tx, recent[:INCIDENTS_AT_HOME_MAX], names) if alarms else (),
            )

    async def incidents(self, who: SignedIn, limit: int) -> Sequence[Incident]:
        """What people must look at, newest first."""
        async with self._house.db.transaction(who.account_id) as tx:
            return await _incidents(tx, await audit.list_incidents(tx, limit=limit), await names_in(tx))

    async def projects(self, who: SignedIn) -> Sequence[ProjectRow]:
        """All projects."""
        async with self._house.db.transaction(who.account_id) as tx:
            return [rows.project_row(project) for project in await accounts.list_projects(tx)]

    async def project(self, who: SignedIn, project_id: UUID) -> Project:
        """One project with its sources and runs."""
        async with self._house.db.transaction(who.account_id) as tx:
            names = await names_in(tx)
            project = await accounts.get_project(tx, project_id)
            found = await sources.list_sources(tx, project_id)
            runs = await agency.list_runs(tx, project_id=project_id, limit=LIST_MAX)
            return Project(
                rows.project_row(project),
                tuple(rows.source_row(source, names) for source in found),
                tuple(rows.run_row(run) for run in runs),
            )

    async def source(self, who: SignedIn, source_id: UUID) -> SourceRow:
        """One source with its text, for a person."""
        async with self._house.db.transaction(who.account_id) as tx:
            return rows.source_row(await sources.get_source(tx, source_id), await names_in(tx))

    async def runs(self, who: SignedIn) -> Sequence[RunRow]:
        """Runs, newest first."""
        async with self._house.db.transaction(who.account_id) as tx:
            return [rows.run_row(run) for run in await agency.list_runs(tx, limit=LIST_MAX)]

    async def run(self, who: SignedIn, run_id: UUID) -> Run:
        """One run with its timeline and effects."""
        async with self._house.db.transaction(who.account_id) as tx:
            run, names = await agency.get_run(tx, run_id), await names_in(tx)
            calls = await call_rows(tx, await effects.list_tool_calls(tx, run_id=run_id), names)
            texts = {str(draft.id): draft.body for draft in await agency.list_drafts(tx, run_id)}
            by_id = {str(call.id): call for call in calls}
            events = await agency.list_run_events(tx, run_id)
            happenings = tuple(rows.happening(event, texts, by_id) for event in events)
            progress = agency.progress_of(events)
            return Run(
                rows.run_row(run),
                happenings,
                calls,
                run.package_sha256 or "",
                held_for=await running.held_for(tx, run, names),
                plan=running.plan_of(run, progress),
                sources_used=await running.used_sources(tx, progress.sources_used),
                decisions=await running.decisions_about(tx, run_id=run_id),
                files=await running.made_files(tx, progress.artifact_ids),
            )

    async def approvals(self, who: SignedIn, states: Sequence[str]) -> Sequence[CallRow]:
        """Effects that people were asked about, in some states of the question; all of them for no state."""
        one = states[0] if len(states) == 1 else None
        async with self._house.db.transaction(who.account_id) as tx:
            asked = await approvals.list_requests(tx, state=one, limit=COUNT_MAX)
            found = [request for request in asked if not states or request.state in states][:LIST_MAX]
            listed = await call_rows_by_id(tx, [request.tool_call_id for request in found])
        by_id = {row.id: row for row in listed}
        return [
            replace(by_id[request.tool_call_id], approval_state=request.state)
            for request in found
            if request.tool_call_id in by_id
        ]

    async def approval(self, who: SignedIn, approval_id: UUID) -> Call:
        """What one approval request is about."""
        async with self._house.db.transaction(who.account_id) as tx:
            request = await approvals.get_request(tx, approval_id)
            return await _call(tx, await effects.get_tool_call(tx, request.tool_call_id), who)

    async def call(self, who: SignedIn, call_id: UUID) -> Call:
        """One effect, whole."""
        async with self._house.db.transaction(who.account_id) as tx:
            return await _call(tx, await effects.get_tool_call(tx, call_id), who)

    async def mails(self, who: SignedIn) -> Sequence[CallRow]:
        """Mail that the provider has accepted."""
        return await self._listed(who, ["succeeded"], MAIL_OPERATIONS)

    async def provable(self, who: SignedIn) -> Sequence[CallRow]:
        """Effects that were executed, or may have been."""
        return await self._listed(who, ["succeeded", "failed", "in_doubt", "executing"], None)

    async def _listed(self, who: SignedIn, states: list[str], operations: list[str] | None) -> Sequence[CallRow]:
        async with self._house.db.transaction(who.account_id) as tx:
            calls = await effects.list_tool_calls(tx, states=states, operations=operations, limit=LIST_MAX)
            return await call_rows(tx, calls, await names_in(tx))

    async def audit_events(self, who: SignedIn, after: UUID | None, limit: int) -> Sequence[AuditEvent]:
        """The record, in order."""
        async with self._house.db.transaction(who.account_id) as tx:
            names = await names_in(tx)
            found = await audit.list_events(tx, after=after, limit=limit)
            return [rows.audit_event(event, names) for event in found]

    async def posture(self, who: SignedIn) -> Posture:
        """How far the account may act."""
        async with self._house.db.transaction(who.account_id) as tx:
            return await _posture(tx)

    async def is_ready(self) -> Mapping[str, bool]:
        """Which parts of this process can serve."""
        try:
            async with self._house.db.transaction(None) as tx:
                return {"database": await tx.value("select 1") == 1}
        except (psycopg.Error, PoolTimeout):
            return {"database": False}


async def names_in(tx: Tx) -> Names:
    """The people of the account."""
    return Names(await accounts.list_members(tx))


async def _posture(tx: Tx) -> Posture:
    found = await controls.get_posture(tx)
    return Posture(found.mode, found.reason, (await names_in(tx)).of_reference(found.set_by), found.created_at)


def _alarms(found: Sequence[audit.Incident], now: datetime) -> list[audit.Incident]:
    """The critical ones that are still news."""
    return [one for one in found if one.severity == "critical" and one.created_at > now - NEWS]


async def _incidents(tx: Tx, found: Sequence[audit.Incident], names: Names) -> tuple[Incident, ...]:
    """Incidents as pages show them, each with the call that it is about, if it is about one."""
    ids = list({one.subject_id for one in found if one.subject_id})
    calls = await effects.list_tool_calls(tx, ids=ids, limit=COUNT_MAX) if ids else []
    by_id = {row.id: row for row in await call_rows(tx, calls, names)}
    return tuple(rows.incident(one, by_id.get(one.subject_id) if one.subject_id else None) for one in found)


async def call_rows(tx: Tx, calls: Sequence[effects.ToolCall], names: Names) -> tuple[CallRow, ...]:
    """Calls as lists show them, with one statement for all of their envelopes."""
    stored = await effects.list_envelopes(tx, [call.id for call in calls]) if calls else {}
    return tuple(rows.call_row(call, stored.get(call.id, NO_ENVELOPE), names) for call in calls)


async def call_rows_by_id(tx: Tx, ids: Sequence[UUID]) -> tuple[CallRow, ...]:
    """The same, newest first, for those ids that are calls of the account."""
    found = await effects.list_tool_calls(tx, ids=list(ids[:LIST_MAX]), limit=LIST_MAX) if ids else []
    return await call_rows(tx, found, await names_in(tx))


async def _call(tx: Tx, call: effects.ToolCall, who: SignedIn) -> Call:
    names = await names_in(tx)
    stored = await effects.get_envelope(tx, call.id)
    row = rows.call_row(call, stored, names)
    request = await approvals.get_request(tx, call.approval_id) if call.approval_id else None
    decisions = await approvals.list_decisions(tx, request.id) if request else []
    project = await accounts.get_project(tx, call.project_id)
    envelope, typed = rows.json_object(stored.canonical), rows.json_object(stored.typed_payload)
    payload_type = str(envelope.get("payload_type", MAIL_TYPE))
    mail = rows.mail_view(stored.payload) if payload_type == MAIL_TYPE else None
    order = await revenue.get_order(tx, call.subject_id) if call.operation == REFUND and call.subject_id else None
    drafts = await agency.list_drafts(tx, call.run_id) if call.run_id else []
    return Call(
        row=row,
        envelope=envelope,
        envelope_digest=stored.digest,
        mail=mail,
        reasons=tuple(rows.reason(one) for one in call.reasons),
        attempts=tuple(rows.attempt(one) for one in await effects.list_attempts(tx, call.id)),
        receipts=rows.receipts(await effects.list_receipts(tx, call.id)),
        decisions=tuple(rows.decision(one) for one in decisions),
        traces=await _traces(tx, call, mail, project, names) if mail else (),
        not_before=call.not_before,
        undo_window_s=project.undo_window_s,
        quorum=request.quorum if request else 0,
        request_state=request.state if request else "",
        draft_text=drafts[-1].body if drafts else "",
        supersedes_id=call.supersedes_id,
        superseded_by_id=await _successor(tx, call),
        model_decisions=await running.decisions_about(tx, tool_call_id=call.id),
        differences=await _differences(tx, call, typed),
        typed_payload=typed,
        matter=matter_of(call.operation, typed, stored.payload, payload_type, order),
        files=await _files(tx, typed),
        has_decided=any(one.approver_id == who.user_id for one in decisions),
        is_mine=(call.requester_kind, call.requester_id) == ("user", str(who.user_id)),
    )


async def _files(tx: Tx, typed: Mapping[str, Json]) -> tuple[CardFile, ...]:
    """A mail's files as they stand now; one that is gone is not shown, and the claim refuses it."""
    named = typed.get("attachments")
    found = []
    for one in named if isinstance(named, list) else []:
        with suppress(NotFound, ValueError):
            found.append(await sources.get_artifact(tx, UUID(str(one))))
    return tuple(
        CardFile(str(one.id), one.name, one.media_type, one.size_bytes, one.sha256, one.release_state) for one in found
    )


async def _successor(tx: Tx, call: effects.ToolCall) -> UUID | None:
    """The edited version that took a superseded call's place."""
    if call.state != "superseded":
        return None
    later = await effects.list_tool_calls(tx, project_id=call.project_id, limit=COUNT_MAX)
    return next((one.id for one in later if one.supersedes_id == call.id), None)


async def _differences(tx: Tx, call: effects.ToolCall, typed: Mapping[str, Json]) -> tuple[tuple[str, str, str], ...]:
    if call.supersedes_id is None:
        return ()
    before = await effects.get_envelope(tx, call.supersedes_id)
    return rows.differences(rows.json_object(before.typed_payload), typed)


async def _traces(
    tx: Tx, call: effects.ToolCall, mail: MailView, project: accounts.Project, names: Names
) -> tuple[Trace, ...]:
    known = []
    readable = await sources.list_released(tx, call.project_id)
    if call.run_id:
        run = await agency.get_run(tx, call.run_id)
        readable = await sources.list_readable(tx, call.project_id, run.contact_id)
        if run.kind == "outreach":
            note = f"entered by {run.started_by_name} when the run was started"
            known.append(Known("operator", note, run.contact_addr or "", is_entered=True))
            known.append(Known("operator", f"in the goal that {run.started_by_name} wrote", run.goal))
        else:
            known.append(Known("crm", f"the contact’s address ({run.started_by_name})", run.contact_addr or ""))
    if call.requester_kind == "user":
        who = names.of("user", call.requester_id)
        known += [Known("operator", f"entered by {who}", value, is_entered=True) for value in _all_values(mail)]
    for source in readable:
        note = f"in the released source “{source.title}”"
        known.append(Known(source.origin.replace("_", " "), note, source.text, source_id=source.id))
    known.append(Known("operator", "in the project’s summary", project.summary))
    return traces(mail, known)


def _all_values(mail: MailView) -> list[str]:
    return [trace.value for trace in traces(mail, ())]
