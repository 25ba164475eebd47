"""The only way out: HTTP to the agents' door on this machine, with the run's lease.

The address must be a loopback address, said as a number, so that no name is ever looked up. Redirects are
not followed, answers are read up to a limit, and nothing is tried twice.
"""

import http.client
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from trinity_runtime import limits

LOOPBACK = {"127.0.0.1": socket.AF_INET, "::1": socket.AF_INET6, "localhost": socket.AF_INET}
LEASE_GONE_CODES = frozenset({"lease_revoked", "lease_expired", "run_stopped"})


class DoorBroken(Exception):
    """The door could not be reached, or did not speak its protocol."""


class LeaseGone(Exception):
    """The lease is revoked, expired or its run stopped: nothing may be called any more."""


class Denied(Exception):
    """The door answered no. `code` and `message` are its own words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Address:
    """Where the door is: a loopback address, a TCP port, and the path that its calls start with."""

    host: str
    family: int
    port: int
    path: str


def parse_address(url: str) -> Address:
    """Read the door's URL, or raise `ValueError`: plain HTTP, loopback, a port, nothing else in it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or host not in LOOPBACK:
        raise ValueError("the door must be plain HTTP on a loopback address")
    if parts.port is None or parts.port == 0:
        raise ValueError("the door's URL must name its port")
    if parts.query or parts.fragment or parts.username is not None or parts.password is not None:
        raise ValueError("the door's URL must be an origin and a path")
    numeric = "127.0.0.1" if host == "localhost" else host
    return Address(numeric, LOOPBACK[host], parts.port, parts.path.rstrip("/"))


@dataclass
class Door:
    """One run's calls. `deadline` is on the clock that `now` reads, in seconds."""

    address: Address
    lease: str = field(repr=False)
    deadline: float
    now: Callable[[], float] = time.monotonic
    calls: int = 0

    def get(self, path: str) -> dict[str, Any]:
        """GET a path of the door; the parsed answer, or one of this module's errors."""
        return self._call("GET", path, None, limits.DOOR_CALL_SECONDS_MAX)

    def post(
        self, path: str, body: dict[str, Any], *, seconds_max: float = limits.DOOR_CALL_SECONDS_MAX
    ) -> dict[str, Any]:
        """POST a JSON body to a path of the door; the parsed answer, or one of this module's errors."""
        return self._call("POST", path, body, seconds_max)

    def finish(self, outcome: str, summary: str) -> None:
        """Report the end of the run. Allowed even when the run's calls or its time are used up."""
        self.calls = min(self.calls, limits.DOOR_CALLS_MAX - 1)
        self.deadline = max(self.deadline, self.now() + limits.DOOR_CALL_SECONDS_MAX)
        self.post("/finish", {"outcome": outcome, "summary": summary})

    def _call(self, method: str, path: str, body: dict[str, Any] | None, seconds_max: float) -> dict[str, Any]:
        if self.calls >= limits.DOOR_CALLS_MAX:
            raise DoorBroken("this run has used up its calls")
        left_s = self.deadline - self.now()
        if left_s <= 0:
            raise DoorBroken("this run has used up its time")
        self.calls += 1
        data = b"" if body is None else json.dumps(body, allow_nan=False).encode("ascii")
        if len(data) > limits.REQUEST_BYTES_MAX:
            raise DoorBroken(f"a request of more than {limits.REQUEST_BYTES_MAX} bytes")
        return _judged(self._exchange(method, path, data, min(seconds_max, left_s)))

    def _exchange(self, method: str, path: str, data: bytes, timeout_s: float) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.address.host, self.address.port, timeout=timeout_s)
        try:
            # The socket is made here because HTTPConnection would ask the resolver, even for a number.
            connection.sock = socket.socket(self.address.family, socket.SOCK_STREAM)
            connection.sock.settimeout(timeout_s)
            connection.sock.connect((self.address.host, self.address.port))
            headers = {"Authorization": f"Bearer {self.lease}", "Accept": "application/json"}
            if method == "POST":
                headers["Content-Type"] = "application/json"
            connection.request(method, self.address.path + path, body=data or None, headers=headers)
            response = connection.getresponse()
            return response.status, _bounded(response, self.now, self.now() + timeout_s)
        except (OSError, http.client.HTTPException) as error:
            raise DoorBroken(f"{method} {path}: {type(error).__name__}") from error
        finally:
            connection.close()


def _bounded(response: http.client.HTTPResponse, now: Callable[[], float], deadline: float) -> bytes:
    """Read an answer up to the limit; a slow trickle ends at the deadline, not never."""
    found = bytearray()
    while chunk := response.read1(65_536):
        found += chunk
        if len(found) > limits.ANSWER_BYTES_MAX:
            raise DoorBroken(f"an answer of more than {limits.ANSWER_BYTES_MAX} bytes")
        if now() > deadline:
            raise DoorBroken("an answer that took too long")
    return bytes(found)


def _judged(answer: tuple[int, bytes]) -> dict[str, Any]:
    status, data = answer
    if status not in (200, 201):
        raise DoorBroken(f"the door answered with status {status}")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DoorBroken("the door's answer is not JSON") from error
    if not isinstance(value, dict):
        raise DoorBroken("the door's answer is not an object")
    if value.get("ok") is False:
        code, message = str(value.get("code", "denied")), str(value.get("message", ""))
        if code in LEASE_GONE_CODES:
            raise LeaseGone(code)
        raise Denied(code, message)
    return value
