"""Who is signed in. The cookie holds a random token; the server keeps its SHA-256 (see `accounts`)."""

from typing import Protocol

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from trinity.accounts import SignedIn
from trinity.web.config import WebConfig

TOKEN_CHARS_MAX = 128
"""A longer cookie is not ours and is not looked up."""


class Sessions(Protocol):
    """Where sessions are kept."""

    async def find(self, token: str) -> SignedIn | None:
        """The live session of a token, or None. Never writes."""

    async def sign_in(self, email: str, password: str, old_token: str | None) -> tuple[str, SignedIn]:
        """A new session under a new token; the old one ends. Refused `bad_credentials` (401)."""

    async def sign_out(self, token: str) -> None:
        """End the session; unknown tokens are ignored."""


def token_in(connection: ASGIConnection, config: WebConfig) -> str | None:  # type: ignore[type-arg]
    """The session token that the browser sent, if it can be one of ours."""
    token = connection.cookies.get(config.cookie_name)
    return token if token and len(token) <= TOKEN_CHARS_MAX else None


def cookie_for(config: WebConfig, token: str) -> Cookie:
    """The session cookie: unreadable by script, not sent along from other sites, ends with the browser."""
    return Cookie(key=config.cookie_name, value=token, path="/", secure=config.is_https, httponly=True, samesite="lax")


def cookie_away(config: WebConfig) -> Cookie:
    """The cookie that removes the session cookie."""
    return Cookie(
        key=config.cookie_name,
        value="",
        path="/",
        secure=config.is_https,
        httponly=True,
        samesite="lax",
        max_age=0,
    )
