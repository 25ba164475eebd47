"""`GET /`: a small page that says SANDBOX and shows the mail that was taken, for people who look in."""

import email
import email.policy
import html
from email.message import EmailMessage

from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler

from trinity_sandbox.smtp.books import TakenMail
from trinity_sandbox.smtp.control import Call, books_of

SHOWN_MAX = 100
TEXT_CHARS_MAX = 20_000

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 48rem; padding: 1rem; }
header { border-bottom: 2px solid #b45309; margin-bottom: 1rem; }
b.sandbox { background: #b45309; border-radius: .3rem; color: #fff; letter-spacing: .08em; padding: .1rem .5rem; }
article { border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: .5rem;
  margin: 1rem 0; padding: .75rem 1rem; }
h2 { font-size: 1.1rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
dl { display: grid; gap: 0 .75rem; grid-template-columns: max-content 1fr; margin: 0; }
dt { opacity: .7; } dd { margin: 0; overflow-wrap: anywhere; }
pre { font: inherit; margin: .75rem 0 0; overflow-wrap: anywhere; white-space: pre-wrap; }
"""


@get("/", media_type=MediaType.HTML)
async def page(request: Call) -> Response[str]:
    """The newest `SHOWN_MAX` mails, newest first, as text only: no link of theirs can be followed from here."""
    books = books_of(request)
    mails = "".join(_mail(mail) for mail in reversed(books.mails(SHOWN_MAX)))
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>SANDBOX mail server</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><header><h1>Mail server <b class=sandbox>SANDBOX</b></h1>"
        f"<p>A stand-in on this machine. No mail leaves it. Taken so far: {books.count()}.</p></header><main>"
        f"{mails or '<p>Nothing has come yet.</p>'}</main></body></html>"
    )
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    return Response(
        body, media_type=MediaType.HTML, headers={"content-security-policy": policy, "cache-control": "no-store"}
    )


def _mail(mail: TakenMail) -> str:
    message = email.message_from_bytes(mail.raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    facts = {"From": mail.sender, "To": ", ".join(mail.recipients), "Taken": mail.at, "Id": f"sandbox-{mail.seq}"}
    listed = "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in facts.items())
    subject = html.escape(str(message.get("Subject", "")) or "(no subject)")
    return f"<article><h2>{subject}</h2><dl>{listed}</dl><pre>{html.escape(_text(message))}</pre></article>"


def _text(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain",))
    try:
        return str(part.get_content())[:TEXT_CHARS_MAX] if part is not None else ""
    except (LookupError, ValueError, KeyError):
        return "(not readable as text)"


ROUTES: list[HTTPRouteHandler] = [page]
