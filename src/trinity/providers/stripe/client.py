"""One Stripe account and the only way to talk to it: bounded, one API version, never a repeated write.

What is written is the stored form-encoded body, byte for byte (I3), which is why this is not Stripe's own client: that
one encodes parameters anew and retries by itself. Sources: Stripe's API reference on authentication, versioning,
errors and idempotent requests.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from trinity.errors import Declined, OutcomeUnknown, ProviderError, Unavailable
from trinity.kit.permit import NotPermitted, Permit
from trinity.providers.wire import CALL_TIMEOUT_S, Got, exchange, json_object, lost, retry_after_s

API_VERSION = "2026-05-27.dahlia"
OPERATION_PREFIX = "stripe."
MESSAGE_CHARS_MAX = 300
IDEMPOTENCY_KEY_CHARS_MAX = 255


class StripeRefused(Declined):
    """Stripe answered 4xx: nothing happened. `status` is HTTP's, `reason` is Stripe's error code or type."""

    code = "stripe_refused"

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"Stripe refused ({status} {reason}): {message}")
        self.status = status
        self.reason = reason


class KeyRefused(StripeRefused):
    """Stripe no longer accepts our key; an owner has to connect the account again."""

    code = "stripe_key_refused"


class NotCovered(Unavailable):
    """The permit does not cover the call, or has run out; no byte left us."""

    code = "not_permitted"


@dataclass(frozen=True, slots=True)
class Answer:
    """A full 200 answer: the JSON object and the very bytes it came in."""

    data: dict[str, Any]
    raw: bytes


class StripeClient:
    """Calls for one Stripe account. `api_base` is what stands before `/v1`."""

    def __init__(self, api_base: str, api_key: str, http: httpx.AsyncClient, *, clock: Callable[[], datetime]) -> None:
        self.api_base = api_base.rstrip("/")
        self._key = _Secret(api_key)
        self._http = http
        self._clock = clock

    async def get(self, path: str, params: Sequence[tuple[str, str]] = ()) -> Answer:
        """Read. Fails as `Unavailable`, or as `StripeRefused` where Stripe said no; never `OutcomeUnknown`."""
        request = self._request("GET", path, {}, params=list(params))
        return _answer(await exchange(self._http, request, timeout_s=CALL_TIMEOUT_S, is_write=False), is_write=False)

    async def post(self, permit: Permit, path: str, form: bytes, idempotency_key: str) -> Answer:
        """Write `form` (application/x-www-form-urlencoded), once, as far as the permit reaches.

        Stripe keeps a key for at least 24 hours and answers a repeat with the first result, errors included; older
        keys run again, so whoever repeats after that looks first.
        """
        assert 1 <= len(idempotency_key) <= IDEMPOTENCY_KEY_CHARS_MAX
        try:
            left_s = permit.demand(OPERATION_PREFIX, f"{self.api_base}/v1/{path}", self._clock())
        except NotPermitted as error:
            raise NotCovered(str(error)) from error
        headers = {"content-type": "application/x-www-form-urlencoded", "idempotency-key": idempotency_key}
        request = self._request("POST", path, headers, content=form)
        got = await exchange(self._http, request, timeout_s=min(left_s, CALL_TIMEOUT_S), is_write=True)
        return _answer(got, is_write=True)

    def _request(self, method: str, path: str, more: Mapping[str, str], **given: Any) -> httpx.Request:
        headers = {
            "authorization": f"Bearer {self._key.value}",
            "accept": "application/json",
            "accept-encoding": "identity",
            "stripe-version": API_VERSION,
            **more,
        }
        try:
            return self._http.build_request(method, f"{self.api_base}/v1/{path}", headers=headers, **given)
        except httpx.InvalidURL as error:
            raise Unavailable("the Stripe address is not a URL") from error


@dataclass(frozen=True, slots=True)
class _Secret:
    """Never shown by a stray repr."""

    value: str = field(repr=False)


def _answer(got: Got, *, is_write: bool) -> Answer:
    if got.status != 200:
        raise failure(got, is_write=is_write)
    data = json_object(got.body)
    if data is None:
        raise lost("Stripe's answer is not a JSON object", is_write=is_write)
    return Answer(data, got.body)


def failure(got: Got, *, is_write: bool) -> ProviderError:
    """What an answer other than 200 means (Stripe's API reference, "Errors")."""
    error = (json_object(got.body) or {}).get("error")
    said = error if isinstance(error, dict) else {}
    reason = str(said.get("code") or said.get("type") or "")[:MESSAGE_CHARS_MAX]
    message = str(said.get("message", ""))[:MESSAGE_CHARS_MAX]
    if got.status == 401:
        return KeyRefused(got.status, reason, message)
    if got.status == 429:
        return Unavailable(f"Stripe asks to wait: {message}", retry_after_s=retry_after_s(got.headers))
    if got.status == 409 and is_write:
        # The same key is being worked on by another request: what becomes of it, a look will tell.
        return OutcomeUnknown(f"Stripe answered 409 to a write: {message}")
    if 400 <= got.status < 500 and got.status != 408:
        return StripeRefused(got.status, reason, message)
    if is_write:
        return OutcomeUnknown(f"Stripe answered {got.status} to a write: {message}")
    return Unavailable(f"Stripe answered {got.status}: {message}", retry_after_s=retry_after_s(got.headers))
