"""One HTTP exchange with a provider: sent once, read whole, within a time and a size; failures by what may have happened.

A connection that could not be made is `Unavailable`: no byte left us. A write whose full answer did not arrive is
`OutcomeUnknown`; a read in that case is `Unavailable`, since reading changes nothing. Redirects are not followed.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from trinity.errors import OutcomeUnknown, ProviderError, Unavailable

CALL_TIMEOUT_S = 20.0
CONNECT_TIMEOUT_S = 5.0
RESPONSE_BYTES_MAX = 16 * 1024 * 1024
RETRY_AFTER_MAX_S = 3600.0

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass(frozen=True, slots=True)
class Got:
    """A full answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class TooLarge(Exception):
    """The answer is larger than allowed."""


async def exchange(
    http: httpx.AsyncClient,
    request: httpx.Request,
    *,
    timeout_s: float,
    is_write: bool,
    bytes_max: int = RESPONSE_BYTES_MAX,
) -> Got:
    """Send once and read the whole answer, within the time and the size allowed."""
    timeouts = httpx.Timeout(timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S))
    request.extensions["timeout"] = timeouts.as_dict()
    try:
        async with asyncio.timeout(timeout_s):
            response = await http.send(request, stream=True, follow_redirects=False)
            try:
                body = await _bounded(response, bytes_max)
            finally:
                await response.aclose()
    except _NOT_SENT as error:
        raise Unavailable(f"no connection: {type(error).__name__}") from error
    except (httpx.HTTPError, httpx.StreamError, TimeoutError, TooLarge) as error:
        raise lost(f"no full answer: {type(error).__name__}", is_write=is_write) from error
    return Got(response.status_code, response.headers, body)


def lost(message: str, *, is_write: bool) -> ProviderError:
    """An answer that cannot be used: after a write nobody knows what happened."""
    return OutcomeUnknown(message) if is_write else Unavailable(message)


def json_object(body: bytes) -> dict[str, Any] | None:
    """The answer's JSON object, or None."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait; only the number form of Retry-After is understood (RFC 9110, 10.2.3)."""
    text = headers.get("retry-after", "")
    if not (text.isascii() and text.isdigit()):
        return None
    return min(float(text[:10]), RETRY_AFTER_MAX_S)


async def _bounded(response: httpx.Response, bytes_max: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > bytes_max:
            raise TooLarge
    return bytes(body)
