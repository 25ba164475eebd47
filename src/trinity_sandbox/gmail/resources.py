"""Rows as Gmail's JSON resources: Message in its four formats, Draft, Thread, History, SendAs, Label."""

import base64
import json
import sqlite3
from email.message import EmailMessage
from typing import Any

from trinity_sandbox.gmail import mime
from trinity_sandbox.gmail.books import load
from trinity_sandbox.gmail.errors import invalid
from trinity_sandbox.gmail.mailboxes import Mailbox

type Resource = dict[str, Any]

FORMATS = ("full", "raw", "metadata", "minimal")
SNIPPET_CHARS = 160
SYSTEM_LABELS = (
    "CHAT", "SENT", "INBOX", "IMPORTANT", "TRASH", "DRAFT", "SPAM", "STARRED", "UNREAD",
)  # fmt: skip


def encode(data: bytes) -> str:
    """Bytes as Gmail writes them: base64url with padding."""
    return base64.urlsafe_b64encode(data).decode()


def message(row: sqlite3.Row, form: str = "full", headers: list[str] | None = None) -> Resource:
    """A Message; `form` is one of `FORMATS`, `headers` limits the metadata format to those names."""
    if form not in FORMATS:
        raise invalid(f"Invalid value at 'format' (type.googleapis.com/MessageFormat), \"{form}\"")
    mail = mime.parse(row["raw"])
    found: Resource = stub(row) | {
        "snippet": _snippet(mime.parsed(mail)),
        "sizeEstimate": len(row["raw"]),
        "historyId": str(row["history_id"]),
        "internalDate": str(row["internal_ms"]),
    }
    if form == "raw":
        found["raw"] = encode(row["raw"])
    elif form == "full":
        found["payload"] = _part(mime.parsed(mail), "")
    elif form == "metadata":
        wanted = {name.lower() for name in headers or []}
        payload = _part(mime.parsed(mail), "")
        kept = [one for one in payload["headers"] if not wanted or one["name"].lower() in wanted]
        found["payload"] = {"mimeType": payload["mimeType"], "headers": kept}
    return found


def stub(row: sqlite3.Row) -> Resource:
    """The short form that writes answer with: id, thread and labels."""
    return reference(row) | {"labelIds": load(row["labels"])}


def reference(row: sqlite3.Row) -> Resource:
    """The form in which lists name a message."""
    return {"id": row["id"], "threadId": row["thread_id"]}


def history(row: sqlite3.Row) -> Resource:
    """One History record."""
    named = {"id": row["message_id"], "threadId": row["thread_id"]}
    labelled = named | {"labelIds": json.loads(row["labels"])}
    change: Resource = {"message": labelled}
    if row["kind"].startswith("label"):
        change["labelIds"] = json.loads(row["changed"])
    key = {
        "messageAdded": "messagesAdded",
        "messageDeleted": "messagesDeleted",
        "labelAdded": "labelsAdded",
        "labelRemoved": "labelsRemoved",
    }[row["kind"]]
    return {"id": str(row["id"]), "messages": [named], key: [change]}


def send_as(mailbox: Mailbox) -> list[Resource]:
    """Every address that the mailbox knows to send from, the primary one first."""
    primary = {
        "sendAsEmail": mailbox.address,
        "displayName": mailbox.display_name,
        "replyToAddress": "",
        "signature": "",
        "isPrimary": True,
        "isDefault": True,
    }
    others = [
        {
            "sendAsEmail": alias.address,
            "displayName": alias.display_name,
            "replyToAddress": "",
            "signature": "",
            "isDefault": False,
            "treatAsAlias": True,
            "verificationStatus": alias.verification,
        }
        for alias in mailbox.aliases
    ]
    return [primary, *others]


def label(name: str) -> Resource:
    """A system label."""
    return {"id": name, "name": name, "type": "system"}


def attachment(row: sqlite3.Row, attachment_id: str) -> Resource | None:
    """The body of one attachment of a message, or None."""
    for place, part in enumerate(mime.parsed(mime.parse(row["raw"])).walk()):
        if _attachment_id(place, part) == attachment_id:
            data = _payload(part)
            return {"size": len(data), "data": encode(data)}
    return None


def _part(part: EmailMessage, part_id: str) -> Resource:
    places = {id(one): place for place, one in enumerate(part.walk())}
    return _part_at(part, part_id, places)


def _part_at(part: EmailMessage, part_id: str, places: dict[int, int]) -> Resource:
    found: Resource = {
        "partId": part_id,
        "mimeType": part.get_content_type(),
        "filename": part.get_filename() or "",
        "headers": [{"name": name, "value": str(value)} for name, value in part.items()],
    }
    children = [child for child in part.iter_parts() if isinstance(child, EmailMessage)]
    if part.is_multipart():
        prefix = f"{part_id}." if part_id else ""
        found["body"] = {"size": 0}
        found["parts"] = [_part_at(one, f"{prefix}{i}", places) for i, one in enumerate(children)]
        return found
    data = _payload(part)
    attached = _attachment_id(places[id(part)], part)
    found["body"] = {"size": len(data)} | ({"attachmentId": attached} if attached else {"data": encode(data)})
    return found


def _attachment_id(place: int, part: EmailMessage) -> str | None:
    return f"ANGjdJ-sandbox-{place}" if part.get_filename() and not part.is_multipart() else None


def _payload(part: EmailMessage) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _snippet(mail: EmailMessage) -> str:
    part = mail.get_body(preferencelist=("plain",))
    if part is None:
        return ""
    return " ".join(mime.text_of(part).split())[:SNIPPET_CHARS]
