"""A job that runs longer than the rescue waits; its runs are counted in the database."""

import asyncio
from typing import Any

import psycopg

RUNS_TABLE = "create table runs (job bigint not null, node text not null, attempt int not null)"


def register() -> Any:
    """Oban's worker class for `Slow`: writes one row as it starts and sleeps `seconds` on its first attempt."""
    from oban import worker

    @worker(queue="slow")
    class Slow:
        async def process(self, job: Any) -> None:
            async with await psycopg.AsyncConnection.connect(job.args["url"], autocommit=True) as connection:
                await connection.execute(
                    "insert into runs values (%s, %s, %s)", [job.id, job.attempted_by[0], job.attempt]
                )
            if job.attempt == 1:
                await asyncio.sleep(job.args["seconds"])

    return Slow
