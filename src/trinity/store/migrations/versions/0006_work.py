"""The work on an order: files, model decisions, runs that follow from payments, checks of providers."""

from alembic import op

from trinity.store.migrations.shape import references, tenant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WAITING = "state in ('available', 'scheduled', 'executing', 'retryable')"
"""As is asked before an integration gets one more job."""


def upgrade() -> None:
    """Lay everything down; each step is one short statement."""
    _runs()
    _content()
    _providers()
    op.execute("alter table packets drop constraint packets_kind_check")
    op.execute("alter table packets add check (kind in ('run', 'tool_call', 'order'))")


def _runs() -> None:
    op.execute("alter table runs alter started_by drop not null")
    op.execute(
        "alter table runs add kind text not null default 'outreach'"
        " check (kind in ('outreach', 'acquisition', 'reply'))"
    )
    op.execute("alter table runs drop constraint runs_state_check")
    op.execute(
        "alter table runs add check (state in"
        " ('held', 'queued', 'running', 'waiting', 'completed', 'failed', 'stopped'))"
    )
    columns = {"contact_id": "contacts", "order_id": "orders", "thread_id": "threads", "held_for_id": "sources"}
    for column, table in columns.items():
        op.execute(f"alter table runs add {column} uuid")
        op.execute(f"alter table runs add {references(column, table)}")
    op.execute("create index on runs (account_id, order_id)")
    op.execute("create unique index runs_one_an_order_idx on runs (account_id, order_id) where kind = 'acquisition'")
    op.execute(
        "create unique index runs_one_a_thread_idx on runs (account_id, thread_id)"
        " where kind = 'reply' and state in ('held', 'queued', 'running', 'waiting')"
    )
    op.execute("create index on runs (account_id, held_for_id)")
    op.execute("alter table tool_calls add subject_id uuid")
    op.execute("alter table tool_calls add amount_minor bigint")
    op.execute("create index on tool_calls (account_id, subject_id)")


def _content() -> None:
    op.execute("alter table sources add contact_id uuid")
    op.execute(f"alter table sources add {references('contact_id', 'contacts')}")
    tenant(
        "artifacts",
        f"""project_id uuid not null, contact_id uuid, run_id uuid, source_id uuid,
        origin text not null check (origin in
            ('operator', 'public_form', 'inbound_mail', 'attachment', 'web', 'crm', 'agent')),
        name text not null, media_type text not null, sha256 text not null, size_bytes bigint not null,
        scan_state text not null check (scan_state in ('not_scanned', 'clean', 'infected')),
        release_state text not null check (release_state in ('quarantined', 'released', 'rejected')),
        decided_by uuid references users, decided_at timestamptz, created_at timestamptz not null,
        {references("project_id", "projects")}, {references("contact_id", "contacts")},
        {references("run_id", "runs")}, {references("source_id", "sources")}""",
        changeable="release_state, decided_by, decided_at, source_id",
    )
    op.execute("create index on artifacts (account_id, project_id, id)")
    op.execute("create index on artifacts (account_id, run_id)")
    tenant(
        "model_decisions",
        f"""run_id uuid, tool_call_id uuid, subject_id uuid,
        route text not null check (route ~ '^[a-z_]{{1,40}}$'), provider text not null,
        model text not null, input_sha256 text not null, request_sha256 text not null, response bytea not null,
        verdict jsonb, outcome text not null check (outcome in ('passed', 'blocked', 'failed')), failure text,
        created_at timestamptz not null, check ((outcome = 'failed') = (failure is not null)),
        {references("run_id", "runs")}, {references("tool_call_id", "tool_calls")}""",
    )
    for column in ("run_id", "tool_call_id", "subject_id"):
        op.execute(f"create index on model_decisions (account_id, {column}, id)")


def _providers() -> None:
    op.execute("alter table integrations add check (provider in ('gmail', 'stripe', 'smtp'))")
    tenant(
        "webhook_secrets",
        f"""integration_id uuid not null, nonce bytea not null, sealed bytea not null, created_at timestamptz not null,
        retired_at timestamptz, {references("integration_id", "integrations")}""",
        changeable="retired_at",
    )
    op.execute("create index on webhook_secrets (account_id, integration_id)")
    tenant(
        "cursors",
        f"""integration_id uuid not null, name text not null, value text not null, changed_at timestamptz not null,
        unique (account_id, integration_id, name), {references("integration_id", "integrations")}""",
        changeable="value, changed_at",
    )
    tenant(
        "provider_checks",
        f"""integration_id uuid not null, name text not null,
        state text not null check (state in ('ok', 'failing', 'unknown')), detail text not null,
        checked_at timestamptz not null, unique (account_id, integration_id, name),
        {references("integration_id", "integrations")}""",
        changeable="state, detail, checked_at",
    )
    op.execute(f"create index oban_jobs_integration_id_idx on oban_jobs ((args->>'integration_id')) where {WAITING}")
