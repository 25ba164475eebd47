"""A person at the API, as a script: the same calls, the same cookie and CSRF header, as a browser."""

from types import TracebackType
from typing import Any

import httpx

from trinity.cli.first import FirstLogin
from trinity.errors import Refused

TIMEOUT_S = 20.0
API = "/api/v1"


class Person:
    """Somebody with a login."""

    def __init__(self, base_url: str, login: FirstLogin) -> None:
        self._login = login
        self._http = httpx.AsyncClient(
            base_url=base_url, timeout=TIMEOUT_S, trust_env=False, headers={"Origin": base_url}
        )

    async def __aenter__(self) -> "Person":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def sign_in(self) -> None:
        """Open a session."""
        body = {"email": self._login.email, "password": self._login.password}
        self._http.headers["X-CSRF-Token"] = (await self.post("/login", body))["csrf_token"]

    async def get(self, path: str) -> dict[str, Any]:
        """Read something."""
        return _good(await self._http.get(f"{API}{path}"))

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Do something."""
        return _good(await self._http.post(f"{API}{path}", json=body))

    async def refused(self, path: str, body: dict[str, Any]) -> str:
        """Try something that must be refused; returns the code."""
        answer = await self._http.post(f"{API}{path}", json=body)
        return str(answer.json().get("code", "")) if answer.is_error else f"{answer.status_code}, not refused"

    async def raw(self, path: str) -> bytes | None:
        """A file, or None if it is not there."""
        answer = await self._http.get(f"{API}{path}")
        return answer.content if answer.is_success else None


def _good(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise Refused("api_refused", f"{answer.request.method} {answer.request.url.path}: {answer.text[:500]}")
    found: dict[str, Any] = answer.json() if answer.content else {}
    return found
