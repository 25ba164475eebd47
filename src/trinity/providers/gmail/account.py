"""One mailbox and the only way to talk to it: bounded, without redirects, without repeating a write.

A connection that could not be made is `Unavailable`; a write whose full answer did not arrive is
`OutcomeUnknown`; see `failures`. The mailbox's address is part of every URL, so that a grant that belongs
to another mailbox is refused by Google instead of acting there.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from trinity.errors import ProviderError, Unavailable
from trinity.kit.permit import NotPermitted, Permit
from trinity.providers.gmail.failures import (
    ClientRefused,
    GmailRefused,
    MailboxDisconnected,
    NotCovered,
    failure,
)
from trinity.providers.wire import CALL_TIMEOUT_S, Got, exchange, json_object, lost

OPERATION_PREFIX = "gmail."
TOKEN_RESPONSE_BYTES_MAX = 64 * 1024
TOKEN_MARGIN_S = 60
TOKEN_LIFE_MAX_S = 3600


@dataclass(frozen=True, slots=True)
class GmailAccount:
    """Where a mailbox is and how to open it. Secrets never show in a repr.

    `api_base` is the part of URLs before `/gmail/v1`; `token_url` is the OAuth token endpoint.
    """

    api_base: str
    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    address: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A full 200 answer: the JSON object and the very bytes it came in."""

    data: dict[str, Any]
    raw: bytes


class GmailClient:
    """Calls for one mailbox. The access token is kept until shortly before it expires."""

    def __init__(self, account: GmailAccount, http: httpx.AsyncClient, *, clock: Callable[[], datetime]) -> None:
        self.account = account
        self._http = http
        self._clock = clock
        self._token = ""
        self._token_until: datetime | None = None
        self._token_lock = asyncio.Lock()

    def url(self, path: str) -> str:
        """The URL of a method of this mailbox; `path` is what follows `/users/{userId}/`."""
        user = quote(self.account.address, safe="@")
        return f"{self.account.api_base.rstrip('/')}/gmail/v1/users/{user}/{path}"

    async def get(self, path: str, params: Sequence[tuple[str, str]] = ()) -> Answer:
        """Read. Fails as `Unavailable`, or as `Declined` where Google said no; never `OutcomeUnknown`.

        A read that meets an expired access token is repeated once with a new one.
        """
        try:
            return await self._read(path, params)
        except GmailRefused as refusal:
            if refusal.status != 401:
                raise
        self._forget_token()
        try:
            return await self._read(path, params)
        except GmailRefused as refusal:
            raise _disconnected(refusal) from refusal

    async def post(self, permit: Permit, path: str, body: Mapping[str, object]) -> Answer:
        """Write, once, as far as the permit reaches; it is asked again after the access token was fetched."""
        url = self.url(path)
        self._demand(permit, url)
        token = await self._access_token()
        left_s = self._demand(permit, url)
        request = self._request("POST", url, token, content=json.dumps(body).encode())
        got = await exchange(self._http, request, timeout_s=min(left_s, CALL_TIMEOUT_S), is_write=True)
        if got.status == 401:
            # Google did nothing. The token was withdrawn or ran out early: the next try fetches a new one.
            self._forget_token()
            raise Unavailable("Google did not accept the access token")
        return _answer(got, is_write=True)

    async def _read(self, path: str, params: Sequence[tuple[str, str]]) -> Answer:
        token = await self._access_token()
        request = self._request("GET", self.url(path), token, params=list(params))
        return _answer(await exchange(self._http, request, timeout_s=CALL_TIMEOUT_S, is_write=False), is_write=False)

    def _demand(self, permit: Permit, url: str) -> float:
        try:
            return permit.demand(OPERATION_PREFIX, url, self._clock())
        except NotPermitted as error:
            raise NotCovered(str(error)) from error

    def _request(self, method: str, url: str, token: str, **given: Any) -> httpx.Request:
        headers = {
            "authorization": f"Bearer {token}",
            "accept": "application/json",
            "accept-encoding": "identity",
        }
        if method == "POST":
            headers["content-type"] = "application/json"
        try:
            return self._http.build_request(method, url, headers=headers, **given)
        except httpx.InvalidURL as error:
            raise Unavailable("the Gmail address is not a URL") from error

    # --- the access token -------------------------------------------------------------------------

    async def _access_token(self) -> str:
        async with self._token_lock:
            if self._token_until is None or self._clock() >= self._token_until:
                await self._refresh()
            return self._token

    def _forget_token(self) -> None:
        self._token, self._token_until = "", None

    async def _refresh(self) -> None:
        """RFC 6749, section 6. Nothing of the effect has left us when this fails."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": self.account.refresh_token,
            "client_id": self.account.client_id,
            "client_secret": self.account.client_secret,
        }
        try:
            request = self._http.build_request("POST", self.account.token_url, data=form)
        except httpx.InvalidURL as error:
            raise Unavailable("the token address is not a URL") from error
        asked_at = self._clock()
        got = await exchange(
            self._http, request, timeout_s=CALL_TIMEOUT_S, is_write=False, bytes_max=TOKEN_RESPONSE_BYTES_MAX
        )
        found = json_object(got.body) or {}
        token, life_s = found.get("access_token"), found.get("expires_in")
        if got.status != 200 or not isinstance(token, str) or not token or not isinstance(life_s, int):
            raise _token_failure(got, str(found.get("error", "")))
        life_s = min(life_s, TOKEN_LIFE_MAX_S) - TOKEN_MARGIN_S
        self._token, self._token_until = token, asked_at + timedelta(seconds=life_s)


def _answer(got: Got, *, is_write: bool) -> Answer:
    if got.status != 200:
        raise failure(got.status, got.headers, got.body, is_write=is_write)
    data = json_object(got.body)
    if data is None:
        raise lost("Gmail's answer is not a JSON object", is_write=is_write)
    return Answer(data, got.body)


def _disconnected(refusal: GmailRefused) -> ProviderError:
    if refusal.status == 401:
        return MailboxDisconnected("Google refuses a fresh access token of this mailbox")
    return refusal


def _token_failure(got: Got, error: str) -> ProviderError:
    if error == "invalid_grant":
        return MailboxDisconnected("Google says that the grant for this mailbox has expired or was revoked")
    if got.status != 429 and 400 <= got.status < 500:
        return ClientRefused(f"Google's token endpoint refused: {error[:100] or got.status}")
    return Unavailable(f"Google's token endpoint answered {got.status}")
