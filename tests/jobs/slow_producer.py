"""A worker process of its own for the tests: takes `Slow` jobs until it is killed. Arguments: URL, mended or not."""

import asyncio
import sys

from psycopg_pool import AsyncConnectionPool

from trinity.jobs import oban_mends
from trinity.store.oban_schema import stand_in_for_erlpack

stand_in_for_erlpack()

from oban import Oban  # noqa: E402

from tests.jobs import slow_worker  # noqa: E402

REFRESH_S = 0.2


async def main(url: str, is_mended: bool) -> None:
    """Serve until killed; the rescuing is done by another process."""
    if is_mended:
        oban_mends.install(leader_interval_s=1.0, producer_silence_s=1.0)
    slow_worker.register()
    async with AsyncConnectionPool(url, min_size=1, max_size=4) as pool:
        oban = Oban(pool=pool, node="producer", queues={"slow": 1}, leadership=False, refresher={"interval": REFRESH_S})
        async with oban:
            print("ready", flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2] == "mended"))
