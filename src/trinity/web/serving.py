"""The web server of this process: uvicorn over the app, until it is asked to stop.

One process, HTTP/1.1 and no TLS of its own: a deployment puts a proxy in front, which speaks HTTP/2 to
browsers, so that many open tabs share one connection (docs/adr/0002).
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import uvicorn

from trinity.gateway import House
from trinity.settings import Settings
from trinity.store.checks import assert_safe
from trinity.store.database import Database
from trinity.web.app import build_app
from trinity.web.config import WebConfig
from trinity.web.contexts import Contexts
from trinity.web.live import Hub

START_S = 15.0
POLL_S = 0.02
GRACE_S = 2
CONNECTIONS_MAX = 2_000
POOL_MAX = 20


class Server(uvicorn.Server):
    """A server that leaves signals to the process that runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing: whoever runs this listens."""
        yield


async def serve(
    settings: Settings,
    ready: Callable[[dict[str, object]], None],
    stop: asyncio.Event,
    *,
    is_fsync_demanded: bool = True,
) -> None:
    """Serve until `stop` is set; `ready` is called once the socket is open and the database was found safe."""
    assert settings.app_database_url is not None, "the caller derives the app's database address"
    async with Database(settings.app_database_url, size=POOL_MAX, name="web") as db:
        await assert_safe(db, is_fsync_demanded=is_fsync_demanded)
        house = House(db, settings, lambda: datetime.now(UTC))
        config = WebConfig(settings.base_url, settings.demand_secret_key(), tuple(sorted(settings.sandbox_origins)))
        hub = Hub(settings.app_database_url)
        app = build_app(config, Contexts(house), hub)
        server = Server(
            uvicorn.Config(
                app,
                host=settings.bind_host,
                port=settings.bind_port,
                log_level="warning",
                access_log=False,
                limit_concurrency=CONNECTIONS_MAX,
                timeout_graceful_shutdown=GRACE_S,
                server_header=False,
            )
        )
        await _run(server, settings, ready, stop, hub)


async def _run(
    server: Server,
    settings: Settings,
    ready: Callable[[dict[str, object]], None],
    stop: asyncio.Event,
    hub: Hub,
) -> None:
    serving = asyncio.create_task(server.serve(), name="web server")
    try:
        async with asyncio.timeout(START_S):
            while not server.started and not serving.done():
                await asyncio.sleep(POLL_S)
        if not serving.done():
            ready({"base_url": settings.base_url})
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
    finally:
        hub.close()
        server.should_exit = True
        await serving
