"""Reading approvals."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity.errors import NotFound
from trinity.store.database import Tx

PAGE_MAX = 200
_SELECT = """
    select r.id, r.tool_call_id, r.envelope_digest, r.quorum, r.state, r.created_at, r.expires_at, r.decided_at,
           r.spent_at, t.operation, t.tier, t.run_id, t.project_id, p.name as project_name
    from approval_requests r
    join tool_calls t on t.account_id = r.account_id and t.id = r.tool_call_id
    join projects p on p.account_id = t.account_id and p.id = t.project_id
"""


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """A question to people about one envelope."""

    id: UUID
    tool_call_id: UUID
    envelope_digest: str
    quorum: int
    state: str
    created_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    spent_at: datetime | None
    operation: str
    tier: str
    run_id: UUID | None
    project_id: UUID
    project_name: str


@dataclass(frozen=True, slots=True)
class DecisionMade:
    """One person's decision with the canonical statement that stands for it."""

    id: UUID
    approver_id: UUID
    approver_name: str
    decision: str
    reason: str
    statement: bytes
    assertion: bytes | None
    decided_at: datetime


async def get_request(tx: Tx, request_id: UUID) -> ApprovalRequest:
    """One request, or `NotFound`."""
    row = await tx.one(f"{_SELECT} where r.id = %(id)s", {"id": request_id})
    if row is None:
        raise NotFound("approval")
    return ApprovalRequest(**row)


async def list_requests(tx: Tx, *, state: str | None = None, limit: int = 50) -> list[ApprovalRequest]:
    """Requests, newest first, optionally in one state."""
    rows = await tx.all(
        f"{_SELECT} where (%(state)s::text is null or r.state = %(state)s) order by r.id desc limit %(limit)s",
        {"state": state, "limit": min(limit, PAGE_MAX)},
    )
    return [ApprovalRequest(**row) for row in rows]


async def list_decisions(tx: Tx, request_id: UUID) -> list[DecisionMade]:
    """What people decided on a request, in order."""
    rows = await tx.all(
        f"""
        select d.id, d.approver_id, coalesce(u.name, 'a former member') as approver_name, d.decision, d.reason,
               d.statement, d.assertion, d.decided_at
        from approval_decisions d left join users u on u.id = d.approver_id
        where d.request_id = %(id)s order by d.id limit {PAGE_MAX}
        """,
        {"id": request_id},
    )
    return [DecisionMade(**row) for row in rows]
