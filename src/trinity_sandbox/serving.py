"""What every stand-in's server needs: a loopback socket, the ready line, an end with its parent.

It also lets an application drop a connection without a word (`DROP`), which is how a stand-in shows what
a caller sees when the provider accepted a request and the answer was lost.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from typing import Any, Protocol

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

DROP = "trinity_sandbox.drop"
"""The key in an HTTP scope under which the application finds a function that cuts the connection."""

PARENT_POLL_S = 0.2
GRACE_S = 2
BACKLOG = 256


class Beside(Protocol):
    """A second server of a stand-in, in the same process."""

    async def start(self) -> dict[str, str]:
        """Listen; gives what the ready line says too."""

    def stop(self) -> None:
        """Take nothing more."""


class DroppableProtocol(H11Protocol):
    """Uvicorn's own HTTP/1.1 protocol, with the connection's abort handed to the application."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inner = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope[DROP] = self.transport.abort
            await inner(scope, receive, send)

        self.app = app


class AnnouncingServer(uvicorn.Server):
    """A server that says on standard output when it is ready, and stops when its parent is gone."""

    def __init__(
        self, config: uvicorn.Config, *, name: str, base_url: str, parent_pid: int | None, beside: Beside | None
    ) -> None:
        super().__init__(config)
        self._ready = {"ready": True, "name": name, "base_url": base_url}
        self._beside = beside
        self._parent_pid = parent_pid
        self._watch: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then announce."""
        await super().startup(sockets)
        if self._parent_pid is not None:
            self._watch = asyncio.create_task(self._end_with_parent(self._parent_pid))
        more = await self._beside.start() if self._beside is not None else {}
        print(json.dumps(self._ready | more), flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, the second server first."""
        if self._beside is not None:
            self._beside.stop()
        await super().shutdown(sockets)

    async def _end_with_parent(self, parent_pid: int) -> None:
        while os.getppid() == parent_pid:  # noqa: ASYNC110 - no event tells that a parent died
            await asyncio.sleep(PARENT_POLL_S)
        os.kill(os.getpid(), signal.SIGTERM)


def serve(app: Any, *, name: str, host: str, port: int, parent_pid: int | None, beside: Beside | None = None) -> int:
    """Serve `app` on `host:port` (0 chooses a port) until SIGTERM or SIGINT; returns the exit code."""
    try:
        listener = _listen(host, port)
    except OSError as error:
        print(f"cannot listen on {host}:{port}: {error}", file=sys.stderr)
        return 1
    config = uvicorn.Config(
        app,
        http=DroppableProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    base_url = f"http://{host}:{listener.getsockname()[1]}"
    server = AnnouncingServer(config, name=name, base_url=base_url, parent_pid=parent_pid, beside=beside)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(server.serve(sockets=[listener]))
    return 0


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio switches Nagle's delay off only for sockets that name it.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
