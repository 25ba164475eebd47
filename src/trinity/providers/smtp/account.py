"""One mail server and the only way to open a session with it: bounded, encrypted unless it is on this machine.

Sources: RFC 5321 (SMTP), RFC 3207 (STARTTLS), RFC 8314 (implicit TLS on port 465), RFC 4954 (AUTH).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from trinity.errors import Declined, ProviderError, Unavailable
from trinity.kit.permit import DEFAULT_PORTS

SESSION_TIMEOUT_S = 20.0
COMMAND_TIMEOUT_S = 10.0
GOODBYE_TIMEOUT_S = 2.0
MESSAGE_CHARS_MAX = 300


class SmtpRefused(Declined):
    """The server answered 5xx: nothing happened. `status` is the reply's code."""

    code = "smtp_refused"

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"the mail server refused ({status}): {said(message)}")
        self.status = status


class LoginRefused(SmtpRefused):
    """The server does not accept our user name and password; an owner has to set them again."""

    code = "smtp_login_refused"


@dataclass(frozen=True, slots=True)
class SmtpAccount:
    """Where the server is: `smtp://user:password@host:port` (STARTTLS) or `smtps://…`. The address is never shown.

    A sandbox may go without encryption wherever it is; any other server only on this machine.
    """

    url: str = field(repr=False)
    is_sandbox: bool = False

    @property
    def needs_tls(self) -> bool:
        """Whether a session that is not encrypted is refused."""
        return not (self.is_sandbox or _is_loopback(urlsplit(self.url).hostname or ""))


@asynccontextmanager
async def session(account: SmtpAccount, greeting: str) -> AsyncIterator[SMTP]:
    """An open, encrypted, signed-in session; fails as `Unavailable`, `SmtpRefused` or `LoginRefused`.

    `greeting` is the domain that we say we are. Nothing of a mail was said when this fails.
    """
    smtp = _client(account, greeting)
    try:
        try:
            await smtp.connect()
            await _sign_in(smtp, account)
        except (SMTPException, OSError, ValueError) as error:
            raise failure(error) from error
        yield smtp
        with suppress(SMTPException, OSError, TimeoutError):
            await smtp.quit(timeout=GOODBYE_TIMEOUT_S)
    finally:
        smtp.close()


def failure(error: Exception) -> ProviderError:
    """What a failure before the mail's end means: the server's no, or nothing was done."""
    if isinstance(error, aiosmtplib.SMTPAuthenticationError) and error.code >= 500:
        return LoginRefused(error.code, error.message)
    if isinstance(error, SMTPResponseException) and error.code >= 500:
        return SmtpRefused(error.code, error.message)
    if isinstance(error, SMTPResponseException):
        return Unavailable(f"the mail server asks to wait ({error.code}): {said(error.message)}")
    return Unavailable(f"no session with the mail server: {said(str(error)) or type(error).__name__}")


def said(message: str) -> str:
    """A server's words, shortened, on one line."""
    return " ".join(message.split())[:MESSAGE_CHARS_MAX]


def _client(account: SmtpAccount, greeting: str) -> SMTP:
    parts = urlsplit(account.url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise Unavailable("the mail server's address is not an smtp(s) URL")
    return SMTP(
        hostname=parts.hostname,
        port=parts.port or DEFAULT_PORTS[parts.scheme],
        local_hostname=greeting,
        use_tls=parts.scheme == "smtps",
        start_tls=account.needs_tls if parts.scheme == "smtp" else False,
        timeout=COMMAND_TIMEOUT_S,
    )


async def _sign_in(smtp: SMTP, account: SmtpAccount) -> None:
    await smtp.ehlo()
    parts = urlsplit(account.url)
    if parts.username:
        await smtp.login(unquote(parts.username), unquote(parts.password or ""))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
