"""From what an agent drafted to the deliverable: two files in quarantine, and the order's fulfilment prepared.

A person releases the files before anybody can be sent them. The same draft again is the same files: its bytes follow
from the draft alone, so that a repeated job or a second call of the agent's changes nothing.
"""

import asyncio
from datetime import datetime
from uuid import UUID

from trinity import crm, revenue, sources
from trinity.agency.queries import Run, get_run, list_drafts
from trinity.errors import NotFound
from trinity.kit.actor import Actor
from trinity.sources import ArtifactStore, NewArtifact, Report, Section
from trinity.store.database import Job, Tx

REPORT_JOB = "trinity.jobs.files.Report"
REPORT_QUEUE = "general"
REPORT_ATTEMPTS_MAX = 20
OPEN_STATES = ("awaiting", "prepared")


def report_job(account_id: UUID, run_id: UUID) -> Job:
    """The job that renders a run's newest draft."""
    args = {"account_id": str(account_id), "run_id": str(run_id)}
    return Job(REPORT_JOB, REPORT_QUEUE, args, None, REPORT_ATTEMPTS_MAX)


async def report_draft(
    tx: Tx, store: ArtifactStore, run_id: UUID, draft_id: UUID | None, now: datetime
) -> tuple[UUID, UUID]:
    """A run's draft (the newest, if none is named) as HTML and PDF; the ids of both files."""
    run, drafts = await get_run(tx, run_id), await list_drafts(tx, run_id)
    draft = next((one for one in reversed(drafts) if draft_id is None or one.id == draft_id), None)
    if draft is None:
        raise NotFound("draft")
    return await make_report(tx, store, run, draft.title, draft.body, now, made_at=draft.created_at)


async def make_report(
    tx: Tx, store: ArtifactStore, run: Run, title: str, text: str, now: datetime, *, made_at: datetime | None = None
) -> tuple[UUID, UUID]:
    """A text of a run as HTML and PDF, both in quarantine; the ids of both files, and the order's file noted."""
    # Two workers with the same draft must not both find that its files are missing.
    await tx.execute("select pg_advisory_xact_lock(hashtextextended(%(key)s, 0))", {"key": f"report/{run.id}"})
    customer = await _customer(tx, run)
    listed = sources.sections_of(text)
    if listed and listed[0].heading.strip() == title.strip():
        # The title stands above it all already.
        opening = (Section("", listed[0].paragraphs),) if listed[0].paragraphs else ()
        listed = (*opening, *listed[1:])
    facts = (("Order", str(run.order_number)),) if run.order_number is not None else ()
    report = Report(title, customer, made_at or now, listed, facts)
    rendered = await asyncio.to_thread(sources.render_report, report)
    actor = Actor(tx.account_id, "agent", str(run.id))

    async def keep(extension: str, media_type: str, data: bytes) -> UUID:
        name = sources.file_name_of(title, extension)
        new = NewArtifact(run.project_id, name, media_type, data, "agent", run.contact_id, run.id)
        return await sources.add_artifact(tx, store, actor, new, now)

    html_id = await keep("html", "text/html", rendered.html)
    pdf_id = await keep("pdf", "application/pdf", rendered.pdf)
    if run.order_id is not None:
        owed = await revenue.get_fulfilment(tx, run.order_id)
        if owed.state in OPEN_STATES and owed.artifact_id != pdf_id:
            await revenue.prepare(tx, run.order_id, pdf_id)
    return html_id, pdf_id


async def _customer(tx: Tx, run: Run) -> str:
    """Whom it is for: the person, and the company if that is known."""
    if run.contact_id is None:
        return run.contact_name or ""
    contact = await crm.get_contact(tx, run.contact_id)
    return ", ".join(filter(None, (contact.name or contact.email, contact.company_name)))
