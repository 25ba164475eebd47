"""Faults on demand, and the log of calls: an ASGI layer around the provider's own routes.

accept_then_drop    the request is carried out, then the connection is cut without an answer
error_after_commit  the request is carried out, then answered with 500
reject_500          answered with 500, nothing is carried out
unavailable         answered with 503, nothing is carried out
429                 answered with Google's rate limit error, nothing is carried out
delay               carried out and answered after `seconds`
slow_answer         carried out at once, answered after `seconds`
stale_list          a GET: lists lack what is younger than `seconds`
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from trinity_sandbox.gmail.books import Books
from trinity_sandbox.gmail.errors import GoogleError
from trinity_sandbox.serving import DROP

MODES = (
    "accept_then_drop", "error_after_commit", "reject_500", "unavailable", "429", "delay", "slow_answer", "stale_list",
)  # fmt: skip
STALE = "trinity_sandbox.stale_s"
"""The key in the state of an HTTP scope under which a list finds how many seconds it is behind."""
SECONDS_MAX = 120.0
RETRY_AFTER_S = 2
DROPPED = 0

REFUSALS = {
    "reject_500": GoogleError(500, "backendError", "Internal error encountered."),
    "error_after_commit": GoogleError(500, "backendError", "Internal error encountered."),
    "unavailable": GoogleError(503, "backendError", "The service is currently unavailable."),
    "429": GoogleError(429, "rateLimitExceeded", "User-rate limit exceeded."),
}


@dataclass(slots=True)
class Fault:
    """A fault that waits for the next `times` requests whose path contains `path_contains`."""

    path_contains: str
    mode: str
    times: int
    seconds: float = 0.0
    method: str | None = None


class Faults:
    """The faults that wait. They live in memory: a restart has none."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let a fault wait behind those before it."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Forget all."""
        self._waiting.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault that this request meets, counted down."""
        for fault in self._waiting:
            is_met = fault.path_contains in path and fault.method in (None, method)
            if is_met and not (fault.mode == "stale_list" and method != "GET"):
                fault.times -= 1
                if fault.times <= 0:
                    self._waiting.remove(fault)
                return fault
        return None


class FaultLayer:
    """The ASGI layer. Control endpoints and the page pass through untouched and unlogged."""

    def __init__(self, app: ASGIApp, books: Books, faults: Faults) -> None:
        self._app = app
        self._books = books
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry out one request, faulty or not, and note it."""
        path, method = scope["path"], str(scope.get("method", ""))
        if not method or path == "/" or path.startswith("/_sandbox"):
            await self._app(scope, receive, send)
            return
        fault = self._faults.take(method, path)
        mode = fault.mode if fault else ""
        if fault and mode == "stale_list":
            scope["state"][STALE] = fault.seconds
        if fault and mode == "delay":
            receive = await _read_whole(receive)
            await asyncio.sleep(fault.seconds)
        answer = _Answer()
        if mode not in ("reject_500", "unavailable", "429"):
            await self._app(scope, receive, answer.keep)
        if mode in REFUSALS:
            answer.refuse(REFUSALS[mode])
        self._books.note_call(method, path, DROPPED if mode == "accept_then_drop" else answer.status)
        if mode == "accept_then_drop":
            await _drop(scope, receive)
            return
        if fault and mode == "slow_answer":
            await asyncio.sleep(fault.seconds)
        for message in answer.messages:
            await send(message)


class _Answer:
    """An answer that is held back until it is known whether it may go out."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.status = 500

    async def keep(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self.messages.append(message)

    def refuse(self, error: GoogleError) -> None:
        body = json.dumps(error.body()).encode()
        headers: list[tuple[bytes, bytes]] = [
            (b"content-type", b"application/json; charset=UTF-8"),
            (b"content-length", str(len(body)).encode()),
        ]
        if error.status == 429:
            headers.append((b"retry-after", str(RETRY_AFTER_S).encode()))
        self.status = error.status
        self.messages = [
            {"type": "http.response.start", "status": error.status, "headers": headers},
            {"type": "http.response.body", "body": body, "more_body": False},
        ]


async def _read_whole(receive: Receive) -> Receive:
    """Take the request in before a delay, so that it is carried out although its caller has left."""
    first = await receive()
    taken = [first]
    while first["type"] == "http.request" and taken[-1].get("more_body"):
        taken.append(await receive())

    async def replay() -> Any:
        return taken.pop(0) if taken else await receive()

    return replay


async def _drop(scope: Any, receive: Receive) -> None:
    """Cut the connection and wait until the server has seen it, so that it sends nothing by itself."""
    scope[DROP]()
    while (await receive())["type"] != "http.disconnect":
        pass
