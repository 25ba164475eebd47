"""Faults on demand, and the log of calls: a layer around the API, under `/v1/` only.

A fault waits for matching requests. What each does to the effect and to the caller:

| mode | effect | answer | the idempotency key remembers |
|---|---|---|---|
| `accept_then_drop` | carried out | the connection is cut | the real answer |
| `error_after_commit` | carried out | 500 | the 500 |
| `reject_500` | none | 500 | the 500 |
| `unavailable` | none | 503 | nothing |
| `429` | none | 429 with Retry-After | nothing |
| `delay` | carried out, `seconds` later | the real one | the real answer |
| `slow_answer` | carried out | the real one, `seconds` later | the real answer |
| `stale_list` | a GET | lists lack what is younger than `seconds` | |
| `duplicate` | an event whose type contains `path_contains` goes out once more | | |
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from trinity_sandbox.serving import DROP
from trinity_sandbox.stripe.books import Books
from trinity_sandbox.stripe.errors import StripeError
from trinity_sandbox.stripe.ids import token

MODES = (
    "accept_then_drop", "error_after_commit", "reject_500", "unavailable", "429", "delay", "slow_answer",
    "stale_list", "duplicate",
)  # fmt: skip
SECONDS_MAX = 3_600.0
RETRY_AFTER_S = 2
DROPPED = 0

FAULT = "trinity_sandbox.fault"
"""The key in the state of an HTTP scope under which the API finds the fault that it must carry out itself."""

BEFORE = {
    "unavailable": StripeError(503, "The service is temporarily unavailable.", kind="api_error"),
    "429": StripeError(
        429,
        "Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits.",
        code="rate_limit",
    ),
}
IN_USE = StripeError(
    409,
    "There is currently another in-progress request using this Idempotent Key (that probably means you submitted"
    " twice, and the other request is still going through). Please try again later.",
    kind="idempotency_error",
    code="idempotency_key_in_use",
)


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
            is_met = fault.path_contains in path and fault.method in (None, method) and fault.mode != "duplicate"
            if is_met and not (fault.mode == "stale_list" and method != "GET"):
                return self._counted(fault)
        return None

    def take_duplicate(self, event_type: str) -> bool:
        """Whether this event must go out twice."""
        for fault in self._waiting:
            if fault.mode == "duplicate" and fault.path_contains in event_type:
                self._counted(fault)
                return True
        return False

    def _counted(self, fault: Fault) -> Fault:
        fault.times -= 1
        if fault.times <= 0:
            self._waiting.remove(fault)
        return fault


class FaultLayer:
    """The ASGI layer. Control endpoints and pages pass through untouched and unlogged."""

    def __init__(self, app: ASGIApp, books: Books, faults: Faults) -> None:
        self._app = app
        self._books = books
        self._faults = faults
        self._in_flight: set[tuple[bytes, bytes] | None] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry out one request, faulty or not, and note it."""
        path, method = scope["path"], str(scope.get("method", ""))
        if not path.startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        key = headers.get(b"idempotency-key", b"")
        mark = (headers.get(b"authorization", b""), key) if key and method == "POST" else None
        fault = self._faults.take(method, path)
        answer = _Answer()
        if mark is not None and mark in self._in_flight:
            answer.refuse(IN_USE)
        elif fault is not None and fault.mode in BEFORE:
            answer.refuse(BEFORE[fault.mode])
        else:
            self._in_flight |= {mark} - {None}
            try:
                await self._carry_out(fault, answer, scope, receive)
            finally:
                self._in_flight.discard(mark)
        is_dropped = fault is not None and fault.mode == "accept_then_drop"
        noted = DROPPED if is_dropped else answer.status
        self._books.note_call(method, path, noted, key.decode("latin-1") or None)
        if is_dropped:
            await _drop(scope, receive)
            return
        for message in answer.messages:
            await send(message)

    async def _carry_out(self, fault: Fault | None, answer: "_Answer", scope: Scope, receive: Receive) -> None:
        if fault is not None:
            scope["state"][FAULT] = fault
        if fault is not None and fault.mode == "delay":
            receive = await _read_whole(receive)
            await asyncio.sleep(fault.seconds)
        await self._app(scope, receive, answer.keep)
        if fault is not None and fault.mode == "slow_answer":
            await asyncio.sleep(fault.seconds)


class _Answer:
    """An answer that is held back until it is known whether it may go out."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.status = 500

    async def keep(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self.messages.append(message)

    def refuse(self, error: StripeError) -> None:
        body = json.dumps(error.body()).encode()
        headers: list[tuple[bytes, bytes]] = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"request-id", f"req_{token(14)}".encode()),
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
