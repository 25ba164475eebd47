"""Reading runs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from trinity.errors import NotFound
from trinity.store.database import Tx

PAGE_MAX = 500
TIMELINE_MAX = 600
"""More than the agent may say and what we add to it, so that the end of a run is always shown."""
_RUN = """
    select r.id, r.project_id, p.name as project_name, r.kind, r.goal, r.contact_id, r.contact_addr, r.contact_name,
           r.order_id, o.number as order_number, r.thread_id, r.held_for_id, r.state, r.outcome, r.isolation,
           r.package_sha256, r.started_by,
           case when r.started_by is not null then coalesce(u.name, 'a former member')
                when r.order_id is not null then 'followed from order #' || o.number
                else 'followed from a mail' end as started_by_name,
           r.created_at, r.started_at, r.finished_at
    from runs r
    join projects p on p.account_id = r.account_id and p.id = r.project_id
    left join users u on u.id = r.started_by
    left join orders o on o.account_id = r.account_id and o.id = r.order_id
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `isolation` is a sentence about the process that did it; None until it ran.

    `kind` is `outreach` (started by a person), `acquisition` (an order's work) or `reply` (answers a conversation).
    `held_for_id` is the source that it waits or waited for. `started_by` is None for what followed by itself.
    """

    id: UUID
    project_id: UUID
    project_name: str
    kind: str
    goal: str
    contact_id: UUID | None
    contact_addr: str | None
    contact_name: str | None
    order_id: UUID | None
    order_number: int | None
    thread_id: UUID | None
    held_for_id: UUID | None
    state: str
    outcome: str | None
    isolation: str | None
    package_sha256: str | None
    started_by: UUID | None
    started_by_name: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One line of a run's timeline. `body` is the agent's content where `kind` is plan, note or intent."""

    id: UUID
    kind: str
    body: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that the agent wrote."""

    id: UUID
    run_id: UUID
    title: str
    body: str
    sha256: str
    created_at: datetime


async def get_run(tx: Tx, run_id: UUID) -> Run:
    """One run, or `NotFound`."""
    row = await tx.one(f"{_RUN} where r.id = %(id)s", {"id": run_id})
    if row is None:
        raise NotFound("run")
    return Run(**row)


async def list_runs(tx: Tx, *, project_id: UUID | None = None, limit: int = 50) -> list[Run]:
    """Runs, newest first, optionally of one project."""
    rows = await tx.all(
        f"{_RUN} where (%(p)s::uuid is null or r.project_id = %(p)s) order by r.id desc limit %(limit)s",
        {"p": project_id, "limit": min(limit, PAGE_MAX)},
    )
    return [Run(**row) for row in rows]


async def list_run_events(tx: Tx, run_id: UUID) -> list[RunEvent]:
    """A run's timeline, oldest first."""
    rows = await tx.all(
        f"select id, kind, body, created_at from run_events where run_id = %(run)s order by id limit {TIMELINE_MAX}",
        {"run": run_id},
    )
    return [RunEvent(**row) for row in rows]


async def list_drafts(tx: Tx, run_id: UUID) -> list[Draft]:
    """What the agent of a run wrote, oldest first."""
    rows = await tx.all(
        f"select id, run_id, title, body, sha256, created_at from drafts where run_id = %(run)s order by id limit {PAGE_MAX}",
        {"run": run_id},
    )
    return [Draft(**row) for row in rows]
