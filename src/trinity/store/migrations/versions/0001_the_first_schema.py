"""The first schema: every table, with its checks and references.

What nobody may reach and who may do what follows in 0002; Oban's own tables in 0003.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("accounts_pkey")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("email = lower(email)", name=op.f("users_email_lower_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("users_pkey")),
        sa.UniqueConstraint("email", name=op.f("users_email_key")),
    )
    op.create_table(
        "audit_events",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.Column("private", sa.LargeBinary(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("audit_events_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("audit_events_pkey")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index(
        op.f("audit_events_account_id_subject_id_id_idx"),
        "audit_events",
        ["account_id", "subject_id", "id"],
        unique=False,
    )
    op.create_table(
        "incidents",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("severity in ('warning', 'critical')", name=op.f("incidents_severity_check")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("incidents_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("incidents_pkey")),
    )
    op.create_table(
        "integrations",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("aliases", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state in ('ready', 'suspended', 'disconnected')", name=op.f("integrations_state_check")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("integrations_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("integrations_pkey")),
        sa.UniqueConstraint(
            "account_id", "provider", "address", name=op.f("integrations_account_id_provider_address_key")
        ),
    )
    op.create_table(
        "memberships",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("role in ('owner', 'approver', 'operator', 'auditor')", name=op.f("memberships_role_check")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("memberships_account_id_fkey")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("memberships_user_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "user_id", name=op.f("memberships_pkey")),
    )
    op.create_index(op.f("memberships_user_id_idx"), "memberships", ["user_id"], unique=False)
    op.create_table(
        "packets",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind in ('run', 'tool_call')", name=op.f("packets_kind_check")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("packets_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("packets_pkey")),
    )
    op.create_index(
        op.f("packets_account_id_kind_subject_id_id_idx"),
        "packets",
        ["account_id", "kind", "subject_id", "id"],
        unique=False,
    )
    op.create_table(
        "postures",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("mode in ('live', 'draft_only', 'read_only', 'hold')", name=op.f("postures_mode_check")),
        sa.CheckConstraint("scope = 'account'", name=op.f("postures_scope_check")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("postures_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("postures_pkey")),
    )
    op.create_table(
        "integration_credentials",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "integration_id"],
            ["integrations.account_id", "integrations.id"],
            name=op.f("integration_credentials_account_id_integration_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("integration_credentials_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("integration_credentials_pkey")),
    )
    op.create_index(
        op.f("integration_credentials_account_id_integration_id_id_idx"),
        "integration_credentials",
        ["account_id", "integration_id", "id"],
        unique=False,
    )
    op.create_table(
        "projects",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("undo_window_s", sa.Integer(), nullable=False),
        sa.Column("integration_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("undo_window_s between 0 and 3600", name=op.f("projects_undo_window_check")),
        sa.ForeignKeyConstraint(
            ["account_id", "integration_id"],
            ["integrations.account_id", "integrations.id"],
            name=op.f("projects_account_id_integration_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("projects_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("projects_pkey")),
    )
    op.create_table(
        "sessions",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id", "user_id"],
            ["memberships.account_id", "memberships.user_id"],
            name=op.f("sessions_account_id_user_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("sessions_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("sessions_pkey")),
        sa.UniqueConstraint("token_sha256", name=op.f("sessions_token_sha256_key")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("typed_digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "project_id"],
            ["projects.account_id", "projects.id"],
            name=op.f("idempotency_keys_account_id_project_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("idempotency_keys_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("idempotency_keys_pkey")),
        sa.UniqueConstraint(
            "account_id", "idempotency_key", name=op.f("idempotency_keys_account_id_idempotency_key_key")
        ),
    )
    op.create_table(
        "runs",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("goal", sa.Text(), nullable=False),
        sa.Column("contact_addr", sa.Text(), nullable=True),
        sa.Column("contact_name", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("isolation", sa.Text(), nullable=True),
        sa.Column("package_sha256", sa.Text(), nullable=True),
        sa.Column("started_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('queued', 'running', 'waiting', 'completed', 'failed', 'stopped')",
            name=op.f("runs_state_check"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "project_id"],
            ["projects.account_id", "projects.id"],
            name=op.f("runs_account_id_project_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("runs_account_id_fkey")),
        sa.ForeignKeyConstraint(["started_by"], ["users.id"], name=op.f("runs_started_by_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("runs_pkey")),
    )
    op.create_index(op.f("runs_account_id_project_id_id_idx"), "runs", ["account_id", "project_id", "id"], unique=False)
    op.create_index(op.f("runs_account_id_state_idx"), "runs", ["account_id", "state"], unique=False)
    op.create_table(
        "sources",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("release_state", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "origin in ('operator', 'public_form', 'inbound_mail', 'attachment', 'web', 'crm', 'agent')",
            name=op.f("sources_origin_check"),
        ),
        sa.CheckConstraint(
            "release_state in ('quarantined', 'released', 'rejected')",
            name=op.f("sources_release_state_check"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "project_id"],
            ["projects.account_id", "projects.id"],
            name=op.f("sources_account_id_project_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("sources_account_id_fkey")),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name=op.f("sources_decided_by_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("sources_pkey")),
    )
    op.create_index(
        op.f("sources_account_id_project_id_id_idx"), "sources", ["account_id", "project_id", "id"], unique=False
    )
    op.create_table(
        "drafts",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "run_id"],
            ["runs.account_id", "runs.id"],
            name=op.f("drafts_account_id_run_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("drafts_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("drafts_pkey")),
    )
    op.create_index(op.f("drafts_account_id_run_id_id_idx"), "drafts", ["account_id", "run_id", "id"], unique=False)
    op.create_table(
        "run_events",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "run_id"],
            ["runs.account_id", "runs.id"],
            name=op.f("run_events_account_id_run_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("run_events_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("run_events_pkey")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index(
        op.f("run_events_account_id_run_id_id_idx"),
        "run_events",
        ["account_id", "run_id", "id"],
        unique=False,
    )
    op.create_table(
        "run_leases",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id", "run_id"],
            ["runs.account_id", "runs.id"],
            name=op.f("run_leases_account_id_run_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("run_leases_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("run_leases_pkey")),
        sa.UniqueConstraint("token_sha256", name=op.f("run_leases_token_sha256_key")),
    )
    op.create_index(op.f("run_leases_account_id_run_id_idx"), "run_leases", ["account_id", "run_id"], unique=False)
    op.create_table(
        "tool_calls",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("envelope_digest", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("proof_state", sa.Text(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("act_n", sa.Integer(), server_default="1", nullable=False),
        sa.Column("lease_epoch", sa.Integer(), server_default="0", nullable=False),
        sa.Column("looks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("supersedes_id", sa.Uuid(), nullable=True),
        sa.Column("requester_kind", sa.Text(), nullable=False),
        sa.Column("requester_id", sa.Text(), nullable=False),
        sa.Column("agent_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'executing') <= (lease_expires_at is not null)",
            name=op.f("tool_calls_executing_has_lease_check"),
        ),
        sa.CheckConstraint(
            "proof_state in ('verified', 'pending_receipt', 'degraded', 'manual_review_required', 'failed', 'missing')",
            name=op.f("tool_calls_proof_state_check"),
        ),
        sa.CheckConstraint(
            "state in ('proposed', 'awaiting_approval', 'ready', 'executing', 'succeeded', 'failed', 'in_doubt', 'denied', 'rejected', 'expired', 'superseded', 'cancelled')",
            name=op.f("tool_calls_state_check"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "integration_id"],
            ["integrations.account_id", "integrations.id"],
            name=op.f("tool_calls_account_id_integration_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "project_id"],
            ["projects.account_id", "projects.id"],
            name=op.f("tool_calls_account_id_project_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "run_id"],
            ["runs.account_id", "runs.id"],
            name=op.f("tool_calls_account_id_run_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("tool_calls_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("tool_calls_pkey")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index(
        op.f("tool_calls_account_id_id_idx"),
        "tool_calls",
        ["account_id", "id"],
        unique=False,
        postgresql_where=sa.text("proof_state = 'pending_receipt'"),
    )
    op.create_index(op.f("tool_calls_account_id_run_id_idx"), "tool_calls", ["account_id", "run_id"], unique=False)
    op.create_index(op.f("tool_calls_account_id_state_idx"), "tool_calls", ["account_id", "state"], unique=False)
    op.create_table(
        "approval_requests",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tool_call_id", sa.Uuid(), nullable=False),
        sa.Column("envelope_digest", sa.Text(), nullable=False),
        sa.Column("quorum", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("spent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('pending', 'approved', 'rejected', 'expired', 'superseded', 'cancelled', 'revoked', 'spent')",
            name=op.f("approval_requests_state_check"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "tool_call_id"],
            ["tool_calls.account_id", "tool_calls.id"],
            name=op.f("approval_requests_account_id_tool_call_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("approval_requests_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("approval_requests_pkey")),
        sa.UniqueConstraint("account_id", "tool_call_id", name=op.f("approval_requests_account_id_tool_call_id_key")),
    )
    op.create_index(
        op.f("approval_requests_account_id_state_id_idx"),
        "approval_requests",
        ["account_id", "state", "id"],
        unique=False,
    )
    op.create_table(
        "attempts",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tool_call_id", sa.Uuid(), nullable=False),
        sa.Column("act_n", sa.Integer(), nullable=False),
        sa.Column("lease_epoch", sa.Integer(), nullable=False),
        sa.Column("step_n", sa.Integer(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("intent", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id", "tool_call_id"],
            ["tool_calls.account_id", "tool_calls.id"],
            name=op.f("attempts_account_id_tool_call_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("attempts_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("attempts_pkey")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index(
        op.f("attempts_account_id_tool_call_id_id_idx"),
        "attempts",
        ["account_id", "tool_call_id", "id"],
        unique=False,
    )
    op.create_table(
        "envelopes",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("canonical", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("typed_payload", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "id"],
            ["tool_calls.account_id", "tool_calls.id"],
            name=op.f("envelopes_account_id_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("envelopes_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("envelopes_pkey")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_table(
        "receipts",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tool_call_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "tool_call_id"],
            ["tool_calls.account_id", "tool_calls.id"],
            name=op.f("receipts_account_id_tool_call_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("receipts_account_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("receipts_pkey")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index(
        op.f("receipts_account_id_tool_call_id_id_idx"),
        "receipts",
        ["account_id", "tool_call_id", "id"],
        unique=False,
    )
    op.create_table(
        "approval_decisions",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("approver_id", sa.Uuid(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.Column("assertion", sa.LargeBinary(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("decision in ('approve', 'reject')", name=op.f("approval_decisions_decision_check")),
        sa.ForeignKeyConstraint(
            ["account_id", "request_id"],
            ["approval_requests.account_id", "approval_requests.id"],
            name=op.f("approval_decisions_account_id_request_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("approval_decisions_account_id_fkey")),
        sa.ForeignKeyConstraint(["approver_id"], ["users.id"], name=op.f("approval_decisions_approver_id_fkey")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("approval_decisions_pkey")),
        sa.UniqueConstraint(
            "account_id",
            "request_id",
            "approver_id",
            name=op.f("approval_decisions_account_id_request_id_approver_id_key"),
        ),
    )
