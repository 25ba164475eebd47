"""Tables of approval requests and the decisions that people took on them."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, UniqueConstraint, Uuid

from trinity.store.schema import blob, key, moment, same_account, tenant_table, text

STATES = ("pending", "approved", "rejected", "expired", "superseded", "cancelled", "revoked", "spent")

approval_requests = tenant_table(
    "approval_requests",
    key("tool_call_id"),
    text("envelope_digest"),
    Column("quorum", Integer(), nullable=False),
    text("state"),
    moment("created_at"),
    moment("expires_at"),
    moment("decided_at", is_optional=True),
    moment("spent_at", is_optional=True),
    same_account("tool_call_id", "tool_calls"),
    UniqueConstraint("account_id", "tool_call_id"),
    CheckConstraint(f"state in {STATES}", name="state"),
    Index(None, "account_id", "state", "id"),
)

approval_decisions = tenant_table(
    "approval_decisions",
    key("request_id"),
    Column("approver_id", Uuid(), ForeignKey("users.id"), nullable=False),
    text("decision"),
    text("reason", default=""),
    blob("statement"),
    blob("assertion", is_optional=True),
    moment("decided_at"),
    same_account("request_id", "approval_requests"),
    UniqueConstraint("account_id", "request_id", "approver_id"),
    CheckConstraint("decision in ('approve', 'reject')", name="decision"),
)
