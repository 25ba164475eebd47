"""Handing a mail over: once, or not at all, or in doubt; the stand-in's books say which it was."""

import socket
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.sandbox.smtp.standin import SmtpStandIn
from trinity.errors import Declined, OutcomeUnknown, ProviderError, Unavailable
from trinity.kit.permit import Permit, mint, origin_of
from trinity.providers.smtp.account import LoginRefused, SmtpAccount
from trinity.providers.smtp.act import NotCovered, Reply, send
from trinity.providers.smtp.materialise import Notice, render
from trinity.providers.smtp.read import greet

SENDER = "notices@northwind.example"
RECIPIENTS = ("robin@northwind.example", "sam@northwind.example")
GREETING = "northwind.example"


def now() -> datetime:
    return datetime.now(UTC)


def a_permit(url: str, *, seconds: float = 10, operation: str = "system.notify") -> Permit:
    return mint(
        tool_call_id=uuid4(),
        epoch=1,
        operation=operation,
        origins=frozenset({origin_of(url)}),
        deadline=now() + timedelta(seconds=seconds),
    )


def a_notice(recipients: tuple[str, ...] = RECIPIENTS) -> bytes:
    return render(Notice(SENDER, recipients, "Order 7 was paid", "One line.\n.\n..two\n", now(), uuid4().hex))


async def hand_over(standin: SmtpStandIn, raw: bytes, **changes: object) -> Reply:
    url = standin.smtp_url
    given = {"permit": a_permit(url), "sender": SENDER, "recipients": RECIPIENTS, "clock": now, **changes}
    return await send(SmtpAccount(url), raw=raw, **given)  # type: ignore[arg-type]


async def test_it_is_taken_once_byte_for_byte(standin: SmtpStandIn) -> None:
    raw = a_notice()
    reply = await hand_over(standin, raw)
    assert reply.text.startswith("2.0.0 OK sandbox-")
    assert [one for one in standin.taken() if one == raw] == [raw]
    assert standin.books()["mails"][-1]["recipients"] == list(RECIPIENTS)


@pytest.mark.parametrize(
    ("command", "mode", "error", "taken"),
    [
        ("MAIL", "reject_450", Unavailable, 0),
        ("RCPT", "reject_450", Unavailable, 0),
        ("DATA", "reject_450", Unavailable, 0),
        ("MAIL", "reject_550", Declined, 0),
        ("RCPT", "reject_550", Declined, 0),
        ("DATA", "reject_550", Declined, 0),
        ("MAIL", "drop", Unavailable, 0),
        ("RCPT", "drop", Unavailable, 0),
        ("RCPT", "close_421", Unavailable, 0),
        ("DATA", "drop", OutcomeUnknown, 0),
        ("DATA", "close_421", OutcomeUnknown, 0),
        ("DATA", "accept_then_drop", OutcomeUnknown, 1),
    ],
)
async def test_a_failure_says_what_may_have_happened(
    standin: SmtpStandIn, command: str, mode: str, error: type[ProviderError], taken: int
) -> None:
    raw = a_notice()
    standin.fault(mode, command)
    with pytest.raises(error):
        await hand_over(standin, raw)
    assert standin.taken().count(raw) == taken


async def test_one_refused_recipient_is_all_refused(standin: SmtpStandIn) -> None:
    recipients = tuple(f"r{n}@northwind.example" for n in range(3))
    raw = a_notice(recipients)
    standin.fault("reject_550", "RCPT")
    with pytest.raises(Declined):
        await hand_over(standin, raw, recipients=recipients)
    assert raw not in standin.taken()


async def test_a_reply_that_is_later_than_the_permit_leaves_doubt(standin: SmtpStandIn) -> None:
    raw = a_notice()
    standin.fault("delay", seconds=3)
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        await hand_over(standin, raw, permit=a_permit(standin.smtp_url, seconds=0.4))
    assert time.monotonic() - began < 2
    assert standin.taken().count(raw) == 1


async def test_a_permit_that_runs_out_on_the_way_stops_it_before_the_mail(standin: SmtpStandIn) -> None:
    raw, clocks = a_notice(), iter([now(), now() + timedelta(seconds=60)])
    with pytest.raises(NotCovered):
        await hand_over(standin, raw, clock=lambda: next(clocks))
    assert raw not in standin.taken()


@pytest.mark.parametrize("what", ["other origin", "other operation", "run out"])
async def test_nothing_is_opened_without_a_permit_for_it(standin: SmtpStandIn, what: str) -> None:
    permit = {
        "other origin": a_permit("smtp://127.0.0.1:1"),
        "other operation": a_permit(standin.smtp_url, operation="gmail.send"),
        "run out": a_permit(standin.smtp_url, seconds=-1),
    }[what]
    answers = len(standin.books()["answers"])
    with pytest.raises(NotCovered):
        await hand_over(standin, a_notice(), permit=permit)
    assert len(standin.books()["answers"]) == answers


@pytest.mark.parametrize(
    "changes",
    [
        {"recipients": ("eve@evil.example",)},
        {"recipients": (*RECIPIENTS, "eve@evil.example")},
        {"recipients": RECIPIENTS[:1]},
        {"sender": "eve@evil.example"},
        {"raw": a_notice() + b"a bare\nline break\r\n"},
        {"raw": a_notice()[:-2]},
    ],
)
async def test_the_bytes_decide_who_gets_them(standin: SmtpStandIn, changes: dict[str, object]) -> None:
    answers = len(standin.books()["answers"])
    with pytest.raises(Declined):
        await hand_over(standin, **{"raw": a_notice(), **changes})  # type: ignore[arg-type]
    assert len(standin.books()["answers"]) == answers


async def test_a_wrong_password_is_said_and_takes_nothing(standin: SmtpStandIn) -> None:
    standin.control("logins", logins={"notices": "right"})
    parts = urlsplit(standin.smtp_url)
    wrong, right = (SmtpAccount(f"smtp://notices:{word}@{parts.netloc}") for word in ("wrong", "right"))
    raw = a_notice()
    with pytest.raises(LoginRefused):
        await send(wrong, a_permit(wrong.url), raw, SENDER, RECIPIENTS, now)
    with pytest.raises(LoginRefused):
        await greet(wrong, GREETING)
    await greet(right, GREETING)
    assert raw not in standin.taken()
    await send(right, a_permit(right.url), raw, SENDER, RECIPIENTS, now)
    assert standin.taken().count(raw) == 1


async def test_a_server_elsewhere_must_encrypt(standin: SmtpStandIn) -> None:
    """127.1 is this machine by another name, which nobody takes for loopback: the stand-in cannot encrypt."""
    url = f"smtp://127.1:{urlsplit(standin.smtp_url).port}"
    raw = a_notice()
    with pytest.raises(Unavailable, match="STARTTLS"):
        await send(SmtpAccount(url), a_permit(url), raw, SENDER, RECIPIENTS, now)
    assert raw not in standin.taken()
    await send(SmtpAccount(url, is_sandbox=True), a_permit(url), raw, SENDER, RECIPIENTS, now)
    assert standin.taken().count(raw) == 1


@pytest.mark.parametrize(
    ("url", "is_sandbox", "needs_tls"),
    [
        ("smtp://mail.example", False, True),
        ("smtp://10.0.0.7:25", False, True),
        ("smtp://localhost.evil.example", False, True),
        ("smtp://mail.example", True, False),
        ("smtp://localhost", False, False),
        ("smtp://[::1]:2525", False, False),
        ("smtp://127.0.0.1:2525", False, False),
    ],
)
def test_encryption_is_demanded_off_this_machine(url: str, is_sandbox: bool, needs_tls: bool) -> None:
    assert SmtpAccount(url, is_sandbox).needs_tls is needs_tls


async def test_a_server_that_is_not_there_or_says_nothing_got_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"smtp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unavailable):
            await send(SmtpAccount(url), a_permit(url, seconds=0.3), a_notice(), SENDER, RECIPIENTS, now)
    with pytest.raises(Unavailable):
        await greet(SmtpAccount(url), GREETING)


def test_an_account_does_not_show_its_address() -> None:
    assert "canary" not in repr(SmtpAccount("smtp://notices:canary@mail.example"))
