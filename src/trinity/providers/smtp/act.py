"""Handing one mail to the server, once, under a Permit. Nothing here is ever repeated.

Until the line with the single dot has been written the server must do nothing (RFC 5321, section 4.1.1.4), so every
earlier failure is `Unavailable` or `SmtpRefused`. After it only a reply tells; without one the outcome is unknown.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiosmtplib import SMTP, SMTPException

from trinity.errors import OutcomeUnknown, ProviderError, Unavailable
from trinity.kit.permit import NotPermitted, Permit
from trinity.providers.gmail.address import MaterialiseRefused
from trinity.providers.smtp.account import SESSION_TIMEOUT_S, SmtpAccount, SmtpRefused, failure, said, session
from trinity.providers.smtp.materialise import SmtpEnvelope, envelope_of

OPERATION_PREFIX = "system."
START_INPUT, COMPLETED, CLOSING = 354, 250, 421
_LEADING_DOT = re.compile(rb"(?m)^\.")
_ODD_BREAK = re.compile(rb"(?<!\r)\n|\r(?!\n)|[^\x00-\x7f]|\x00")


class NotCovered(Unavailable):
    """The permit does not cover the call, or has run out; no byte left us."""

    code = "not_permitted"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said when it took the mail, often with its queue id."""

    text: str


async def send(
    account: SmtpAccount,
    permit: Permit,
    raw: bytes,
    sender: str,
    recipients: Sequence[str],
    clock: Callable[[], datetime],
) -> Reply:
    """Hand over exactly `raw`, to exactly those whom it names: all of them, or nobody."""
    _check(raw, SmtpEnvelope(sender, tuple(recipients)))
    left_s = _demand(account, permit, clock)
    stage = _Stage()
    try:
        async with (
            asyncio.timeout(min(left_s, SESSION_TIMEOUT_S)),
            session(account, sender.rpartition("@")[2]) as smtp,
        ):
            await _address(smtp, sender, recipients)
            _demand(account, permit, clock)
            return await _hand_over(smtp, raw, stage)
    except (SMTPException, OSError, ValueError) as error:
        # A time-out is an OSError as well. What it means depends on how far we were: it may be the good-bye's.
        if stage.reply is not None:
            return stage.reply
        raise _lost(error, stage) from error


@dataclass(slots=True)
class _Stage:
    """How far a session came."""

    is_written: bool = False
    reply: Reply | None = None


def _check(raw: bytes, envelope: SmtpEnvelope) -> None:
    """Bytes that a server could read in two ways, or that name others, are refused before anything is opened."""
    try:
        is_same = envelope_of(raw) == envelope
    except MaterialiseRefused:
        is_same = False
    if not is_same or _ODD_BREAK.search(raw) or not raw.endswith(b"\r\n"):
        raise SmtpRefused(554, "the bytes are not a notice to these recipients; nothing was sent")


def _demand(account: SmtpAccount, permit: Permit, clock: Callable[[], datetime]) -> float:
    try:
        return permit.demand(OPERATION_PREFIX, account.url, clock())
    except NotPermitted as error:
        raise NotCovered(str(error)) from error


async def _address(smtp: SMTP, sender: str, recipients: Sequence[str]) -> None:
    """MAIL and RCPT; one refused recipient ends it, since a part of the recipients is not what was asked for."""
    try:
        await smtp.mail(sender)
        for recipient in recipients:
            await smtp.rcpt(recipient)
        answer = await smtp.execute_command(b"DATA")
    except (SMTPException, OSError) as error:
        raise failure(error) from error
    if answer.code != START_INPUT:
        raise _said_no(answer.code, answer.message)


async def _hand_over(smtp: SMTP, raw: bytes, stage: _Stage) -> Reply:
    """The text and the dot in one write, then the reply that decides."""
    if smtp.protocol is None:
        raise Unavailable("the mail server closed the session")
    smtp.protocol.write(_LEADING_DOT.sub(b"..", raw) + b".\r\n")
    stage.is_written = True
    answer = await smtp.protocol.read_response(timeout=smtp.timeout)
    if answer.code == COMPLETED:
        stage.reply = Reply(said(answer.message))
        return stage.reply
    raise _said_no(answer.code, answer.message)


def _said_no(code: int, message: str) -> ProviderError:
    if 500 <= code < 600:
        return SmtpRefused(code, message)
    if 400 <= code < 500 and code != CLOSING:
        return Unavailable(f"the mail server asks to wait ({code}): {said(message)}")
    # A server that closes, or says what no server may say here, has not answered the question.
    return OutcomeUnknown(f"the mail server answered {code} to a mail: {said(message)}")


def _lost(error: Exception, stage: _Stage) -> ProviderError:
    if stage.is_written:
        return OutcomeUnknown(f"no reply to a mail that was handed over: {type(error).__name__}")
    return failure(error)
