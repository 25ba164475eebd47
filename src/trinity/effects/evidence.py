"""Which calls belong to runs and to the things that they are about."""

from dataclasses import dataclass
from uuid import UUID

from trinity.store.database import Tx


@dataclass(frozen=True, slots=True)
class About:
    """A call, and what it is about: an order, a checkout, a conversation, or nothing of ours."""

    id: UUID
    subject_id: UUID | None


async def calls_about(
    tx: Tx, *, run_ids: list[UUID], subject_ids: list[UUID], ids: list[UUID], limit: int
) -> list[About]:
    """The calls of some runs, about some subjects, and with some ids, oldest first."""
    rows = await tx.all(
        """
        select id, subject_id from tool_calls
        where run_id = any(%(runs)s) or subject_id = any(%(subjects)s) or id = any(%(ids)s)
        order by id limit %(limit)s
        """,
        {"runs": run_ids, "subjects": subject_ids, "ids": ids, "limit": limit},
    )
    return [About(**row) for row in rows]
