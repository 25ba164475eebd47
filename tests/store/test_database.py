"""The unit of work: all or nothing, jobs included; notifications after the commit and never within."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.errors import LockNotAvailable, QueryCanceled

from tests.postgres import SECRET_KEY, TestServer
from trinity.kit import barriers
from trinity.store import database as database_module
from trinity.store.database import JOB_CHANNEL, LIVE_CHANNEL, TO_COME, Database, Job, Tx
from trinity.store.urls import APP_ROLE, url_of, with_database

ACCOUNT = UUID("01a20000-0000-7000-8000-000000000001")


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """The app's pool."""
    async with Database(url_of(database_url, APP_ROLE, SECRET_KEY), size=3) as made:
        yield made


@pytest.fixture
async def ears(database_url: str) -> AsyncIterator[AsyncConnection]:
    """A connection that hears both channels."""
    async with await AsyncConnection.connect(database_url, autocommit=True) as listening:
        await listening.execute(f'listen {LIVE_CHANNEL}; listen "{JOB_CHANNEL}"')
        yield listening


async def heard(listening: AsyncConnection, timeout_s: float = 0.3) -> list[tuple[str, dict[str, str]]]:
    return [(one.channel, json.loads(one.payload)) async for one in listening.notifies(timeout=timeout_s)]


async def open_account(tx: Tx) -> None:
    await tx.execute(
        "insert into accounts values (%(id)s, 'x', now(), left('x-' || %(id)s, 40))", {"id": tx.account_id}
    )


def job(run_at: datetime | None = None) -> Job:
    return Job("trinity.jobs.workers.Advance", "executor", {"account_id": str(ACCOUNT), "ü": 1}, run_at, 5)


async def test_everything_commits_together_and_is_told_afterwards(db: Database, ears: AsyncConnection) -> None:
    async with db.transaction(ACCOUNT) as tx:
        await open_account(tx)
        await tx.enqueue(job())
        await tx.enqueue(job())
        tx.notify("runs", "call:1", "runs")
        assert await heard(ears) == [], "nothing is told within"
    assert sorted(await heard(ears), key=str) == sorted(
        [
            (LIVE_CHANNEL, {"a": str(ACCOUNT), "t": "runs"}),
            (LIVE_CHANNEL, {"a": str(ACCOUNT), "t": "call:1"}),
            (JOB_CHANNEL, {"queue": "executor"}),
        ],
        key=str,
    )
    async with db.transaction(ACCOUNT) as tx:
        assert await tx.value("select count(*) from oban_jobs") == 2
        assert await tx.value("select name from accounts") == "x"


async def test_a_failure_takes_rows_jobs_and_notifications_with_it(db: Database, ears: AsyncConnection) -> None:
    with pytest.raises(RuntimeError):
        await fail(db)
    assert await heard(ears) == []
    async with db.transaction(ACCOUNT) as tx:
        assert await tx.value("select count(*) from oban_jobs") == 0
        assert await tx.all("select * from accounts") == []


async def fail(db: Database) -> None:
    async with db.transaction(ACCOUNT) as tx:
        await open_account(tx)
        await tx.enqueue(job())
        tx.notify("runs")
        raise RuntimeError


@pytest.mark.parametrize(("barrier", "is_committed"), [("before_commit", False), ("after_commit", True)])
async def test_a_death_around_the_commit_loses_at_most_the_wake_up(
    db: Database, ears: AsyncConnection, barrier: str, is_committed: bool
) -> None:
    def hook(name: str) -> None:
        if name == f"claim.{barrier}":
            raise RuntimeError(name)

    barriers.install(hook)
    try:
        with pytest.raises(RuntimeError):
            await write(db)
    finally:
        barriers.install(None)
    assert await heard(ears) == []
    async with db.transaction(ACCOUNT) as tx:
        assert await tx.value("select count(*) from oban_jobs") == int(is_committed)


async def write(db: Database) -> None:
    async with db.transaction(ACCOUNT, barrier="claim") as tx:
        await open_account(tx)
        await tx.enqueue(job())
        tx.notify("runs")


async def test_a_commit_stands_though_its_wake_up_cannot_be_sent(
    db: Database, database_url: str, pg_server: TestServer
) -> None:
    """Whoever waits for the answer must not be told that what was committed failed."""
    admin_url = with_database(pg_server.admin_url, urlsplit(database_url).path.removeprefix("/"))

    def cut(name: str) -> None:
        if name == "decide.after_commit":
            with psycopg.connect(admin_url, autocommit=True) as admin:
                admin.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where usename = %s and datname = current_database()",
                    [APP_ROLE],
                )

    barriers.install(cut)
    try:
        async with db.transaction(ACCOUNT, barrier="decide") as tx:
            await open_account(tx)
            tx.notify("runs")
    finally:
        barriers.install(None)
    async with db.transaction(ACCOUNT) as tx:
        assert await tx.value("select name from accounts") == "x"


async def test_a_transaction_that_tells_nothing_says_nothing(db: Database, ears: AsyncConnection) -> None:
    async with db.transaction(ACCOUNT) as tx:
        await open_account(tx)
    assert await heard(ears) == []


async def test_jobs_are_available_now_and_scheduled_later(db: Database) -> None:
    now = datetime.now(UTC)
    async with db.transaction(ACCOUNT) as tx:
        for run_at in (None, now - timedelta(hours=1), now + timedelta(hours=1)):
            await tx.enqueue(job(run_at))
    async with db.transaction(None) as tx:
        rows = await tx.all(
            "select state::text, scheduled_at, args, max_attempts, queue, worker from oban_jobs order by id"
        )
    assert [row["state"] for row in rows] == ["available", "available", "scheduled"]
    assert rows[2]["scheduled_at"] == (now + timedelta(hours=1)).replace(tzinfo=None)
    assert rows[0]["args"] == {"account_id": str(ACCOUNT), "ü": 1}
    assert (rows[0]["max_attempts"], rows[0]["queue"]) == (5, "executor")


async def test_the_account_is_the_transactions_alone(db: Database) -> None:
    async with db.transaction(ACCOUNT) as tx:
        assert await tx.value("select current_setting('trinity.account_id')") == str(ACCOUNT)
        assert tx.account_id == ACCOUNT
    async with db.transaction(None) as tx:
        assert await tx.value("select nullif(current_setting('trinity.account_id', true), '')") is None
        with pytest.raises(AssertionError, match="no account"):
            _ = tx.account_id


async def test_sessions_have_their_time_outs(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async with db.transaction(None) as tx:
        found = {
            name: await tx.value(f"select setting from pg_settings where name = '{name}'")
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "TimeZone")
        }
    assert found == {
        "statement_timeout": str(database_module.STATEMENT_TIMEOUT_MS),
        "lock_timeout": str(database_module.LOCK_TIMEOUT_MS),
        "idle_in_transaction_session_timeout": str(database_module.IDLE_IN_TRANSACTION_MS),
        "TimeZone": "UTC",
    }
    monkeypatch.setattr(database_module, "STATEMENT_TIMEOUT_MS", 100)
    monkeypatch.setattr(database_module, "LOCK_TIMEOUT_MS", 50)
    async with Database(db.url, size=1) as hurried:
        with pytest.raises(QueryCanceled):
            await ask(hurried, "select pg_sleep(2)")
        async with db.transaction(ACCOUNT) as tx:
            await tx.lock_account(is_exclusive=True)
            with pytest.raises(LockNotAvailable):
                await lock(hurried, is_exclusive=False)


async def ask(db: Database, statement: str) -> None:
    async with db.transaction(None) as tx:
        await tx.all(statement)


async def lock(db: Database, *, is_exclusive: bool) -> None:
    async with db.transaction(ACCOUNT) as tx:
        await tx.lock_account(is_exclusive=is_exclusive)


async def test_the_accounts_lock_is_shared_by_claims_and_each_accounts_own(db: Database) -> None:
    async with db.transaction(ACCOUNT) as tx, db.transaction(ACCOUNT) as other, db.transaction(uuid4()) as stranger:
        await tx.lock_account()
        await other.lock_account()
        await stranger.lock_account(is_exclusive=True)


def test_history_cannot_be_written_through_the_owner_by_chance(database_url: str) -> None:
    """The owner migrates and no more: without an account even he can insert nothing."""
    with psycopg.connect(database_url) as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute("insert into accounts values (gen_random_uuid(), 'x', now(), 'an-x')")


async def test_a_job_that_waits_already_is_not_written_again(db: Database) -> None:
    """The same worker with these arguments, or more of them, counts; one that runs counts only where it is said."""
    narrow = Job(job().worker, "executor", {"account_id": str(ACCOUNT)}, None, 5)
    other = Job(job().worker, "executor", {"account_id": str(ACCOUNT), "ü": 2}, None, 5)
    async with db.transaction(ACCOUNT) as tx:
        await open_account(tx)
        for one in (job(), job(), narrow, other):
            await tx.enqueue_unless(one)
        assert await tx.value("select count(*) from oban_jobs") == 2
        await tx.execute("update oban_jobs set state = 'executing'")
        await tx.enqueue_unless(job(), TO_COME)
        assert await tx.value("select count(*) from oban_jobs") == 2
        await tx.enqueue_unless(job())
        assert await tx.value("select count(*) from oban_jobs") == 3
