"""Who may see and do what: partitions, row-level security, grants, look-ups that start without an account.

The lists below are the whole policy. A table that is in none of them is out of the app's reach, and a
start-up check refuses a tenant table without FORCEd row-level security.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

PARTITIONED = ("audit_events", "tool_calls", "envelopes", "attempts", "receipts", "run_events")
MONTHS_AHEAD = 3

HISTORY = (
    "accounts",
    "approval_decisions",
    "audit_events",
    "drafts",
    "envelopes",
    "idempotency_keys",
    "incidents",
    "memberships",
    "packets",
    "postures",
    "receipts",
    "run_events",
)
"""Insert and select only: the app can neither change nor delete what happened."""

CHANGEABLE = {
    "approval_requests": "state, decided_at, spent_at",
    "attempts": "outcome, result, raw, finished_at",
    "integrations": "state",
    "projects": "name, summary, undo_window_s, integration_id",
    "run_leases": "revoked_at",
    "runs": "state, outcome, isolation, package_sha256, started_at, finished_at",
    "sessions": "revoked_at",
    "sources": "release_state, decided_by, decided_at",
    "tool_calls": "state, proof_state, reasons, act_n, lease_epoch, lease_expires_at, looks, not_before, settled_at",
    "users": "name, password_hash, disabled_at",
}
"""Insert, select, and update of the named columns; nothing is ever deleted."""

ACCOUNT = "nullif(current_setting('trinity.account_id', true), '')::uuid"

DEFINER_READS = {
    "accounts": "id, created_at",
    "memberships": "account_id, user_id, created_at",
    "run_leases": "account_id, token_sha256",
    "sessions": "account_id, token_sha256",
    "users": "id, email",
}

LOOK_UPS = {
    "trinity_account_of_email(wanted text)": """
        select m.account_id from memberships m join users u on u.id = m.user_id
        where u.email = wanted order by m.created_at, m.account_id limit 1""",
    "trinity_account_of_session(wanted bytea)": "select account_id from sessions where token_sha256 = wanted",
    "trinity_account_of_lease(wanted bytea)": "select account_id from run_leases where token_sha256 = wanted",
    "trinity_account_ids()": "select id from accounts order by created_at, id",
}


def upgrade() -> None:
    """Lay everything down; each step is one short statement."""
    op.execute("revoke all on schema public from public")
    op.execute("grant usage on schema public to trinity_app, trinity_definer")
    _partitions()
    for table in (*HISTORY, *CHANGEABLE, "integration_credentials"):
        _isolate(table)
    _users()
    _grants()
    _look_ups()


def _isolate(table: str) -> None:
    column = {"accounts": "id", "users": None}.get(table, "account_id")
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
    if column:
        rule = f"{column} = {ACCOUNT}"
        op.execute(f"create policy tenant on {table} using ({rule}) with check ({rule})")


def _users() -> None:
    seen = "exists (select 1 from memberships m where m.user_id = users.id)"
    op.execute(f"create policy members_see on users for select using ({seen})")
    op.execute(f"create policy members_change on users for update using ({seen}) with check ({seen})")
    op.execute("create policy anyone_joins on users for insert with check (true)")


def _grants() -> None:
    for table in HISTORY:
        op.execute(f"grant select, insert on {table} to trinity_app")
    for table, columns in CHANGEABLE.items():
        op.execute(f"grant select, insert, update ({columns}) on {table} to trinity_app")
    op.execute("grant select, insert on integration_credentials to trinity_executor")
    op.execute("grant select on alembic_version to trinity_app")


def _partitions() -> None:
    op.execute(
        """
        create function trinity_ensure_partitions(months integer) returns void
        language plpgsql security definer set search_path = public, pg_temp as $$
        declare
            parent text; first date; n integer;
        begin
            foreach parent in array array['audit_events', 'tool_calls', 'envelopes', 'attempts', 'receipts', 'run_events']
            loop
                execute format('create table if not exists %I partition of %I default', parent || '_default', parent);
                for n in 0..least(months, 24) loop
                    first := (date_trunc('month', timezone('UTC', now())) + make_interval(months => n))::date;
                    execute format(
                        'create table if not exists %I partition of %I for values from (%L) to (%L)',
                        parent || '_p' || to_char(first, 'YYYYMM'), parent,
                        trinity_uuid7_floor(first), trinity_uuid7_floor((first + interval '1 month')::date));
                end loop;
            end loop;
        end $$"""
    )
    op.execute(
        """
        create function trinity_uuid7_floor(first date) returns uuid language sql immutable
        return (lpad(to_hex((extract(epoch from first) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid"""
    )
    op.execute(f"select trinity_ensure_partitions({MONTHS_AHEAD})")
    op.execute("revoke all on function trinity_ensure_partitions(integer) from public")
    op.execute("grant execute on function trinity_ensure_partitions(integer) to trinity_app")


def _look_ups() -> None:
    for table, columns in DEFINER_READS.items():
        op.execute(f"grant select ({columns}) on {table} to trinity_definer")
        op.execute(f"create policy look_up on {table} for select to trinity_definer using (true)")
    op.execute("grant create on schema public to trinity_definer")
    for signature, query in LOOK_UPS.items():
        op.execute(
            f"create function {signature} returns setof uuid language sql stable security definer"
            f" set search_path = public, pg_temp as $${query}$$"
        )
        name = f"{signature.partition('(')[0]}({'' if '()' in signature else signature.split()[-1]}"
        name = name if name.endswith(")") else name + ")"
        op.execute(f"alter function {name} owner to trinity_definer")
        op.execute(f"revoke all on function {name} from public")
        op.execute(f"grant execute on function {name} to trinity_app")
    op.execute("revoke create on schema public from trinity_definer")
