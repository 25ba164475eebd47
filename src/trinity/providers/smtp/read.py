"""Asking a mail server whether it is there and lets us in. No mail is begun."""

import asyncio

from trinity.errors import Unavailable
from trinity.providers.smtp.account import SESSION_TIMEOUT_S, SmtpAccount, session


async def greet(account: SmtpAccount, greeting: str) -> None:
    """EHLO, STARTTLS where it is needed, AUTH where we have a name, QUIT.

    Fails as `Unavailable` (not there), `LoginRefused` or `SmtpRefused`.
    """
    try:
        async with asyncio.timeout(SESSION_TIMEOUT_S), session(account, greeting):
            pass
    except TimeoutError as error:
        raise Unavailable("the mail server did not answer in time") from error
