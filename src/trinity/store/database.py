"""The pool, and the unit of work over it.

SQL is written by hand and sent through psycopg: on the hot path that is several times faster than an ORM,
and a reader sees exactly what the database is asked (docs/adr/0003). Rows do not leave a context's module.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection, OperationalError
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb, set_json_dumps
from psycopg_pool import AsyncConnectionPool

from trinity.kit.barriers import reached

POOL_MAX = 10
POOL_WAIT_S = 10.0
STATEMENT_TIMEOUT_MS = 15_000
LOCK_TIMEOUT_MS = 5_000
IDLE_IN_TRANSACTION_MS = 30_000
LIVE_CHANNEL = "trinity_live"
JOB_CHANNEL = "public.oban_insert"

NOT_BEGUN = ("available", "scheduled")
TO_COME = (*NOT_BEGUN, "executing", "retryable")
"""States of jobs that wait to begin, and of all that are not over."""
IS_TO_COME = f"j.state in {TO_COME}"
"""Of a job `j` in SQL, as the partial indexes on Oban's table say it."""

type Params = Mapping[str, object]
type Row = DictRow

set_json_dumps(lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")))


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is written into Oban's table."""

    worker: str
    queue: str
    args: Mapping[str, object]
    run_at: datetime | None
    max_attempts: int


class Tx:
    """One unit of work. Everything in it commits together, jobs included, or nothing does."""

    def __init__(self, connection: AsyncConnection[DictRow], account_id: UUID | None) -> None:
        self._connection = connection
        self._topics: dict[str, None] = {}
        self._queues: dict[str, None] = {}
        self._account_id = account_id

    @property
    def account_id(self) -> UUID:
        """The account whose rows this unit of work sees."""
        if self._account_id is None:
            raise AssertionError("this unit of work has no account")
        return self._account_id

    async def all(self, query: str, params: Params | None = None) -> list[DictRow]:
        """Every row of a query that limits itself."""
        return await (await self._connection.execute(query, params)).fetchall()

    async def one(self, query: str, params: Params | None = None) -> DictRow | None:
        """The first row, or None."""
        return await (await self._connection.execute(query, params)).fetchone()

    async def value(self, query: str, params: Params | None = None) -> Any:
        """The first column of the first row, or None."""
        row = await self.one(query, params)
        return next(iter(row.values())) if row else None

    async def execute(self, query: str, params: Params | None = None) -> int:
        """Run a statement; returns how many rows it touched."""
        return (await self._connection.execute(query, params)).rowcount

    async def lock_account(self, *, is_exclusive: bool = False) -> None:
        """A claim holds its account's lock shared; tightening a posture holds it exclusive (design 4.4)."""
        name = "pg_advisory_xact_lock" if is_exclusive else "pg_advisory_xact_lock_shared"
        await self.execute(f"select {name}(hashtextextended(%(key)s, 0))", {"key": f"account/{self.account_id}"})

    async def enqueue(self, job: Job) -> None:
        """Write a job that leaves with this commit; workers are woken after it, never inside (see `Database`)."""
        await self.execute(
            """
            insert into oban_jobs (worker, queue, args, max_attempts, state, scheduled_at)
            values (%(worker)s, %(queue)s, %(args)s, %(max)s,
                    (case when %(at)s::timestamptz > now() then 'scheduled' else 'available' end)::oban_job_state,
                    timezone('UTC', coalesce(%(at)s::timestamptz, now())))
            """,
            {
                "worker": job.worker,
                "queue": job.queue,
                "args": Jsonb(dict(job.args)),
                "max": job.max_attempts,
                "at": job.run_at,
            },
        )
        self._queues[job.queue] = None

    async def enqueue_unless(self, job: Job, states: Sequence[str] = NOT_BEGUN) -> None:
        """Write a job, unless one of the same worker with these arguments (or more) stands in one of these states.

        By default one that runs does not count: it may have looked before there was anything to see.
        """
        waiting = await self.value(
            "select 1 from oban_jobs where worker = %(worker)s and args @> %(args)s"
            " and state = any(%(states)s::oban_job_state[]) limit 1",
            {"worker": job.worker, "args": Jsonb(dict(job.args)), "states": list(states)},
        )
        if waiting is None:
            await self.enqueue(job)

    def notify(self, *topics: str) -> None:
        """Tell open pages, after the commit, that these topics have new state. Ids only, never content."""
        self._topics.update(dict.fromkeys(topics))

    async def announce(self) -> None:
        """Send what `notify` and `enqueue` collected: after the commit, as its own statement.

        A NOTIFY inside a transaction takes a lock of the whole server and holds it over the commit's fsync.
        A crash between commit and here loses only the wake-up: workers poll, pages resnapshot on reconnect.
        """
        live = [json.dumps({"a": str(self._account_id), "t": topic}) for topic in self._topics]
        jobs = [json.dumps({"queue": queue}) for queue in self._queues]
        if live or jobs:
            await self.execute(
                f"select pg_notify('{LIVE_CHANNEL}', x) from unnest(%(live)s::text[]) x"
                f" union all select pg_notify('{JOB_CHANNEL}', x) from unnest(%(jobs)s::text[]) x",
                {"live": live, "jobs": jobs},
            )


class Database:
    """The pool of one process, under one role."""

    def __init__(self, url: str, *, size: int = POOL_MAX, name: str = "trinity") -> None:
        self.url = url
        options = (
            f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS}"
            f" -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_MS} -c timezone=UTC"
        )
        self.pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=size,
            timeout=POOL_WAIT_S,
            open=False,
            name=name,
            kwargs={"row_factory": dict_row, "autocommit": True, "options": options},
            check=AsyncConnectionPool.check_connection,
        )

    async def __aenter__(self) -> "Database":
        await self.pool.open(wait=True, timeout=POOL_WAIT_S)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pool.close()

    @asynccontextmanager
    async def transaction(self, account_id: UUID | None, *, barrier: str | None = None) -> AsyncIterator[Tx]:
        """One unit of work for one account (or, for look-ups alone, none). `barrier` names its commit for kill tests."""
        async with self.pool.connection() as connection:
            tx = Tx(connection, account_id)
            async with connection.transaction():
                if account_id is not None:
                    await tx.execute("select set_config('trinity.account_id', %(id)s, true)", {"id": str(account_id)})
                yield tx
                if barrier:
                    reached(f"{barrier}.before_commit")
            if barrier:
                reached(f"{barrier}.after_commit")
            with suppress(OperationalError):
                # It is committed: a connection that is lost now loses the wake-up, and must not look like a failure.
                await tx.announce()
