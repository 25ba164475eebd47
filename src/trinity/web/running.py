"""What pages show of a run's work and of models' decisions: from the contexts to plain values."""

from collections.abc import Sequence
from uuid import UUID

from trinity import agency, modelrouter, sources
from trinity.errors import NotFound
from trinity.store.database import Tx
from trinity.web.rows import Names, source_row
from trinity.web.views import MadeFile, ModelDecision, PlanStep, SourceRow, UsedSource

ENDED = ("completed", "failed", "stopped")


async def held_for(tx: Tx, run: agency.Run, names: Names) -> SourceRow | None:
    """The text that a held run waits for."""
    if run.state != "held" or run.held_for_id is None:
        return None
    return source_row(await sources.get_source(tx, run.held_for_id), names)


def plan_of(run: agency.Run, progress: agency.Progress) -> tuple[PlanStep, ...]:
    """The plan's steps; what a run that is over did not do is left, not in work."""
    is_over = run.state in ENDED
    return tuple(
        PlanStep(step.title, "left" if is_over and step.state != "done" else step.state) for step in progress.steps
    )


async def used_sources(tx: Tx, ids: Sequence[UUID]) -> tuple[UsedSource, ...]:
    """The sources that an agent used, in the order in which it said so."""
    found = [await sources.get_source(tx, one) for one in ids]
    return tuple(UsedSource(one.id, one.title, one.origin) for one in found)


async def made_files(tx: Tx, ids: Sequence[UUID]) -> tuple[MadeFile, ...]:
    """The files that a run had made."""
    made = []
    for one in ids:
        try:
            file = await sources.get_artifact(tx, one)
        except NotFound:
            continue
        made.append(MadeFile(file.id, file.name, file.media_type, file.size_bytes, file.release_state))
    return tuple(made)


async def decisions_about(
    tx: Tx, *, run_id: UUID | None = None, tool_call_id: UUID | None = None, subject_id: UUID | None = None
) -> tuple[ModelDecision, ...]:
    """What models decided about something, oldest first."""
    found = await modelrouter.list_decisions(tx, run_id=run_id, tool_call_id=tool_call_id, subject_id=subject_id)
    return tuple(map(model_decision, found))


def model_decision(one: modelrouter.ModelDecision) -> ModelDecision:
    """One decision."""
    verdict = one.verdict or {}
    findings = [*verdict.get("dangers", ()), *verdict.get("faults", ())]
    return ModelDecision(
        id=one.id,
        route=one.route,
        outcome=one.outcome,
        failure=one.failure or "",
        score=one.score,
        reasons=one.reasons,
        findings=tuple(map(str, findings)),
        model=one.model,
        provider=one.provider,
        input_sha256=one.input_sha256,
        at=one.created_at,
        tool_call_id=one.tool_call_id,
    )
