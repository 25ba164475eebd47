"""Oban's tables, from Oban's own installer; its two UNLOGGED tables are made to survive a crash.

An unlogged `oban_producers` is empty after a crash of PostgreSQL, and the rescue of orphaned jobs
asks it who still lives.
"""

from alembic import op

from trinity.store.oban_schema import install_sql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = ("oban_jobs", "oban_leaders", "oban_producers")

WAITING = "state in ('available', 'scheduled', 'executing', 'retryable')"
"""As Housekeeping asks, which looks for what should move and has no such job."""


def upgrade() -> None:
    """Install, make durable, index what Housekeeping looks for, grant."""
    raw = op.get_bind().connection.driver_connection
    assert raw is not None
    raw.execute(install_sql())
    for table in ("oban_leaders", "oban_producers"):
        op.execute(f"alter table {table} set logged")
    for name in ("tool_call_id", "run_id"):
        op.execute(f"create index oban_jobs_{name}_idx on oban_jobs ((args->>'{name}')) where {WAITING}")
    for table in TABLES:
        op.execute(f"grant select, insert, update, delete on {table} to trinity_app")
