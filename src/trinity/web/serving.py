"""Serving the web app: one process, one event loop, until asked to stop."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime

import uvicorn

from trinity.errors import Refused
from trinity.gateway import House
from trinity.kit.permit import origin_of
from trinity.settings import Settings
from trinity.store.checks import assert_safe
from trinity.store.database import Database
from trinity.web.app import build_app
from trinity.web.config import WebConfig
from trinity.web.context_desk import ContextDesk
from trinity.web.live import Hub

GRACE_S = 2
"""How long open requests may go on after the process was asked to stop; streams end at once."""
KEEP_ALIVE_S = 30
BACKLOG = 512
REQUESTS_MAX = 6_000
"""Concurrent connections of one process, open pages included; more are told to come back (503)."""


class _Server(uvicorn.Server):
    """Signals belong to the command line; `started_event` is set once requests are answered."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.started_event = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say so when the server stands."""
        await super().startup(sockets)
        self.started_event.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signal handlers as they are."""
        yield


async def serve(
    settings: Settings,
    ready: Callable[[dict[str, object]], None],
    stop: asyncio.Event,
    *,
    is_fsync_demanded: bool = True,
) -> None:
    """Serve until `stop`; `ready` is told once, when requests are answered."""
    if settings.app_database_url is None:
        raise Refused("setting_missing", "TRINITY_APP_DATABASE_URL is not set.")
    async with Database(settings.app_database_url, name="web") as db:
        await assert_safe(db, is_fsync_demanded=is_fsync_demanded)
        hub = Hub(settings.app_database_url)
        house = House(db, settings, lambda: datetime.now(UTC))
        app = build_app(config_of(settings), ContextDesk(house, settings.log_verifier_key), hub, house=house)
        server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=GRACE_S,
                timeout_keep_alive=KEEP_ALIVE_S,
                limit_concurrency=REQUESTS_MAX,
                ws="none",
            )
        )
        with _listening(settings.bind_host, settings.bind_port) as listener:
            serving = asyncio.create_task(server.serve([listener]), name="web server")
            await _first(serving, server.started_event.wait())
            if not serving.done():
                ready({"role": "web", "base_url": settings.base_url, "port": listener.getsockname()[1]})
                await _first(serving, stop.wait())
            hub.close()
            server.should_exit = True
            await serving


async def _first(serving: asyncio.Task[None], other: Coroutine[object, object, object]) -> None:
    """Wait until the server ends or the other thing happens."""
    waiting = asyncio.ensure_future(other)
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


def config_of(settings: Settings) -> WebConfig:
    """Where the app stands, and which stand-ins are in use."""
    mail, model, money = (
        origin_of(url) if url and settings.mode_of(url) == "sandbox" else None
        for url in (settings.gmail_api_base, settings.nvidia_base_url, settings.stripe_api_base)
    )
    return WebConfig(settings.base_url, settings.demand_secret_key(), mail, model, settings.trusted_proxies, money)


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host.strip("[]"), port))
        except OSError as error:
            raise Refused("port_taken", f"{host}:{port} cannot be listened on: {error.strerror}.") from error
        listener.listen(BACKLOG)
        listener.setblocking(False)
        yield listener
