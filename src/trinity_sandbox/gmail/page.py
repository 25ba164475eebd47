"""`GET /`: a small page that says SANDBOX and shows the mail that was sent, for people who look in."""

import sqlite3

from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler

from trinity_sandbox.gmail import mime
from trinity_sandbox.gmail.books import load
from trinity_sandbox.gmail.service import Call, service_of
from trinity_sandbox.mails_page import SHOWN_MAX, TEXT_CHARS_MAX, mail_article, mails_page


@get("/", media_type=MediaType.HTML)
async def page(request: Call) -> Response[str]:
    """The newest `SHOWN_MAX` sent mails, newest first, as text only."""
    rows = service_of(request).post.sent()
    mails = (_mail(row) for row in reversed(rows[-SHOWN_MAX:]))
    return mails_page("Gmail", f"Sent so far: {len(rows)}", mails, "Nothing was sent yet.")


def _mail(row: sqlite3.Row) -> str:
    message = mime.parsed(mime.parse(row["raw"]))
    part = message.get_body(preferencelist=("plain",))
    text = mime.text_of(part)[:TEXT_CHARS_MAX] if part is not None else ""
    facts = {
        "From": str(message.get("From", "")),
        "To": ", ".join(load(row["recipients"])),
        "Sent": row["at"],
        "Id": row["message_id"],
    }
    return mail_article(str(message.get("Subject", "")), facts, text)


ROUTES: list[HTTPRouteHandler] = [page]
