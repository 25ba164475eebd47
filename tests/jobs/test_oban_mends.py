"""Oban's two defects and their mends: every test runs without the mend too, and then the defect is there."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from tests.jobs import slow_worker
from trinity.jobs import oban_mends
from trinity.store.oban_schema import install_sql, stand_in_for_erlpack

stand_in_for_erlpack()

from oban import Oban, _extensions  # noqa: E402

DEFECT_LEASE_S = 3.0
"""What 0.7.0 makes of every lease."""
RESCUE = {"interval": 0.2, "rescue_after": 0.5}
REFRESH = {"interval": 0.2}
WAIT_S = 15.0
ROOT = Path(__file__).parents[2]

with_and_without = pytest.mark.parametrize("is_mended", [False, True], ids=["without the mend", "with it"])


@pytest.fixture(autouse=True)
def _extensions_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_extensions, "_extensions", {})


@pytest.fixture
def oban_url(pg_admin_url: str) -> str:
    """A database with Oban's tables."""
    with psycopg.connect(pg_admin_url, autocommit=True) as connection:
        connection.execute(install_sql().encode())
        connection.execute(slow_worker.RUNS_TABLE)
    return pg_admin_url


@pytest.fixture
async def pool(oban_url: str) -> AsyncIterator[AsyncConnectionPool]:
    async with AsyncConnectionPool(oban_url, min_size=1, max_size=8) as opened:
        yield opened


async def value(pool: AsyncConnectionPool, statement: str) -> Any:
    async with pool.connection() as connection:
        row = await (await connection.execute(statement.encode())).fetchone()
        return None if row is None else row[0]


async def until(check: Callable[[], Any], wanted: Any) -> None:
    deadline = time.monotonic() + WAIT_S
    while (found := await check()) != wanted:
        assert time.monotonic() < deadline, f"still {found!r}, not {wanted!r}, after {WAIT_S} s"
        await asyncio.sleep(0.05)


@with_and_without
async def test_two_nodes_never_both_lead(pool: AsyncConnectionPool, is_mended: bool) -> None:
    if is_mended:
        oban_mends.install(leader_interval_s=30)
    first, second = Oban(pool=pool, node="first", leadership=True), Oban(pool=pool, node="second", leadership=True)
    async with first:
        assert first.is_leader
        left_s = await value(
            pool, "select extract(epoch from expires_at - timezone('UTC', now()))::float8 from oban_leaders"
        )
        assert (25 < left_s <= 30) if is_mended else (left_s <= DEFECT_LEASE_S)
        await asyncio.sleep(DEFECT_LEASE_S + 0.3)
        async with second:
            assert first.is_leader
            assert second.is_leader is not is_mended, "two leaders" if is_mended else "the defect has gone"


async def test_a_leader_that_died_is_followed(pool: AsyncConnectionPool) -> None:
    oban_mends.install(leader_interval_s=1.0)
    async with pool.connection() as connection:
        await connection.execute(
            "insert into oban_leaders values ('Oban', 'dead', timezone('UTC', now()),"
            " timezone('UTC', now()) + interval '1 second')"
        )

    async with Oban(pool=pool, node="alive", leadership=True) as alive:
        assert not alive.is_leader

        async def leads() -> bool:
            return alive.is_leader

        await until(leads, True)
        assert await value(pool, "select node from oban_leaders") == "alive"
        # It keeps what it has: the lease is renewed before it runs out.
        for _ in range(15):
            await asyncio.sleep(0.1)
            assert alive.is_leader
            assert await value(pool, "select bool_and(expires_at > timezone('UTC', now())) from oban_leaders")


async def test_a_leader_that_stops_lets_go(pool: AsyncConnectionPool) -> None:
    oban_mends.install(leader_interval_s=30)
    async with Oban(pool=pool, node="first", leadership=True) as first:
        assert first.is_leader
    assert await value(pool, "select count(*) from oban_leaders") == 0


@with_and_without
async def test_a_job_that_outlives_the_rescue_is_not_run_twice(
    pool: AsyncConnectionPool, oban_url: str, is_mended: bool
) -> None:
    if is_mended:
        oban_mends.install(leader_interval_s=1.0, producer_silence_s=1.0)
    slow = slow_worker.register()
    oban = Oban(pool=pool, node="only", queues={"slow": 2}, lifeline=RESCUE, refresher=REFRESH)
    async with oban:
        job = await oban.enqueue(slow.new({"url": oban_url, "seconds": 2.5}))

        async def state() -> Any:
            return await value(pool, f"select state::text from oban_jobs where id = {job.id}")

        await until(state, "completed")
        await asyncio.sleep(0.5)
    runs = await value(pool, "select count(*) from runs")
    assert runs == 1 if is_mended else runs > 1
    assert await value(pool, "select attempt from oban_jobs") == runs


@with_and_without
@pytest.mark.kill
async def test_a_job_is_rescued_when_its_producer_was_killed_and_not_before(
    pool: AsyncConnectionPool, oban_url: str, is_mended: bool
) -> None:
    if is_mended:
        oban_mends.install(leader_interval_s=1.0, producer_silence_s=1.0)
    slow = slow_worker.register()
    how = "mended" if is_mended else "bare"
    producer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.jobs.slow_producer", oban_url, how),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        assert producer.stdout is not None
        assert await asyncio.wait_for(producer.stdout.readline(), WAIT_S) == b"ready\n"
        sender = Oban(pool=pool, node="sender", leadership=False)
        async with sender:
            job = await sender.enqueue(slow.new({"url": oban_url, "seconds": 60}))

        async def state() -> Any:
            return await value(pool, f"select state::text from oban_jobs where id = {job.id}")

        async def runs() -> Any:
            return await value(pool, "select count(*) from runs")

        await until(runs, 1)
        async with Oban(pool=pool, node="rescuer", leadership=True, lifeline=RESCUE):
            await asyncio.sleep(2.0)
            while_alive = await value(pool, "select coalesce((meta ->> 'rescued')::int, 0) from oban_jobs")
            assert while_alive == 0 if is_mended else while_alive > 0
            producer.send_signal(signal.SIGKILL)
            await producer.wait()
            if is_mended:
                await until(state, "available")
    finally:
        if producer.returncode is None:
            producer.kill()
        await producer.wait()
    async with Oban(pool=pool, node="heir", queues={"slow": 1}, lifeline=RESCUE, refresher=REFRESH):
        await until(state, "completed")
    assert await value(pool, "select node from runs order by attempt desc limit 1") == "heir"


async def test_a_job_without_an_attempt_left_is_discarded(pool: AsyncConnectionPool) -> None:
    oban_mends.install(producer_silence_s=1.0)
    async with pool.connection() as connection:
        await connection.execute(
            "insert into oban_jobs (worker, queue, state, attempt, max_attempts, attempted_at, attempted_by)"
            " values ('w', 'q', 'executing', 3, 3, timezone('UTC', now()) - interval '1 minute', '{gone,0}'),"
            "        ('w', 'q', 'executing', 1, 3, timezone('UTC', now()) - interval '1 minute', '{gone,0}'),"
            "        ('w', 'q', 'executing', 1, 3, timezone('UTC', now()), '{gone,0}'),"
            "        ('w', 'q', 'available', 3, 3, null, '{}')"
        )
    oban = Oban(pool=pool, leadership=False)
    await _extensions._extensions["lifeline.rescue"](oban._query, 30.0)
    async with pool.connection() as connection:
        rows = await (await connection.execute("select state::text from oban_jobs order by id")).fetchall()
    assert [row[0] for row in rows] == ["discarded", "available", "executing", "discarded"]


def test_times_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        oban_mends.install(leader_interval_s=0.5)
    with pytest.raises(ValueError, match="silence"):
        oban_mends.install(producer_silence_s=0)


def test_a_recorded_result_is_refused_loudly() -> None:
    from oban import Record

    if hasattr(sys.modules["erlpack"], "__file__"):
        pytest.skip("the real erlpack is installed")
    with pytest.raises(RuntimeError, match="erlpack is not installed"):
        Record({"some": "value"})
