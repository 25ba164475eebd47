"""What must be true of the database before a process serves: asserted at every start.

Each check is one query whose rows are the violations. An unexpected answer is a refusal to start.
"""

from trinity.errors import Refused
from trinity.store.database import Database
from trinity.store.schema import GLOBAL_TABLES

CHECKS = {
    "role_is_weak": """
        select rolname from pg_roles where rolname = current_user
        and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)""",
    "role_owns_nothing": """
        select relname from pg_class c join pg_roles r on r.oid = c.relowner
        where pg_has_role(current_user, r.oid, 'member')""",
    "rows_are_isolated": """
        select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition
        and c.relname not like 'oban\\_%%' and c.relname <> 'alembic_version'
        and not (c.relrowsecurity and c.relforcerowsecurity)""",
    "partitions_are_out_of_reach": """
        select c.relname from pg_class c where c.relispartition and c.relkind = 'r'
        and has_table_privilege(c.oid, 'select, insert, update, delete')""",
    "history_is_immutable": """
        select t.name from unnest(array[
            'accounts', 'activities', 'approval_decisions', 'audit_events', 'drafts', 'envelopes', 'idempotency_keys',
            'incidents', 'ledger_accounts', 'ledger_transfers', 'memberships', 'model_decisions', 'order_intakes',
            'packets', 'postures', 'receipts', 'revenue_events', 'run_events', 'thread_messages',
            'webhook_refusals']) t(name)
        where has_table_privilege(t.name, 'delete, truncate') or has_any_column_privilege(t.name, 'update')""",
    "nothing_is_deleted": """
        select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'public' and c.relkind in ('r', 'p') and c.relname not like 'oban\\_%%'
        and has_table_privilege(c.oid, 'delete, truncate')""",
    "credentials_are_the_executors": """
        select 'integration_credentials' from pg_roles
        where rolname = 'trinity_app' and has_any_column_privilege(oid, 'integration_credentials', 'select')""",
    "commits_are_durable": "select setting from pg_settings where name = 'synchronous_commit' and setting = 'off'",
    "fsync_is_on": "select setting from pg_settings where name = 'fsync' and setting = 'off'",
    "job_tables_survive_a_crash": """
        select relname from pg_class where relname like 'oban\\_%%' and relkind = 'r' and relpersistence = 'u'""",
}


async def assert_safe(db: Database, *, is_fsync_demanded: bool = True) -> None:
    """Raise `Refused` with code `database_unsafe` that names every violated check. For the app's roles only."""
    assert {"users"} == GLOBAL_TABLES, "a new global table needs its own policy in the migrations"
    violations = []
    async with db.transaction(None) as tx:
        for name, query in CHECKS.items():
            if name == "fsync_is_on" and not is_fsync_demanded:
                continue
            if rows := await tx.all(query, {}):
                violations.append(f"{name}: {', '.join(str(next(iter(row.values()))) for row in rows)}")
    if violations:
        raise Refused("database_unsafe", "The database is not safe to use. " + "; ".join(violations))
