"""What models decided, as a proof packet holds it: with the provider's own bytes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from trinity.store.database import Tx

RECORDS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One attempt at a decision, the failed ones too."""

    id: UUID
    run_id: UUID | None
    tool_call_id: UUID | None
    subject_id: UUID | None
    route: str
    provider: str
    model: str
    input_sha256: str
    request_sha256: str
    response: bytes
    verdict: dict[str, Any] | None
    outcome: str
    failure: str | None
    created_at: datetime


async def decision_records(
    tx: Tx, *, run_ids: list[UUID], call_ids: list[UUID], subject_ids: list[UUID]
) -> list[DecisionRecord]:
    """Every decision about some runs, calls or other subjects, oldest first."""
    rows = await tx.all(
        f"""
        select id, run_id, tool_call_id, subject_id, route, provider, model, input_sha256, request_sha256, response,
               verdict, outcome, failure, created_at
        from model_decisions
        where run_id = any(%(runs)s) or tool_call_id = any(%(calls)s) or subject_id = any(%(subjects)s)
        order by id limit {RECORDS_MAX}
        """,
        {"runs": run_ids, "calls": call_ids, "subjects": subject_ids},
    )
    return [DecisionRecord(**row | {"response": bytes(row["response"])}) for row in rows]
