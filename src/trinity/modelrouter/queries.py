"""Reading what models decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from trinity.store.database import Row, Tx

PAGE_MAX = 200
AWAY = frozenset({"unavailable", "timed_out", "provider_failed", "no_answer"})
"""Failures that say nothing about the text: it is worth asking again."""

_SELECT = """
    select id, run_id, tool_call_id, subject_id, route, provider, model, input_sha256, request_sha256, response,
           verdict, outcome, failure, created_at
    from model_decisions
"""


@dataclass(frozen=True, slots=True)
class ModelDecision:
    """One attempt to have a model decide. `outcome` is `passed`, `blocked` or `failed`; the last has a `failure` code."""

    id: UUID
    run_id: UUID | None
    tool_call_id: UUID | None
    subject_id: UUID | None
    route: str
    provider: str
    model: str
    input_sha256: str
    request_sha256: str
    response: bytes = field(repr=False)
    verdict: Mapping[str, Any] | None
    outcome: str
    failure: str | None
    created_at: datetime

    @property
    def is_away(self) -> bool:
        """Whether nobody has decided, because the endpoint was not there for us."""
        return self.failure in AWAY

    @property
    def reasons(self) -> tuple[str, ...]:
        """The model's own words, for people to read. They are never acted upon."""
        found = (self.verdict or {}).get("reasons", ())
        return tuple(map(str, found)) if isinstance(found, list) else ()

    @property
    def score(self) -> int | None:
        """The number, where the route gives one."""
        found = (self.verdict or {}).get("score")
        return found if isinstance(found, int) else None


async def list_decisions(
    tx: Tx, *, run_id: UUID | None = None, tool_call_id: UUID | None = None, subject_id: UUID | None = None
) -> list[ModelDecision]:
    """What was decided about a run, a call or another subject, oldest first; each given id narrows."""
    assert run_id or tool_call_id or subject_id, "decisions are asked for by what they are about"
    rows = await tx.all(
        f"""{_SELECT} where (%(run)s::uuid is null or run_id = %(run)s)
            and (%(call)s::uuid is null or tool_call_id = %(call)s)
            and (%(subject)s::uuid is null or subject_id = %(subject)s)
            order by id desc limit {PAGE_MAX}""",
        {"run": run_id, "call": tool_call_id, "subject": subject_id},
    )
    return [_decision(row) for row in reversed(rows)]


async def standing(tx: Tx, tool_call_id: UUID, route: str, input_sha256: str) -> ModelDecision | None:
    """What stands about exactly this input: the first no if there is one, else the newest word; None if none was said.

    A no is not asked away: however often a model is asked again about the same bytes, its first no stays.
    """
    row = await tx.one(
        f"""{_SELECT} where tool_call_id = %(call)s and route = %(route)s and input_sha256 = %(input)s
            order by outcome = 'blocked' desc, outcome = 'passed' desc, id desc limit 1""",
        {"call": tool_call_id, "route": route, "input": input_sha256},
    )
    return _decision(row) if row else None


async def passed(tx: Tx, tool_call_id: UUID, route: str, input_sha256: str) -> bool:
    """Whether exactly this input of this call has a yes of this route, and no no."""
    found = await standing(tx, tool_call_id, route, input_sha256)
    return found is not None and found.outcome == "passed"


async def newest_score(tx: Tx, subject_id: UUID) -> ModelDecision | None:
    """The newest number for a contact, an order or a lead: advice, and shown as that."""
    row = await tx.one(
        f"{_SELECT} where subject_id = %(subject)s and route = 'score' and outcome = 'passed' order by id desc limit 1",
        {"subject": subject_id},
    )
    return _decision(row) if row else None


def _decision(row: Row) -> ModelDecision:
    return ModelDecision(**row | {"response": bytes(row["response"])})
