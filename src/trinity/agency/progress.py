"""How far a run has come, as data: the plan's steps and their state, the sources that were used, the files made.

All of it is what the agent says, read back from the timeline, so that a page shows one truth and nothing is kept twice.
Only that a source was in the package, and still may be read, is checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity import sources
from trinity.agency.queries import Run, RunEvent
from trinity.agency.runs import record_event, write_event
from trinity.errors import Refused
from trinity.store.database import Tx

STEP_STATES = ("started", "done")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the plan: `open`, `started` or `done`."""

    title: str
    state: str


@dataclass(frozen=True, slots=True)
class Progress:
    """What a timeline says about a run's work."""

    steps: tuple[Step, ...] = ()
    sources_used: tuple[UUID, ...] = ()
    artifact_ids: tuple[UUID, ...] = ()
    told: tuple[UUID, ...] = ()
    """The sources of the newest package that the agent was given."""


def progress_of(events: Sequence[RunEvent]) -> Progress:
    """Read a timeline, oldest first. A new plan begins anew; an agent that starts again is told anew."""
    titles: list[str] = []
    states: list[str] = []
    used: dict[UUID, None] = {}
    made: dict[UUID, None] = {}
    told: tuple[UUID, ...] = ()
    for event in events:
        body = event.body
        if event.kind == "plan":
            titles = [str(step) for step in body.get("steps", ())]
            states = ["open"] * len(titles)
        elif event.kind in ("step_started", "step_done") and 0 < int(body.get("step", 0)) <= len(states):
            states[int(body["step"]) - 1] = event.kind.removeprefix("step_")
        elif event.kind == "source_used":
            used[UUID(str(body["source_id"]))] = None
        elif event.kind == "report":
            made |= {UUID(str(one)): None for one in body.get("artifact_ids", ())}
        elif event.kind == "package":
            told = tuple(UUID(str(one)) for one in body.get("source_ids", ()))
    steps = tuple(Step(title, state) for title, state in zip(titles, states, strict=True))
    return Progress(steps, tuple(used), tuple(made), told)


async def read_progress(tx: Tx, run_id: UUID) -> Progress:
    """How far a run has come."""
    rows = await tx.all(
        "select id, kind, body, created_at from run_events where run_id = %(run)s and kind = any(%(kinds)s) order by id",
        {"run": run_id, "kinds": ["plan", "step_started", "step_done", "source_used", "report", "package"]},
    )
    return progress_of([RunEvent(**row) for row in rows])


async def mark_step(tx: Tx, run_id: UUID, number: int, state: str, now: datetime) -> None:
    """The agent begins or has done a step of its plan, counted from one."""
    steps = (await read_progress(tx, run_id)).steps
    if state not in STEP_STATES or not 1 <= number <= len(steps):
        raise Refused("invalid", f"The plan has steps 1 to {len(steps)}.", status=422)
    await record_event(tx, run_id, f"step_{state}", {"step": number, "title": steps[number - 1].title}, now)


async def use_source(tx: Tx, run: Run, source_id: UUID, now: datetime) -> None:
    """The agent works with a source: one that it was told, and that it may still read."""
    found = await read_progress(tx, run.id)
    if source_id not in found.told:
        raise Refused("not_told", "This source was not in the package of this run.", status=403)
    source = await sources.hold_source(tx, source_id)
    if source.release_state != "released" or source.contact_id not in (None, run.contact_id):
        raise Refused("not_released", "This source is not released.", status=403)
    if source_id not in found.sources_used:
        facts = {"source_id": str(source_id), "origin": source.origin, "sha256": source.sha256}
        await record_event(tx, run.id, "source_used", facts, now)


async def note_report(tx: Tx, run_id: UUID, draft_id: UUID, artifact_ids: Sequence[UUID], now: datetime) -> None:
    """A draft was made into files, once; the same files again are no news."""
    if set(artifact_ids) <= set((await read_progress(tx, run_id)).artifact_ids):
        return
    facts = {"draft_id": str(draft_id), "artifact_ids": [str(one) for one in artifact_ids]}
    await record_event(tx, run_id, "report", facts, now)


async def keep_package(tx: Tx, run_id: UUID, sha256: str, source_ids: Sequence[UUID], now: datetime) -> None:
    """What the agent was told: the package by its digest, the sources in it by their ids."""
    await tx.execute("update runs set package_sha256 = %(d)s where id = %(id)s", {"d": sha256, "id": run_id})
    facts = {"sha256": sha256, "source_ids": [str(one) for one in source_ids]}
    await write_event(tx, run_id, "package", facts, now)
