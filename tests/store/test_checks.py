"""The start-up checks: they pass on a migrated database, and each one fails when what it watches over is broken."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from tests.postgres import SECRET_KEY, TestServer
from trinity.errors import Refused
from trinity.store.checks import CHECKS, assert_safe
from trinity.store.database import Database
from trinity.store.roles import OWNER_ROLE
from trinity.store.urls import APP_ROLE, EXECUTOR_ROLE, role_password, url_of, with_database, with_login

LANDLORD = "trinity_landlord"


@pytest.fixture
def admin_url(migrated_server: TestServer, database_url: str) -> str:
    """The superuser's address of the test's database."""
    return with_database(migrated_server.admin_url, urlsplit(database_url).path.removeprefix("/"))


@pytest.fixture
def clean_roles(admin_url: str) -> Iterator[None]:
    """Roles belong to the whole server: what a test gives them is taken back."""
    yield
    with psycopg.connect(admin_url, autocommit=True) as db:
        for role in (APP_ROLE, EXECUTOR_ROLE):
            plain = "nosuperuser nobypassrls nocreaterole nocreatedb noreplication"
            db.execute(sql.SQL("alter role {} " + plain).format(sql.Identifier(role)))
            db.execute(sql.SQL("alter role {} reset synchronous_commit").format(sql.Identifier(role)))
        if db.execute("select 1 from pg_roles where rolname = %s", [LANDLORD]).fetchone():
            db.execute(f"reassign owned by {LANDLORD} to {OWNER_ROLE}".encode())
            db.execute(f"drop role {LANDLORD}".encode())


async def check(url: str) -> str:
    """Empty, or what the refusal says. The test server itself runs without fsync, so that check is asked apart."""
    async with Database(url, size=2) as db:
        try:
            await assert_safe(db, is_fsync_demanded=False)
        except Refused as refusal:
            assert refusal.code == "database_unsafe"  # noqa: PT017
            return refusal.message
    return ""


@pytest.mark.parametrize("role", [APP_ROLE, EXECUTOR_ROLE])
async def test_a_migrated_database_is_safe_for_the_apps_roles(database_url: str, role: str) -> None:
    assert await check(url_of(database_url, role, SECRET_KEY)) == ""


async def test_the_owner_and_the_superuser_are_no_roles_to_serve_under(database_url: str, admin_url: str) -> None:
    assert "role_owns_nothing" in await check(database_url)
    assert "role_is_weak" in await check(database_url)
    assert "role_is_weak" in await check(admin_url)


async def test_fsync_is_demanded(database_url: str) -> None:
    async with Database(url_of(database_url, APP_ROLE, SECRET_KEY), size=2) as db:
        with pytest.raises(Refused, match="fsync_is_on"):
            await assert_safe(db)


BREAKS: dict[str, tuple[str, str]] = {
    "a superuser": ("alter role trinity_app superuser", "role_is_weak"),
    "a role past row security": ("alter role trinity_app bypassrls", "role_is_weak"),
    "a role that makes roles": ("alter role trinity_app createrole", "role_is_weak"),
    "a role that makes databases": ("alter role trinity_app createdb", "role_is_weak"),
    "a role that replicates": ("alter role trinity_app replication", "role_is_weak"),
    "a table of its own": ("alter table sources owner to trinity_app", "role_owns_nothing"),
    "a member of an owner": (
        f"create role {LANDLORD}; alter table sources owner to {LANDLORD}; grant {LANDLORD} to trinity_app",
        "role_owns_nothing",
    ),
    "a new table of its own": ("create table mine (); alter table mine owner to trinity_app", "role_owns_nothing"),
    "a table without row security": ("alter table sources disable row level security", "rows_are_isolated"),
    "a table whose owner sees all": ("alter table sources no force row level security", "rows_are_isolated"),
    "a partitioned table without row security": ("alter table tool_calls no force row level security", "rows_are_isolated"),
    "a new table without row security": ("create table extra (id int)", "rows_are_isolated"),
    "a partition within reach": ("grant select on tool_calls_default to trinity_app", "partitions_are_out_of_reach"),
    "a partition to write to": ("grant insert on audit_events_default to public", "partitions_are_out_of_reach"),
    "history that can be changed": ("grant update on audit_events to trinity_app", "history_is_immutable"),
    "a column of history that can be changed": ("grant update (facts) on audit_events to trinity_app", "history_is_immutable"),
    "receipts that can be deleted": ("grant delete on receipts to trinity_app", "history_is_immutable"),
    "envelopes that can be emptied": ("grant truncate on envelopes to trinity_app", "history_is_immutable"),
    "decisions that anybody can change": ("grant update (decision) on approval_decisions to public", "history_is_immutable"),
    "postures that can be changed": ("grant update (mode) on postures to trinity_app", "history_is_immutable"),
    "memberships that can be changed": ("grant update (role) on memberships to trinity_app", "history_is_immutable"),
    "calls that can be deleted": ("grant delete on tool_calls to trinity_app", "nothing_is_deleted"),
    "credentials that the app can read": (
        "grant select (sealed) on integration_credentials to trinity_app",
        "credentials_are_the_executors",
    ),
    "commits that may be lost": ("alter role trinity_app set synchronous_commit = off", "commits_are_durable"),
    "job tables that a crash empties": ("alter table oban_producers set unlogged", "job_tables_survive_a_crash"),
}  # fmt: skip


@pytest.mark.usefixtures("clean_roles")
@pytest.mark.parametrize("case", BREAKS)
async def test_a_broken_promise_is_named(database_url: str, admin_url: str, case: str) -> None:
    statement, violated = BREAKS[case]
    with psycopg.connect(admin_url, autocommit=True) as db:
        for one in statement.split("; "):
            db.execute(one.encode())
    assert violated in await check(url_of(database_url, APP_ROLE, SECRET_KEY))


def test_every_check_is_tested() -> None:
    assert {violated for _, violated in BREAKS.values()} | {"fsync_is_on"} == set(CHECKS)


def test_passwords_follow_from_the_key_and_differ_by_role() -> None:
    roles = (APP_ROLE, EXECUTOR_ROLE, OWNER_ROLE)
    assert len({role_password(key, role) for role in roles for key in (SECRET_KEY, b"x" * 32)}) == 6
    assert with_login("postgresql://a:b@host/db?x=1", "c", "d") == "postgresql://c:d@host/db?x=1"
