"""Row-level security and grants: two twin accounts, and nothing of one shows in the other, by any table."""

import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.errors import ForeignKeyViolation, InsufficientPrivilege
from sqlalchemy import CheckConstraint, Table

from tests.postgres import SECRET_KEY
from tests.world import World
from trinity import agency, audit, gateway, sources
from trinity.accounts import sign_in
from trinity.agency import NewRun
from trinity.sources import NewSource
from trinity.store.database import Database
from trinity.store.tables import load_all
from trinity.store.urls import APP_ROLE, EXECUTOR_ROLE, url_of

TABLES = sorted(load_all().tables)
HISTORY = (
    "accounts", "activities", "approval_decisions", "audit_events", "drafts", "envelopes", "idempotency_keys",
    "incidents", "ledger_accounts", "ledger_transfers", "memberships", "model_decisions", "order_intakes", "packets",
    "postures", "receipts", "revenue_events", "run_events", "thread_messages", "webhook_refusals",
)  # fmt: skip


async def fill(world: World) -> None:
    """At least one row of this account in every table that a story fills."""
    canary = world.mailbox.partition("@")[2].partition(".")[0]
    async with world.tx() as tx:
        source = NewSource(world.project_id, "inbound_mail", f"{canary} title", f"{canary} text")
        source_id = await sources.add_source(tx, world.owner, source, world.clock())
        await sources.decide_release(tx, world.owner, source_id, is_released=True, now=world.clock())
        run_id = await agency.start_run(tx, world.owner, NewRun(world.project_id, f"{canary} goal"), world.clock())
        await agency.grant_lease(tx, run_id, 60, world.clock())
        await agency.save_draft(tx, run_id, f"{canary} draft", f"{canary} body", world.clock())

        await audit.record_incident(tx, f"{canary} incident", None, world.clock(), {}, is_critical=False)
    made = await world.approved(f"{canary}-key", subject=f"{canary} subject")
    await world.drive(made.tool_call_id)
    await gateway.verify(world.rails, world.account_id, made.tool_call_id)
    email = f"owner@{canary}.example"
    await sign_in(world.app.db, email, "correct horse battery", world.clock())
    for table in load_all().tables.values():
        if "account_id" in table.columns and not world.tamper(
            f"select 1 from {table.name} where account_id = %(account)s limit 1"
        ):
            lay_down(world, table, canary)


def lay_down(world: World, table: Table, canary: str) -> None:
    """A row of a table that the story above does not fill, with the account's canary in every text that is free."""
    checks = " ".join(str(one.sqltext) for one in table.constraints if isinstance(one, CheckConstraint))
    kinds = {
        "UUID": "gen_random_uuid()",
        "DATETIME": "now()",
        "JSONB": "'{}'",
        "LARGE_BINARY": "%(bytes)s::bytea",
        "ARRAY": "'{}'",
    }
    values = {}
    for column in table.columns:
        enumerated = re.search(rf"\b{column.name} in \('(\w+)'", checks)
        kind = column.type.__visit_name__.upper()
        if column.name == "account_id":
            values[column.name] = "%(account)s"
        elif column.nullable and not enumerated:
            continue
        elif enumerated:
            values[column.name] = f"'{enumerated[1]}'"
        else:
            values[column.name] = kinds.get(kind, "1" if "INTEGER" in kind else "%(canary)s::text")
    columns, row = ", ".join(values), ", ".join(values.values())
    world.tamper(f"insert into {table.name} ({columns}) values ({row})", canary=canary, bytes=canary.encode())


async def test_no_table_shows_a_row_of_the_other_account(twins: tuple[World, World]) -> None:
    one, other = twins
    await fill(one)
    await fill(other)
    for seen_by, hidden in ((one, "canarytwo"), (other, "canaryone")):
        for house in (seen_by.app, seen_by.rails.house):
            for table in TABLES:
                if table == "integration_credentials" and house is seen_by.app:
                    continue
                async with house.db.transaction(seen_by.account_id) as tx:
                    rows = await tx.all(f"select x.*, x::text as whole from {table} x")
                whole = "\n".join(readable(row) for row in rows).lower()
                assert hidden not in whole, f"{table} shows the other account"
                assert rows, f"the test has no row of {table} to look for"
                accounts = {row["account_id"] for row in rows if "account_id" in row}
                assert accounts <= {seen_by.account_id}, table


def readable(row: dict[str, object]) -> str:
    """Every column as text, bytes decoded, so that a canary cannot hide in hexadecimal."""
    return " ".join(one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in row.values())


async def test_without_an_account_there_are_no_rows(twins: tuple[World, World]) -> None:
    await fill(twins[0])
    for table in TABLES:
        if table != "integration_credentials":
            async with twins[0].app.db.transaction(None) as tx:
                assert await tx.all(f"select * from {table}") == [], table


LOOKED_UP = ("accounts", "guests", "memberships", "run_leases", "sessions", "users")
"""What the look-ups' role may read; the owner is a member of it, because he makes its functions."""


async def test_the_owner_of_the_tables_sees_no_content_either(twins: tuple[World, World]) -> None:
    await fill(twins[0])
    with psycopg.connect(twins[0].owner_url) as db:
        for table in sorted(set(TABLES) - set(LOOKED_UP)):
            assert db.execute(f"select count(*) from {table}".encode()).fetchone() == (0,), table


async def test_after_a_rollback_a_pooled_connection_belongs_to_nobody(twins: tuple[World, World]) -> None:
    async with Database(twins[0].settings.app_database_url or "", size=1) as db:
        with pytest.raises(RuntimeError):
            await fail_within(db, twins[0].account_id)
        async with db.transaction(None) as tx:
            assert await tx.value("select current_setting('trinity.account_id', true)") == ""
            assert await tx.all("select * from accounts") == []
        async with db.transaction(twins[1].account_id) as tx:
            assert [row["id"] for row in await tx.all("select id from accounts")] == [twins[1].account_id]


async def fail_within(db: Database, account_id: UUID) -> None:
    async with db.transaction(account_id) as tx:
        await tx.all("select * from accounts")
        raise RuntimeError


async def test_a_row_for_the_other_account_is_refused(twins: tuple[World, World]) -> None:
    one, other = twins
    inserts = {
        "postures": "insert into postures values (%(a)s, gen_random_uuid(), 'account', 'live', '', 'x', now())",
        "audit_events": (
            "insert into audit_events (account_id, id, kind, actor_kind, actor_id, subject_kind, facts, salt, created_at)"
            " values (%(a)s, gen_random_uuid(), 'x.y', 'user', 'x', 'x', '{}', '', now())"
        ),
        "projects": (
            "insert into projects (account_id, id, name, summary, undo_window_s, created_at)"
            " values (%(a)s, gen_random_uuid(), 'x', '', 0, now())"
        ),
        "memberships": "insert into memberships values (%(a)s, %(u)s, 'owner', now())",
        "accounts": "insert into accounts values (gen_random_uuid(), 'x', now(), 'an-x')",
    }
    for table, statement in inserts.items():
        with pytest.raises(InsufficientPrivilege, match="row-level security"):
            await run(one, statement, {"a": other.account_id, "u": one.owner_id})
        assert table


async def run(world: World, statement: str, params: dict[str, object]) -> int:
    async with world.tx() as tx:
        return await tx.execute(statement, params)


async def test_updates_do_not_reach_the_other_account(twins: tuple[World, World]) -> None:
    one, other = twins
    for statement in (
        "update projects set name = 'taken' where account_id = %(a)s",
        "update tool_calls set state = 'cancelled' where account_id = %(a)s",
        "update users set name = 'taken' where id = %(u)s",
        "update integrations set state = 'suspended' where account_id = %(a)s",
    ):
        assert await run(one, statement, {"a": other.account_id, "u": other.owner_id}) == 0


async def test_a_reference_cannot_leave_the_account(twins: tuple[World, World]) -> None:
    """Three mistakes away: even with the right account on the row, what it points at must be the account's own."""
    one, other = twins
    made = await other.propose()
    insert: dict[str, Callable[[], Awaitable[int]]] = {
        "a source of another's project": lambda: run(
            one,
            "insert into sources (account_id, id, project_id, origin, title, body, sha256, size_bytes, release_state, created_at)"
            " values (%(a)s, gen_random_uuid(), %(p)s, 'web', 'x', 'x', 'x', 1, 'quarantined', now())",
            {"a": one.account_id, "p": other.project_id},
        ),
        "a receipt of another's call": lambda: run(
            one,
            "insert into receipts (account_id, id, tool_call_id, kind, facts, raw, sha256, created_at)"
            " values (%(a)s, gen_random_uuid(), %(c)s, 'sent', '{}', '', '', now())",
            {"a": one.account_id, "c": made.tool_call_id},
        ),
        "a decision on another's request": lambda: run(
            one,
            "insert into approval_decisions (account_id, id, request_id, approver_id, decision, statement, decided_at)"
            " values (%(a)s, gen_random_uuid(), %(r)s, %(u)s, 'approve', '', now())",
            {"a": one.account_id, "r": made.approval_id, "u": one.owner_id},
        ),
        "a project with another's mailbox": lambda: run(
            one,
            "update projects set integration_id = (select %(i)s::uuid)",
            {"i": other.tamper("select id from integrations where account_id = %(account)s")[0]["id"]},
        ),
    }
    for doing in insert.values():
        with pytest.raises(ForeignKeyViolation):
            await doing()


async def refused(url: str, account_id: UUID, *statements: str) -> None:
    async with await AsyncConnection.connect(url) as db:
        await db.execute("select set_config('trinity.account_id', %s, true)", [str(account_id)])
        for statement in statements:
            with pytest.raises(InsufficientPrivilege, match=r"permission denied|must be owner"):
                await one_of(db, statement)


async def one_of(db: AsyncConnection, statement: str) -> None:
    async with db.transaction():
        await db.execute(statement.encode())


@pytest.mark.parametrize("role", [APP_ROLE, EXECUTOR_ROLE])
async def test_history_is_neither_changed_nor_deleted(database_url: str, role: str) -> None:
    url = url_of(database_url, role, SECRET_KEY)
    columns = {name: [column.name for column in table.columns] for name, table in load_all().tables.items()}
    updates = [f"update {table} set {column} = {column}" for table in HISTORY for column in columns[table]]
    removals = [f"{verb} {table}" for table in TABLES for verb in ("delete from", "truncate")]
    await refused(url, uuid4(), *updates, *removals)


@pytest.mark.parametrize("role", [APP_ROLE, EXECUTOR_ROLE])
async def test_what_was_bound_is_not_changed_in_a_call(database_url: str, role: str) -> None:
    url = url_of(database_url, role, SECRET_KEY)
    for table, names in {
        "tool_calls": (
            "envelope_digest",
            "operation",
            "tier",
            "requester_id",
            "idempotency_key",
            "expires_at",
            "account_id",
        ),
        "approval_requests": ("envelope_digest", "quorum", "expires_at", "tool_call_id"),
        "attempts": ("intent", "step", "lease_epoch", "started_at"),
        "integrations": ("address", "aliases", "endpoint"),
        "run_leases": ("token_sha256", "expires_at", "run_id"),
        "sessions": ("token_sha256", "expires_at", "user_id"),
        "sources": ("body", "origin", "sha256"),
        "users": ("email", "id"),
    }.items():
        await refused(url, uuid4(), *(f"update {table} set {name} = {name}" for name in names))


async def test_credentials_are_read_by_the_executor_alone(twins: tuple[World, World]) -> None:
    app, executor = (url_of(twins[0].owner_url, role, SECRET_KEY) for role in (APP_ROLE, EXECUTOR_ROLE))
    await refused(
        app,
        twins[0].account_id,
        "select sealed from integration_credentials",
        "select count(*) from integration_credentials",
        "insert into integration_credentials default values",
    )
    await refused(executor, twins[0].account_id, "update integration_credentials set sealed = ''")
    async with twins[0].rails.house.db.transaction(twins[0].account_id) as tx:
        assert len(await tx.all("select * from integration_credentials")) == 1


async def test_partitions_cannot_be_read_around_the_policies(database_url: str) -> None:
    url = url_of(database_url, APP_ROLE, SECRET_KEY)
    for table in ("tool_calls", "envelopes", "audit_events", "attempts", "receipts", "run_events"):
        await refused(url, uuid4(), f"select * from {table}_default")


async def test_the_apps_role_makes_nothing_and_becomes_nobody(database_url: str) -> None:
    url = url_of(database_url, APP_ROLE, SECRET_KEY)
    await refused(
        url,
        uuid4(),
        "create table mine (id int)",
        "create function mine() returns int language sql as 'select 1'",
        "alter table sources disable row level security",
        "set role trinity_owner",
        "set role trinity_executor",
        "set role trinity_definer",
        "set session_replication_role = replica",
    )


async def test_look_ups_give_an_account_id_and_nothing_else(twins: tuple[World, World]) -> None:
    one, other = twins
    async with one.app.db.transaction(None) as tx:
        assert {row["id"] for row in await tx.all("select trinity_account_ids() as id")} == {
            one.account_id,
            other.account_id,
        }
        row = await tx.all("select * from trinity_account_of_email('owner@canaryone.example')")
        assert [list(found.values()) for found in row] == [[one.account_id]]
        assert await tx.all("select * from trinity_account_of_email('nobody@canaryone.example')") == []
        assert await tx.all("select * from trinity_account_of_session('x')") == []
        assert await tx.all("select * from trinity_account_of_lease('x')") == []
    functions = one.tamper(
        "select p.proname, r.rolname, r.rolcanlogin, p.prosecdef, p.proconfig from pg_proc p"
        " join pg_roles r on r.oid = p.proowner where p.proname like 'trinity\\_account%%'"
    )
    assert len(functions) == 6
    for found in functions:
        assert (found["rolname"], found["rolcanlogin"], found["prosecdef"]) == ("trinity_definer", False, True)
        assert found["proconfig"] == ["search_path=public, pg_temp"]


def test_a_database_address_names_its_role(database_url: str) -> None:
    assert urlsplit(url_of(database_url, APP_ROLE, SECRET_KEY)).username == APP_ROLE
