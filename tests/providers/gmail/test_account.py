"""How a call can end, and what each end says about the outside world."""

import json
import socket
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import httpx
import pytest

from tests.providers.gmail import factory
from tests.providers.gmail.factory import a_client, a_mail, a_permit, an_account, system_clock
from tests.providers.gmail.wire import Wire, answer, serving
from tests.sandbox.gmail.standin import Mailbox
from trinity.errors import Declined, OutcomeUnknown, ProviderError, Unavailable
from trinity.providers import wire as wire_module
from trinity.providers.gmail import account as account_module
from trinity.providers.gmail import act, read
from trinity.providers.gmail.account import GmailClient
from trinity.providers.gmail.failures import ClientRefused, GmailRefused, MailboxDisconnected, NotCovered
from trinity.providers.gmail.materialise import render

RAW = render(a_mail())


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with serving() as found:
        yield found


@pytest.fixture
def wired(wire: Wire, http: httpx.AsyncClient) -> GmailClient:
    return GmailClient(an_account(wire.base_url), http, clock=system_clock)


def google(status: int, reason: str, *headers: str) -> bytes:
    body = {"error": {"code": status, "message": "So it is.", "errors": [{"reason": reason}]}}
    return answer(status, json.dumps(body).encode(), *headers)


LOST = [
    pytest.param(None, id="cut before the answer"),
    pytest.param(answer(200, b'{"id": "1"', length=500), id="cut within the answer"),
    pytest.param(answer(200, b'{"id": '), id="not JSON"),
    pytest.param(answer(200, b"[]"), id="not an object"),
    pytest.param(answer(204, b""), id="another success"),
    pytest.param(answer(500, b"oops"), id="500"),
    pytest.param(google(503, "backendError"), id="503"),
    pytest.param(google(408, "timeout"), id="408"),
    pytest.param(answer(302, b"", "location: /token"), id="a redirect"),
    pytest.param(b"HTTP/9.9 nonsense\r\n\r\n", id="not HTTP"),
]


class TestWrites:
    @pytest.mark.parametrize("given", LOST)
    async def test_without_a_full_answer_the_outcome_is_unknown(
        self, wire: Wire, wired: GmailClient, given: bytes | None
    ) -> None:
        wire.answer = given
        with pytest.raises(OutcomeUnknown):
            await act.send_draft(wired, a_permit(wire.base_url), "r1", RAW, None)
        assert len(wire.requests) == 1

    @pytest.mark.parametrize("given", [b"{}", b'{"id": 5, "threadId": "1"}', b'{"id": "1"}'])
    async def test_an_answer_without_ids_leaves_the_outcome_unknown(
        self, wire: Wire, wired: GmailClient, given: bytes
    ) -> None:
        wire.answer = answer(200, given)
        with pytest.raises(OutcomeUnknown):
            await act.send_draft(wired, a_permit(wire.base_url), "r1", RAW, None)
        with pytest.raises(OutcomeUnknown):
            await act.create_draft(wired, a_permit(wire.base_url), RAW, None)

    async def test_an_answer_that_never_comes(self, wire: Wire, wired: GmailClient) -> None:
        wire.is_hanging = True
        with pytest.raises(OutcomeUnknown):
            await act.send_draft(wired, a_permit(wire.base_url, left_s=0.3), "r1", RAW, None)
        assert len(wire.requests) == 1

    async def test_an_answer_that_is_too_large(self, wire: Wire, wired: GmailClient) -> None:
        wire.answer = answer(200, b'{"id": "' + b"1" * (wire_module.RESPONSE_BYTES_MAX + 1) + b'"}')
        with pytest.raises(OutcomeUnknown, match="TooLarge"):
            await act.send_draft(wired, a_permit(wire.base_url), "r1", RAW, None)

    @pytest.mark.parametrize("reason", ["rateLimitExceeded", "userRateLimitExceeded"])
    @pytest.mark.parametrize("status", [403, 429])
    async def test_a_rate_limit_is_unavailable(self, wire: Wire, wired: GmailClient, status: int, reason: str) -> None:
        wire.answer = google(status, reason, "retry-after: 7")
        with pytest.raises(Unavailable) as raised:
            await act.create_draft(wired, a_permit(wire.base_url), RAW, None)
        assert raised.value.retry_after_s == 7
        assert len(wire.requests) == 1

    @pytest.mark.parametrize(("status", "reason"), [(400, "invalidArgument"), (403, "forbidden"), (404, "notFound")])
    async def test_a_refusal_is_declined(self, wire: Wire, wired: GmailClient, status: int, reason: str) -> None:
        wire.answer = google(status, reason)
        with pytest.raises(GmailRefused) as raised:
            await act.create_draft(wired, a_permit(wire.base_url), RAW, None)
        assert (raised.value.status, raised.value.reason, raised.value.code) == (status, reason, "gmail_refused")
        assert isinstance(raised.value, Declined)

    async def test_a_refused_access_token_is_unavailable_and_forgotten(self, wire: Wire, wired: GmailClient) -> None:
        wire.answer = google(401, "authError")
        with pytest.raises(Unavailable):
            await act.create_draft(wired, a_permit(wire.base_url), RAW, None)
        assert len(wire.requests) == 1
        wire.token_answer = answer(200, b'{"access_token": "another", "expires_in": 3599}')
        with pytest.raises(Unavailable):
            await act.create_draft(wired, a_permit(wire.base_url), RAW, None)
        assert b"authorization: Bearer another\r\n" in wire.requests[1]

    async def test_no_connection_is_unavailable(self, http: httpx.AsyncClient) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            base_url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        client = GmailClient(an_account(base_url), http, clock=system_clock)
        with pytest.raises(Unavailable, match="ConnectError"):
            await act.send_draft(client, a_permit(base_url), "r1", RAW, None)


class TestReads:
    @pytest.mark.parametrize("given", LOST)
    async def test_a_read_is_never_in_doubt(self, wire: Wire, wired: GmailClient, given: bytes | None) -> None:
        wire.answer = given
        with pytest.raises(Unavailable):
            await read.profile(wired)

    async def test_a_refused_token_is_fetched_again_once(self, wire: Wire, wired: GmailClient) -> None:
        wire.answer = google(401, "authError")
        with pytest.raises(MailboxDisconnected):
            await read.profile(wired)
        assert len(wire.requests) == 2

    async def test_redirects_are_not_followed(self, wire: Wire, wired: GmailClient) -> None:
        wire.answer = answer(302, b"", f"location: {wire.base_url}/elsewhere")
        with pytest.raises(Unavailable):
            await read.profile(wired)
        assert len(wire.requests) == 1


class TestPermits:
    async def refused(self, mailbox: Mailbox, http: httpx.AsyncClient, **changes: object) -> ProviderError:
        given = {"operation": "gmail.send", "left_s": 30.0, "base_url": mailbox.standin.base_url, **changes}
        permit = a_permit(str(given["base_url"]), operation=str(given["operation"]), left_s=float(str(given["left_s"])))
        with pytest.raises(NotCovered) as raised:
            await act.create_draft(a_client(mailbox, http), permit, RAW, None)
        assert not [one for one in mailbox.standin.books()["drafts"] if one["mailbox"] == mailbox.address]
        return raised.value

    @pytest.mark.parametrize(
        "changes", [{"operation": "stripe.refund"}, {"left_s": -1.0}, {"base_url": "http://127.0.0.1:9"}]
    )
    async def test_a_permit_that_does_not_reach_sends_nothing(
        self, mailbox: Mailbox, http: httpx.AsyncClient, changes: dict[str, object]
    ) -> None:
        before = len(mailbox.standin.books()["calls"])
        error = await self.refused(mailbox, http, **changes)
        assert isinstance(error, Unavailable)
        assert len(mailbox.standin.books()["calls"]) == before

    async def test_it_is_asked_again_after_the_token_was_fetched(
        self, mailbox: Mailbox, http: httpx.AsyncClient
    ) -> None:
        moments = iter([0.0, 0.0])

        def clock() -> datetime:
            return system_clock() + timedelta(seconds=next(moments, 60.0))

        client = a_client(mailbox, http, clock=clock)
        with pytest.raises(NotCovered):
            await act.create_draft(client, a_permit(mailbox.standin.base_url), RAW, None)
        assert mailbox.standin.books()["calls"][-1]["path"] == "/token"


class TestAccessTokens:
    def tokens(self, mailbox: Mailbox) -> int:
        return [one["path"] for one in mailbox.standin.books()["calls"]].count("/token")

    async def test_they_are_kept_until_shortly_before_they_expire(
        self, mailbox: Mailbox, http: httpx.AsyncClient
    ) -> None:
        now = factory.NOW
        client = a_client(mailbox, http, clock=lambda: now)
        before = self.tokens(mailbox)
        await read.profile(client)
        now += timedelta(seconds=3599 - account_module.TOKEN_MARGIN_S - 1)
        await read.profile(client)
        assert self.tokens(mailbox) == before + 1
        now += timedelta(seconds=1)
        await read.profile(client)
        assert self.tokens(mailbox) == before + 2

    async def test_a_revoked_grant_is_a_disconnected_mailbox(self, mailbox: Mailbox, client: GmailClient) -> None:
        await read.profile(client)
        mailbox.standin.control("revoke", mailbox=mailbox.address)
        with pytest.raises(Unavailable):
            await act.create_draft(client, a_permit(mailbox.standin.base_url), RAW, None)
        with pytest.raises(MailboxDisconnected) as raised:
            await act.create_draft(client, a_permit(mailbox.standin.base_url), RAW, None)
        assert raised.value.code == "mailbox_disconnected"
        with pytest.raises(MailboxDisconnected):
            await read.profile(client)

    @pytest.mark.parametrize(
        ("given", "kind"),
        [
            (answer(400, b'{"error": "invalid_grant"}'), MailboxDisconnected),
            (answer(401, b'{"error": "invalid_client"}'), ClientRefused),
            (answer(400, b"[]"), ClientRefused),
            (answer(429, b""), Unavailable),
            (answer(503, b""), Unavailable),
            (answer(200, b"{}"), Unavailable),
            (answer(200, b'{"access_token": "", "expires_in": 9}'), Unavailable),
            (answer(200, b'{"access_token": "t", "expires_in": "soon"}'), Unavailable),
            (answer(200, b"x" * 70_000), Unavailable),
        ],
    )
    async def test_what_the_token_endpoint_can_say(
        self, wire: Wire, wired: GmailClient, given: bytes, kind: type[ProviderError]
    ) -> None:
        wire.token_answer = given
        with pytest.raises(kind):
            await act.create_draft(wired, a_permit(wire.base_url), RAW, None)
        assert wire.requests == []

    async def test_a_grant_of_another_mailbox_is_refused_by_google(
        self, mailbox: Mailbox, http: httpx.AsyncClient
    ) -> None:
        other = mailbox.standin.mailbox()
        account = an_account(mailbox.standin.base_url, mailbox.address, other.refresh_token)
        client = GmailClient(account, http, clock=system_clock)
        with pytest.raises(GmailRefused, match="Delegation denied"):
            await act.create_draft(client, a_permit(mailbox.standin.base_url), RAW, None)


def test_secrets_do_not_show() -> None:
    shown = repr(an_account("https://gmail.googleapis.com"))
    assert "secret" not in shown
    assert "ops@agency.example" in shown
