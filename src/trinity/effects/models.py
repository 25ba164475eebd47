"""Tables of effects: the ToolCall, its envelope, the steps taken and what the provider said."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB

from trinity.store.schema import blob, key, moment, same_account, tenant_table, text

STATES = (
    "proposed",
    "awaiting_approval",
    "ready",
    "executing",
    "succeeded",
    "failed",
    "in_doubt",
    "denied",
    "rejected",
    "expired",
    "superseded",
    "cancelled",
)
ENDS = ("succeeded", "failed", "denied", "rejected", "expired", "superseded", "cancelled")
PROOF_STATES = ("verified", "pending_receipt", "degraded", "manual_review_required", "failed", "missing")

tool_calls = tenant_table(
    "tool_calls",
    key("project_id"),
    key("run_id", is_optional=True),
    key("integration_id"),
    key("subject_id", is_optional=True),
    Column("amount_minor", BigInteger(), nullable=True),
    text("provider"),
    text("operation"),
    text("tier"),
    text("idempotency_key"),
    text("envelope_digest"),
    text("state"),
    text("proof_state"),
    Column("reasons", JSONB(), nullable=False, server_default="[]"),
    Column("act_n", Integer(), nullable=False, server_default="1"),
    Column("lease_epoch", Integer(), nullable=False, server_default="0"),
    Column("looks", Integer(), nullable=False, server_default="0"),
    moment("lease_expires_at", is_optional=True),
    moment("not_before", is_optional=True),
    moment("expires_at"),
    key("supersedes_id", is_optional=True),
    text("requester_kind"),
    text("requester_id"),
    text("agent_reason", default=""),
    moment("created_at"),
    moment("settled_at", is_optional=True),
    same_account("project_id", "projects"),
    same_account("run_id", "runs"),
    same_account("integration_id", "integrations"),
    CheckConstraint(f"state in {STATES}", name="state"),
    CheckConstraint(f"proof_state in {PROOF_STATES}", name="proof_state"),
    CheckConstraint("(state = 'executing') <= (lease_expires_at is not null)", name="executing_has_lease"),
    Index(None, "account_id", "state"),
    Index(None, "account_id", "run_id"),
    Index(None, "account_id", "subject_id"),
    Index(None, "account_id", "id", postgresql_where=sql("proof_state = 'pending_receipt'")),
    is_partitioned=True,
)

envelopes = tenant_table(
    "envelopes",
    text("digest"),
    blob("canonical"),
    blob("payload"),
    blob("salt"),
    blob("typed_payload"),
    moment("created_at"),
    same_account("id", "tool_calls"),
    is_partitioned=True,
)

idempotency_keys = tenant_table(
    "idempotency_keys",
    key("project_id"),
    text("operation"),
    text("idempotency_key"),
    text("typed_digest"),
    moment("created_at"),
    same_account("project_id", "projects"),
    UniqueConstraint("account_id", "idempotency_key"),
)

attempts = tenant_table(
    "attempts",
    key("tool_call_id"),
    Column("act_n", Integer(), nullable=False),
    Column("lease_epoch", Integer(), nullable=False),
    Column("step_n", Integer(), nullable=False),
    text("step"),
    Column("intent", JSONB(), nullable=False),
    moment("started_at"),
    text("outcome", is_optional=True),
    Column("result", JSONB(), nullable=True),
    blob("raw", is_optional=True),
    moment("finished_at", is_optional=True),
    same_account("tool_call_id", "tool_calls"),
    Index(None, "account_id", "tool_call_id", "id"),
    is_partitioned=True,
)

receipts = tenant_table(
    "receipts",
    key("tool_call_id"),
    text("kind"),
    Column("facts", JSONB(), nullable=False),
    blob("raw"),
    text("sha256"),
    moment("created_at"),
    same_account("tool_call_id", "tool_calls"),
    Index(None, "account_id", "tool_call_id", "id"),
    is_partitioned=True,
)
