"""The small part of Gmail's search language that the stand-in answers; the rest it refuses, never guesses."""

import re
import sqlite3

from trinity_sandbox.gmail import mime
from trinity_sandbox.gmail.books import load
from trinity_sandbox.gmail.errors import invalid

TERM = re.compile(r"(?:([a-z0-9_]+):)?(\"[^\"]*\"|\S+)")
PLACES = {"sent": "SENT", "inbox": "INBOX", "draft": "DRAFT", "drafts": "DRAFT"}


def matches(row: sqlite3.Row, query: str) -> bool:
    """True if the message answers every term: `rfc822msgid:`, `in:`, `label:`, `from:`, `to:`, `cc:`,
    `bcc:`, `subject:`, `after:` and `before:` (in seconds since 1970) and bare words (looked for in subject and addresses)."""
    mail = mime.parse(row["raw"])
    return all(_has(row, mail, operator, value.strip('"')) for operator, value in TERM.findall(query))


def _has(row: sqlite3.Row, mail: mime.RawMail, operator: str, value: str) -> bool:
    if operator == "rfc822msgid":
        return bool(row["wire_message_id"].strip("<>") == value.strip("<>"))
    if operator in ("in", "label"):
        return value == "anywhere" or PLACES.get(value.lower(), value.upper()) in load(row["labels"])
    if operator in ("after", "before"):
        if not value.isascii() or not value.isdigit():
            raise invalid(f"The sandbox reads {operator}: in seconds since 1970 only")
        is_after = row["internal_ms"] // 1000 >= int(value)
        return is_after if operator == "after" else not is_after
    if operator in ("from", "to", "cc", "bcc", "subject"):
        return value.lower() in _text(mail, operator)
    if operator == "":
        return any(value.lower() in _text(mail, name) for name in ("from", "to", "cc", "subject"))
    raise invalid(f"The sandbox does not search by {operator}:")


def _text(mail: mime.RawMail, name: str) -> str:
    return str(mime.parsed(mail).get(name, "")).lower()
