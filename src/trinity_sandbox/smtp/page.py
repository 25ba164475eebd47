"""`GET /`: a small page that says SANDBOX and shows the mail that was taken, for people who look in."""

import email
import email.policy
from email.message import EmailMessage

from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler

from trinity_sandbox.mails_page import SHOWN_MAX, TEXT_CHARS_MAX, mail_article, mails_page
from trinity_sandbox.smtp.books import TakenMail
from trinity_sandbox.smtp.control import Call, books_of


@get("/", media_type=MediaType.HTML)
async def page(request: Call) -> Response[str]:
    """The newest `SHOWN_MAX` mails, newest first, as text only: no link of theirs can be followed from here."""
    books = books_of(request)
    mails = (_mail(mail) for mail in reversed(books.mails(SHOWN_MAX)))
    return mails_page("Mail server", f"Taken so far: {books.count()}", mails, "Nothing has come yet.")


def _mail(mail: TakenMail) -> str:
    message = email.message_from_bytes(mail.raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    facts = {"From": mail.sender, "To": ", ".join(mail.recipients), "Taken": mail.at, "Id": f"sandbox-{mail.seq}"}
    return mail_article(str(message.get("Subject", "")), facts, _text(message))


def _text(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain",))
    try:
        return str(part.get_content())[:TEXT_CHARS_MAX] if part is not None else ""
    except (LookupError, ValueError, KeyError):
        return "(not readable as text)"


ROUTES: list[HTTPRouteHandler] = [page]
