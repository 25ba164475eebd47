"""Migrations: repeatable, complete, with time-outs; partitions exist and rows land in them."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

import psycopg
import pytest
from alembic import command
from sqlalchemy.exc import DBAPIError

from tests.postgres import SECRET_KEY, TestServer
from trinity.kit.ids import uuid7
from trinity.store import migrate as migrate_module
from trinity.store.checks import assert_safe
from trinity.store.database import Database
from trinity.store.migrate import config, is_current, migrate
from trinity.store.roles import OWNER_ROLE, ensure_database
from trinity.store.tables import load_all
from trinity.store.urls import APP_ROLE, role_password, url_of, with_database, with_login

PARTITIONED = ("audit_events", "tool_calls", "envelopes", "attempts", "receipts", "run_events")


def test_the_tables_are_those_of_the_code(database_url: str) -> None:
    command.check(config(database_url))


def test_the_check_sees_a_difference(database_url: str) -> None:
    with psycopg.connect(database_url) as db:
        db.execute("alter table sources add column surplus text")
    with pytest.raises(Exception, match="surplus"):
        command.check(config(database_url))


async def test_migrating_again_changes_nothing(database_url: str) -> None:
    before = shape(database_url)
    migrate(database_url, SECRET_KEY)
    migrate(database_url, SECRET_KEY)
    assert shape(database_url) == before
    assert is_current(database_url)
    async with Database(url_of(database_url, APP_ROLE, SECRET_KEY), size=1) as db:
        await assert_safe(db, is_fsync_demanded=False)


def shape(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as db:
        columns = (
            "select table_name, column_name, data_type from information_schema.columns where table_schema = 'public'"
        )
        grants = "select table_name, grantee, privilege_type from information_schema.role_table_grants"
        policies = "select tablename, policyname, qual from pg_policies"
        return sorted(db.execute(f"{columns} union all {grants} union all {policies}".encode()).fetchall(), key=str)


def test_an_empty_database_is_not_current(migrated_server: TestServer) -> None:
    with migrated_server.database() as url:
        assert not is_current(url)


def test_a_whole_set_up_from_nothing_is_repeatable(migrated_server: TestServer) -> None:
    name = f"fresh_{uuid7(datetime.now(UTC)).hex}"
    try:
        first = ensure_database(migrated_server.admin_url, SECRET_KEY, database=name)
        migrate(first, SECRET_KEY)
        assert ensure_database(migrated_server.admin_url, SECRET_KEY, database=name) == first
        migrate(first, SECRET_KEY)
        assert is_current(first)
    finally:
        with psycopg.connect(migrated_server.admin_url, autocommit=True) as db:
            db.execute(f"drop database {name} with (force)".encode())


@pytest.mark.parametrize(
    ("setting", "message"), [("LOCK_TIMEOUT", "lock timeout"), ("STATEMENT_TIMEOUT", "statement timeout")]
)
def test_a_migration_gives_up_where_somebody_holds_on(
    migrated_server: TestServer, monkeypatch: pytest.MonkeyPatch, setting: str, message: str
) -> None:
    """A name that somebody holds stops a migration soon, instead of the migration stopping everybody."""
    with migrated_server.database(owner=OWNER_ROLE) as url:
        owner = with_login(url, OWNER_ROLE, role_password(SECRET_KEY, OWNER_ROLE))
        with psycopg.connect(url) as holder, monkeypatch.context() as patched:
            patched.setattr(migrate_module, setting, "200ms")
            holder.execute("create table accounts (id int)")
            with pytest.raises(DBAPIError, match=message):
                migrate(owner, SECRET_KEY)
            holder.rollback()
        migrate(owner, SECRET_KEY)
        assert is_current(owner)


def test_partitions_stand_ahead_and_every_row_has_a_place(database_url: str, migrated_server: TestServer) -> None:
    admin = with_database(migrated_server.admin_url, urlsplit(database_url).path[1:])
    now = datetime.now(UTC)
    months = [(now.year + (now.month - 1 + n) // 12, (now.month - 1 + n) % 12 + 1) for n in range(4)]
    with psycopg.connect(admin, autocommit=True) as db:
        db.execute("set session_replication_role = replica")
        for table in PARTITIONED:
            rows = db.execute(
                "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = %s::regclass",
                [table],
            ).fetchall()
            names = {row[0] for row in rows}
            assert names == {f"{table}_default", *(f"{table}_p{year}{month:02}" for year, month in months)}
        for (year, month), day in ((months[0], 1), (months[1], 28), (months[3], 15), ((1999, 1), 1), ((2099, 1), 1)):
            made = uuid7(datetime(year, month, day, 12, tzinfo=UTC))
            row = db.execute(
                "insert into run_events (account_id, id, run_id, kind, body, created_at)"
                " values (gen_random_uuid(), %s, gen_random_uuid(), 'note', '{}', now()) returning tableoid::regclass::text",
                [made],
            ).fetchone()
            is_near = (year, month) in months
            assert row == (f"run_events_p{year}{month:02}" if is_near else "run_events_default",)


def test_partitions_are_kept_ahead_by_the_app_and_the_number_is_bounded(database_url: str) -> None:
    with psycopg.connect(url_of(database_url, APP_ROLE, SECRET_KEY), autocommit=True) as db:
        before = db.execute("select count(*) from pg_class where relispartition and relkind = 'r'").fetchone()
        db.execute("select trinity_ensure_partitions(3)")
        assert db.execute("select count(*) from pg_class where relispartition and relkind = 'r'").fetchone() == before
        db.execute("select trinity_ensure_partitions(100000)")
        after = db.execute("select count(*) from pg_class where relispartition and relkind = 'r'").fetchone()
    assert before and after
    assert after[0] - before[0] == len(PARTITIONED) * 21


def test_every_table_of_an_account_says_so_in_every_reference() -> None:
    """A reference between tenant rows carries the account, so that it can't leave it."""
    for table in load_all().tables.values():
        if "account_id" not in table.columns:
            assert table.name in ("accounts", "users")
            continue
        for constraint in table.foreign_key_constraints:
            target = constraint.elements[0].column.table
            if "account_id" in target.columns:
                assert "account_id" in {column.name for column in constraint.columns}, constraint.name
