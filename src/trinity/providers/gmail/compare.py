"""Whether the mail that Gmail keeps as sent is the mail that was approved. Pure.

Compared is what a recipient can see or act on. What Gmail adds or replaces by itself (Message-ID, Received,
the folding of headers, the transfer encoding) is not a difference.
"""

from trinity.providers.gmail.address import MaterialiseRefused
from trinity.providers.gmail.view import MailView, view

UNREADABLE = "unreadable"


def differences(approved: bytes, sent: bytes) -> tuple[str, ...]:
    """Names of what differs, in a fixed order; empty when the sent mail is the approved one.

    Names: from, to, cc, bcc, reply_to, subject, text, html, attachments, token, in_reply_to, references,
    and `unreadable` when one of them cannot be decoded.
    """
    try:
        wanted, found = _compared(view(approved)), _compared(view(sent))
    except MaterialiseRefused:
        return (UNREADABLE,)
    return tuple(name for name, value in wanted.items() if found[name] != value)


def _compared(shown: MailView) -> dict[str, object]:
    return {
        "from": (shown.sender, _count(shown, "From")),
        "to": shown.to,
        "cc": shown.cc,
        "bcc": shown.bcc,
        "reply_to": (shown.reply_to, _count(shown, "Reply-To")),
        "subject": (shown.subject, _count(shown, "Subject")),
        "text": shown.text,
        "html": shown.html,
        "attachments": shown.attachments,
        "token": (shown.header("X-Trinity-Operation"), _count(shown, "X-Trinity-Operation")),
        "in_reply_to": shown.header("In-Reply-To").split(),
        "references": shown.header("References").split(),
    }


def _count(shown: MailView, name: str) -> int:
    return sum(1 for key, _ in shown.headers if key.lower() == name.lower())
