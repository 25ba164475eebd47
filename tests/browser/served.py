"""The web app on a desk in memory, served from a thread: for tests of the client alone."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from tests.web.desk_in_memory import DeskInMemory
from trinity.host import free_port
from trinity.web.app import build_app
from trinity.web.config import WebConfig
from trinity.web.live import Hub

TOKEN = "a-session-of-the-tests"
START_S = 10.0


@dataclass
class Served:
    """A running app whose desk a test changes."""

    base_url: str
    desk: DeskInMemory
    hub: Hub
    loop: asyncio.AbstractEventLoop

    def change(self, how: Callable[[DeskInMemory], object]) -> None:
        """Change what the desk answers, and tell every open page."""
        how(self.desk)
        self.loop.call_soon_threadsafe(self.hub.mark_all)


@contextmanager
def serving() -> Iterator[Served]:
    """Serve until the block ends."""
    port = free_port()
    base_url = f"http://localhost:{port}"
    desk, hub = DeskInMemory(), Hub(None)
    desk.tokens[TOKEN] = desk.who
    app = build_app(WebConfig(base_url, b"k" * 32, "http://127.0.0.1:8025"), desk, hub)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=1))
    loop = asyncio.new_event_loop()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(server.serve())
        loop.close()

    thread = threading.Thread(target=run, name="served", daemon=True)
    thread.start()
    try:
        _wait_until_started(server)
        yield Served(base_url, desk, hub, loop)
    finally:
        loop.call_soon_threadsafe(hub.close)
        server.should_exit = True
        thread.join(START_S)


def _wait_until_started(server: uvicorn.Server) -> None:
    waited = threading.Event()
    for _ in range(int(START_S * 100)):
        if server.started:
            return
        waited.wait(0.01)
    raise AssertionError("the server did not start")
