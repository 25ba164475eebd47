"""The people we deal with: public addresses of accounts, guests, companies, contacts, deals, leads, threads."""

from alembic import op

from trinity.store.migrations.shape import look_up, references, tenant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Lay everything down; each step is one short statement."""
    _public_addresses()
    _people()
    _conversations()


def _public_addresses() -> None:
    op.execute("alter table accounts add slug text")
    op.execute("update accounts set slug = 'a-' || replace(id::text, '-', '')")
    op.execute("alter table accounts alter slug set not null")
    op.execute("alter table accounts add constraint accounts_slug_key unique (slug)")
    op.execute("alter table accounts add constraint accounts_slug_check check (slug ~ '^[a-z0-9][a-z0-9-]{1,62}$')")
    op.execute("grant select (slug) on accounts to trinity_definer")
    look_up("trinity_account_of_slug", "text", "select id from accounts where slug = wanted")
    tenant(
        "sponsor_domains",
        f"""project_id uuid not null, domain text not null, created_at timestamptz not null, revoked_at timestamptz,
        unique (account_id, project_id, domain), {references("project_id", "projects")}""",
        changeable="revoked_at",
    )
    tenant(
        "guests",
        f"""project_id uuid not null, email text not null, token_sha256 bytea not null unique,
        created_at timestamptz not null, expires_at timestamptz not null, revoked_at timestamptz,
        {references("project_id", "projects")}""",
        changeable="revoked_at",
    )
    op.execute("grant select (account_id, token_sha256) on guests to trinity_definer")
    op.execute("create policy look_up on guests for select to trinity_definer using (true)")
    look_up("trinity_account_of_guest", "bytea", "select account_id from guests where token_sha256 = wanted")


def _people() -> None:
    tenant(
        "companies",
        """name text not null, domain text, website text, created_at timestamptz not null,
        unique (account_id, domain)""",
        changeable="name, website",
    )
    tenant(
        "contacts",
        f"""email text not null check (email = lower(email)), name text not null, company_id uuid,
        state text not null default 'active' check (state in ('active', 'bounced')), created_at timestamptz not null,
        unique (account_id, email), {references("company_id", "companies")}""",
        changeable="name, company_id, state",
    )
    op.execute("create index on contacts (account_id, company_id)")
    tenant(
        "deals",
        f"""project_id uuid not null, contact_id uuid not null, company_id uuid, title text not null,
        stage text not null check (stage in ('new', 'qualified', 'proposal', 'won', 'lost')), amount_minor bigint,
        currency text, created_at timestamptz not null, changed_at timestamptz not null,
        {references("project_id", "projects")}, {references("contact_id", "contacts")},
        {references("company_id", "companies")}""",
        changeable="company_id, title, stage, amount_minor, currency, changed_at",
    )
    op.execute("create index on deals (account_id, contact_id)")
    op.execute("create index on deals (account_id, stage, id)")
    tenant(
        "leads",
        f"""project_id uuid not null, contact_id uuid not null, deal_id uuid, source_id uuid, origin text not null,
        website text not null default '',
        state text not null check (state in ('new', 'qualified', 'disqualified', 'customer')),
        created_at timestamptz not null, {references("project_id", "projects")},
        {references("contact_id", "contacts")}, {references("deal_id", "deals")}, {references("source_id", "sources")}""",
        changeable="deal_id, state",
    )
    op.execute("create index on leads (account_id, contact_id)")


def _conversations() -> None:
    tenant(
        "threads",
        f"""project_id uuid not null, contact_id uuid, integration_id uuid not null, provider_thread_id text not null,
        subject text not null, state text not null check (state in ('open', 'waiting', 'answered', 'closed')),
        created_at timestamptz not null, last_at timestamptz not null,
        unique (account_id, integration_id, provider_thread_id), {references("project_id", "projects")},
        {references("contact_id", "contacts")}, {references("integration_id", "integrations")}""",
        changeable="contact_id, state, last_at",
    )
    op.execute("create index on threads (account_id, contact_id)")
    op.execute("create index on threads (account_id, last_at)")
    tenant(
        "thread_messages",
        f"""thread_id uuid not null, direction text not null check (direction in ('in', 'out')),
        kind text not null check (kind in ('mail', 'bounce', 'auto_reply')), provider_message_id text not null,
        wire_message_id text not null, reference_ids text[] not null, subject text not null, from_addr text not null,
        from_name text not null default '', source_id uuid, tool_call_id uuid,
        facts jsonb not null default '{{}}', sent_at timestamptz not null, created_at timestamptz not null,
        unique (account_id, thread_id, provider_message_id),
        {references("thread_id", "threads")}, {references("source_id", "sources")},
        {references("tool_call_id", "tool_calls")}""",
    )
    op.execute("create index on thread_messages (account_id, source_id)")
    op.execute("create index on thread_messages (account_id, tool_call_id)")
    op.execute("create index on thread_messages (account_id, provider_message_id)")
    op.execute("create index on thread_messages (account_id, wire_message_id)")
    tenant(
        "activities",
        f"""contact_id uuid not null, kind text not null, subject_kind text not null, subject_id uuid,
        facts jsonb not null, created_at timestamptz not null, {references("contact_id", "contacts")}""",
    )
    op.execute("create index on activities (account_id, contact_id, id)")
