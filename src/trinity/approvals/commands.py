"""Asking for decisions and taking them. The caller holds the ToolCall's lock."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.errors import UniqueViolation

from trinity import audit
from trinity.accounts import Member, Permission, may
from trinity.approvals.queries import ApprovalRequest
from trinity.errors import Refused
from trinity.kit.actor import Actor
from trinity.kit.canonical import canonical_bytes, digest_hex, is_text, rfc3339
from trinity.kit.envelope import Envelope, Mode
from trinity.kit.ids import uuid7
from trinity.policy.claim import STATEMENT_SCHEMA
from trinity.store.database import Tx

REASON_MAX = 2_000


@dataclass(frozen=True, slots=True)
class NewDecision:
    """What a person says: `approve` or `reject` of the digest that this person saw."""

    decision: str
    envelope_digest: str
    reason: str = ""


async def open_request(tx: Tx, envelope: Envelope, expires_at: datetime, now: datetime) -> UUID:
    """Ask people about one envelope."""
    request_id = uuid7(now)
    await tx.execute(
        """
        insert into approval_requests (account_id, id, tool_call_id, envelope_digest, quorum, state, created_at, expires_at)
        values (%(a)s, %(id)s, %(call)s, %(digest)s, %(quorum)s, 'pending', %(now)s, %(expires)s)
        """,
        {
            "a": tx.account_id,
            "id": request_id,
            "call": UUID(envelope.tool_call_id),
            "digest": envelope.digest,
            "quorum": envelope.quorum,
            "now": now,
            "expires": expires_at,
        },
    )
    tx.notify("approvals")
    return request_id


async def decide(
    tx: Tx, request: ApprovalRequest, envelope: Envelope, member: Member, new: NewDecision, now: datetime
) -> str:
    """Take one person's decision. Returns the request's new state; every other outcome is `Refused` with a code."""
    _check(request, envelope, member, new, now)
    statement = canonical_bytes(
        {
            "schema": STATEMENT_SCHEMA,
            "account_id": str(tx.account_id),
            "request_id": str(request.id),
            "tool_call_id": str(request.tool_call_id),
            "envelope_digest": new.envelope_digest,
            "decision": new.decision,
            "approver_id": str(member.user_id),
            "role": member.role,
            "reason_sha256": digest_hex(new.reason.encode()),
            "issued_at": rfc3339(now),
            "expires_at": rfc3339(request.expires_at),
            "nonce": secrets.token_hex(16),
        }
    )
    try:
        await tx.execute(
            """
            insert into approval_decisions (account_id, id, request_id, approver_id, decision, reason, statement, decided_at)
            values (%(a)s, %(id)s, %(request)s, %(by)s, %(decision)s, %(reason)s, %(statement)s, %(now)s)
            """,
            {
                "a": tx.account_id,
                "id": uuid7(now),
                "request": request.id,
                "by": member.user_id,
                "decision": new.decision,
                "reason": new.reason,
                "statement": statement,
                "now": now,
            },
        )
    except UniqueViolation as error:
        raise Refused("already_decided", "You have decided on this already.") from error
    state = await _state_after(tx, request, new)
    if state != "pending":
        await _set_state(tx, request.id, state, now)
    actor = Actor(tx.account_id, "user", str(member.user_id))
    facts = {
        "decision": new.decision,
        "envelope_digest": new.envelope_digest,
        "statement_sha256": digest_hex(statement),
    }
    await audit.record(tx, actor, "approval.decided", ("tool_call", request.tool_call_id), now, facts)
    tx.notify("approvals", f"call:{request.tool_call_id}")
    return state


async def revoke(tx: Tx, request: ApprovalRequest, actor: Actor, now: datetime) -> None:
    """Take an approval back, until it is claimed."""
    if request.state not in ("pending", "approved"):
        raise Refused("not_pending", f"This approval is {request.state}.")
    await _set_state(tx, request.id, "revoked", now)
    await audit.record(tx, actor, "approval.revoked", ("tool_call", request.tool_call_id), now, {})
    tx.notify("approvals", f"call:{request.tool_call_id}")


async def close_request(tx: Tx, tool_call_id: UUID, state: str, now: datetime) -> None:
    """End a request that nobody needs to decide any more: `expired`, `superseded`, `cancelled`."""
    await tx.execute(
        "update approval_requests set state = %(state)s, decided_at = coalesce(decided_at, %(now)s)"
        " where tool_call_id = %(call)s and state in ('pending', 'approved')",
        {"call": tool_call_id, "state": state, "now": now},
    )
    tx.notify("approvals")


def _check(request: ApprovalRequest, envelope: Envelope, member: Member, new: NewDecision, now: datetime) -> None:
    if new.decision not in ("approve", "reject"):
        raise Refused("invalid_decision", "A decision is `approve` or `reject`.", status=422)
    if len(new.reason) > REASON_MAX:
        raise Refused("too_long", f"A reason has at most {REASON_MAX} characters.", status=422)
    if not is_text(new.reason, new.envelope_digest):
        raise Refused("invalid_reason", "The reason holds a character that cannot be kept.", status=422)
    if not may(member.role, Permission.APPROVE):
        raise Refused("approver_required", "Only an approver or an owner decides.", status=403)
    if request.state in ("superseded", "expired"):
        raise Refused(request.state, f"This request is {request.state}.")
    if request.state in ("approved", "rejected", "spent"):
        raise Refused("already_decided", f"This request is {request.state} already.")
    if request.state != "pending":
        raise Refused("not_pending", f"This request is {request.state}.")
    if now >= request.expires_at:
        raise Refused("expired", "This request has expired.")
    if new.envelope_digest != request.envelope_digest:
        raise Refused("digest_mismatch", "What you saw is not what stands here now. Read it again.")
    if new.decision == "approve" and envelope.requester == {"kind": "user", "id": str(member.user_id)}:
        raise Refused("requester_cannot_approve", "Somebody else must approve what you asked for.", status=403)
    if new.decision == "approve" and envelope.mode != Mode.SANDBOX:
        raise Refused("passkey_required", "A live endpoint needs an approval signed with a passkey.", status=403)


async def _state_after(tx: Tx, request: ApprovalRequest, new: NewDecision) -> str:
    if new.decision == "reject":
        return "rejected"
    count = await tx.value(
        "select count(distinct approver_id) from approval_decisions where request_id = %(id)s and decision = 'approve'",
        {"id": request.id},
    )
    return "approved" if count >= request.quorum else "pending"


async def _set_state(tx: Tx, request_id: UUID, state: str, now: datetime) -> None:
    await tx.execute(
        "update approval_requests set state = %(state)s, decided_at = %(now)s where id = %(id)s",
        {"id": request_id, "state": state, "now": now},
    )
