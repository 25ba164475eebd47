"""Money: offers, checkouts, customers, orders, refunds, disputes, payouts, Stripe's events, the ledger."""

from alembic import op

from trinity.store.migrations.shape import references, tenant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Lay everything down; each step is one short statement."""
    _selling()
    _orders()
    _money_back()
    _ledger()
    _webhooks()


def _selling() -> None:
    tenant(
        "offers",
        f"""project_id uuid not null, slug text not null, title text not null, summary text not null,
        amount_minor bigint not null check (amount_minor > 0), currency text not null,
        state text not null check (state in ('draft', 'published', 'archived')), created_at timestamptz not null,
        unique (account_id, slug), {references("project_id", "projects")}""",
        changeable="title, summary, amount_minor, currency, state",
    )
    tenant(
        "checkout_sessions",
        f"""project_id uuid not null, offer_id uuid not null, contact_id uuid not null, deal_id uuid, tool_call_id uuid,
        token_sha256 bytea not null unique, intake_text text not null, website text not null default '',
        amount_minor bigint not null, currency text not null, provider_session_id text, url text,
        state text not null check (state in ('preparing', 'open', 'processing', 'completed', 'expired', 'failed')),
        created_at timestamptz not null, changed_at timestamptz not null, unique (account_id, provider_session_id),
        {references("project_id", "projects")}, {references("offer_id", "offers")},
        {references("contact_id", "contacts")}, {references("deal_id", "deals")}""",
        changeable="tool_call_id, provider_session_id, url, state, changed_at",
    )
    op.execute("create index on checkout_sessions (account_id, contact_id)")
    tenant(
        "customers",
        f"""contact_id uuid not null, provider_customer_id text, created_at timestamptz not null,
        unique (account_id, contact_id), {references("contact_id", "contacts")}""",
        changeable="provider_customer_id",
    )


def _orders() -> None:
    tenant(
        "orders",
        f"""number integer not null, project_id uuid not null, offer_id uuid not null, customer_id uuid not null,
        contact_id uuid not null, deal_id uuid, checkout_id uuid not null, payment_intent_id text, charge_id text,
        state text not null check (state in
            ('paid', 'fulfilled', 'partially_refunded', 'refunded', 'disputed', 'dispute_lost')),
        amount_minor bigint not null, currency text not null,
        refunded_minor bigint not null check (refunded_minor between 0 and amount_minor),
        paid_at timestamptz not null, created_at timestamptz not null, unique (account_id, number),
        unique (account_id, checkout_id), unique (account_id, payment_intent_id),
        {references("project_id", "projects")}, {references("offer_id", "offers")},
        {references("customer_id", "customers")}, {references("contact_id", "contacts")},
        {references("deal_id", "deals")}, {references("checkout_id", "checkout_sessions")}""",
        changeable="charge_id, state, refunded_minor",
    )
    op.execute("create index on orders (account_id, contact_id)")
    op.execute("create index on orders (account_id, charge_id)")
    tenant(
        "order_intakes",
        f"""order_id uuid not null, source_id uuid, website text not null default '', created_at timestamptz not null,
        unique (account_id, order_id), {references("order_id", "orders")}, {references("source_id", "sources")}""",
    )
    tenant(
        "fulfilments",
        f"""order_id uuid not null, run_id uuid, artifact_id uuid, tool_call_id uuid,
        state text not null check (state in ('awaiting', 'prepared', 'delivered', 'cancelled')),
        created_at timestamptz not null, delivered_at timestamptz, unique (account_id, order_id),
        {references("order_id", "orders")}""",
        changeable="run_id, artifact_id, tool_call_id, state, delivered_at",
    )
    tenant(
        "revenue_events",
        f"""order_id uuid, kind text not null, provider_id text not null, amount_minor bigint not null,
        currency text not null, facts jsonb not null, created_at timestamptz not null,
        unique (account_id, kind, provider_id), {references("order_id", "orders")}""",
    )
    op.execute("create index on revenue_events (account_id, order_id, id)")


def _money_back() -> None:
    tenant(
        "refunds",
        f"""order_id uuid not null, provider_refund_id text not null, tool_call_id uuid,
        amount_minor bigint not null check (amount_minor > 0), currency text not null,
        state text not null check (state in ('pending', 'requires_action', 'succeeded', 'failed', 'canceled')),
        created_at timestamptz not null, changed_at timestamptz not null, unique (account_id, provider_refund_id),
        {references("order_id", "orders")}""",
        changeable="tool_call_id, state, changed_at",
    )
    op.execute("create index on refunds (account_id, order_id)")
    tenant(
        "disputes",
        f"""order_id uuid, provider_dispute_id text not null, charge_id text not null, amount_minor bigint not null,
        currency text not null, reason text not null, state text not null, created_at timestamptz not null,
        changed_at timestamptz not null, unique (account_id, provider_dispute_id),
        {references("order_id", "orders")}""",
        changeable="order_id, amount_minor, reason, state, changed_at",
    )
    op.execute("create index on disputes (account_id, order_id)")
    tenant(
        "payouts",
        """provider_payout_id text not null, amount_minor bigint not null, currency text not null, state text not null,
        arrives_at timestamptz, created_at timestamptz not null, changed_at timestamptz not null,
        unique (account_id, provider_payout_id)""",
        changeable="state, arrives_at, changed_at",
    )


def _ledger() -> None:
    tenant(
        "ledger_accounts",
        """code text not null check (code in
            ('stripe', 'bank', 'sales', 'refunds', 'disputes', 'fees', 'adjustments')),
        currency text not null, created_at timestamptz not null, unique (account_id, code, currency),
        unique (account_id, id, currency)""",
    )
    same = "references ledger_accounts (account_id, id, currency)"
    tenant(
        "ledger_transfers",
        f"""debit_id uuid not null, credit_id uuid not null, amount_minor bigint not null check (amount_minor > 0),
        currency text not null, kind text not null, txn_id text not null, source_id text not null, order_id uuid,
        happened_at timestamptz not null, created_at timestamptz not null, unique (account_id, txn_id, kind),
        foreign key (account_id, debit_id, currency) {same}, foreign key (account_id, credit_id, currency) {same},
        check (debit_id <> credit_id), {references("order_id", "orders")}""",
    )
    op.execute("create index on ledger_transfers (account_id, order_id)")


def _webhooks() -> None:
    tenant(
        "stripe_events",
        """provider_event_id text not null, type text not null, api_version text not null default '',
        object_id text not null default '', raw bytea not null,
        outcome text not null check (outcome in ('received', 'processed', 'ignored', 'failed')),
        detail text not null default '', happened_at timestamptz not null, received_at timestamptz not null,
        processed_at timestamptz, unique (account_id, provider_event_id)""",
        changeable="outcome, detail, processed_at",
    )
    op.execute("create index on stripe_events (account_id, outcome, id)")
    tenant(
        "stripe_syncs",
        """object_id text not null, n bigint not null, changed_at timestamptz not null,
        unique (account_id, object_id)""",
        changeable="n, changed_at",
    )
    tenant(
        "webhook_refusals",
        """provider text not null, reason text not null, body_sha256 text not null, size_bytes integer not null,
        created_at timestamptz not null""",
    )
