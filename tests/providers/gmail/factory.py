"""Mails, permits and clients for the tests of the Gmail adapter."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from tests.sandbox.gmail import discovery
from tests.sandbox.gmail.standin import Mailbox
from trinity.kit.permit import Permit, mint, origin_of
from trinity.providers.gmail.account import GmailAccount, GmailClient
from trinity.providers.gmail.materialise import Address, Mail, reply_to_address

TOKEN = "op-0123456789abcdef"
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
TIMEOUT_S = 10.0


def a_mail(mailbox: str = "ops@agency.example", **changes: Any) -> Mail:
    """A mail that is good; `changes` are fields."""
    mail = Mail(
        sender=Address(mailbox, "The Agency"),
        to=(Address("x@customer.example", "Xenia"),),
        cc=(),
        bcc=(),
        subject="The offer",
        text="Hello Xenia,\n\nhere it is: https://agency.example/offer?a=1&b=2\n",
        reply_to=Address(reply_to_address(mailbox, TOKEN)),
        token=TOKEN,
        date=NOW,
        thread=None,
    )
    return replace(mail, **changes)


def a_permit(base_url: str, *, operation: str = "gmail.send", left_s: float = 30) -> Permit:
    """Leave to act on one origin, from now on."""
    return mint(
        tool_call_id=UUID(int=7),
        epoch=1,
        operation=operation,
        origins=frozenset({origin_of(base_url)}),
        deadline=datetime.now(UTC) + timedelta(seconds=left_s),
    )


def an_account(base_url: str, address: str = "ops@agency.example", refresh_token: str = "r-secret") -> GmailAccount:
    """Where a mailbox is."""
    return GmailAccount(base_url, f"{base_url}/token", "client", "c-secret", refresh_token, address)


def system_clock() -> datetime:
    """The present."""
    return datetime.now(UTC)


def a_client(box: Mailbox, http: httpx.AsyncClient, *, clock: Callable[[], datetime] = system_clock) -> GmailClient:
    """A client for a mailbox of the stand-in."""
    return GmailClient(an_account(box.standin.base_url, box.address, box.refresh_token), http, clock=clock)


async def check_call(request: httpx.Request) -> None:
    """For httpx's request hook: every call that the adapter makes is one that Google's document knows."""
    if "/gmail/v1/" in request.url.path:
        discovery.check_request(request.method, str(request.url), request.content)
