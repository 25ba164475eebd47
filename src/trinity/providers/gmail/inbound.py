"""What came into a mailbox: by its history since a point, or by a bounded look at the whole of it. GET only.

A batch says how far it reaches: whoever has kept a message moves on to its `cursor`, and where the batch has more than
it may hold, the rest is for the next one.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from trinity.errors import Unavailable
from trinity.providers.gmail.account import Answer, GmailClient
from trinity.providers.gmail.failures import GmailRefused, HistoryGone
from trinity.providers.gmail.parse import MAIL_BYTES_MAX

PAGE_SIZE = 100
PAGES_MAX = 10
BATCH_MAX = 200
WHOLE_PAGES_MAX = 10
HEAD_HEADERS = (
    "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "References", "In-Reply-To", "Auto-Submitted",
    "Precedence", "Return-Path",
)  # fmt: skip
"""What is asked of a mail that is too large to be fetched whole."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A message that was added, or came back to the inbox; `cursor` is how far the list is done once it is kept."""

    message_id: str
    label_ids: tuple[str, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages, oldest first. `cursor` is how far the mailbox is read when all are kept; None where more is to come."""

    messages: tuple[Listed, ...]
    cursor: str | None

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to read now."""
        return self.cursor is not None


@dataclass(frozen=True, slots=True)
class Fetched:
    """A message as Gmail has it. Where it is too large `raw` is its head alone."""

    message_id: str
    thread_id: str
    label_ids: tuple[str, ...]
    received_at: datetime
    size_bytes: int
    is_whole: bool
    raw: bytes = field(repr=False)


async def since(client: GmailClient, history_id: str) -> Batch:
    """users.history.list: what was added, or moved into the inbox, after a history id; `HistoryGone` if it is too old."""
    found: dict[str, Listed] = {}
    page_token: str | None = None
    for _ in range(PAGES_MAX):
        page = await _history(client, history_id, page_token)
        for record in _objects(page.data, "history"):
            changes = _changes(record)
            for place, (message_id, labels) in enumerate(changes, 1):
                known = found.pop(message_id, None)
                # A record is done with the last of its messages, not before.
                done = _text(record, "id") if place == len(changes) else None
                found[message_id] = Listed(message_id, labels or (known.label_ids if known else ()), done)
            if len(found) >= BATCH_MAX:
                return Batch(tuple(found.values()), None)
        page_token = page.data.get("nextPageToken")
        if not page_token:
            return Batch(tuple(found.values()), _text(page.data, "historyId"))
    last = tuple(found.values())
    return Batch(last, None) if last else Batch((), _last_id(page))


async def whole(client: GmailClient, after: datetime) -> Batch:
    """users.messages.list: the newest mail since a moment, as far as the bounds reach, without spam, trash and drafts.

    The history id is read first, so that what arrives meanwhile is seen by the history that is read next.
    """
    history_id = _text((await client.get("profile")).data, "historyId")
    found: list[str] = []
    page_token: str | None = None
    for _ in range(WHOLE_PAGES_MAX):
        params = [("q", f"after:{int(after.timestamp())}"), ("maxResults", str(PAGE_SIZE))]
        page = await client.get("messages", params + ([("pageToken", page_token)] if page_token else []))
        found += [_text(one, "id") for one in _objects(page.data, "messages")]
        page_token = page.data.get("nextPageToken")
        if not page_token:
            break
    messages = tuple(Listed(message_id, (), None) for message_id in reversed(found))
    return Batch(messages, history_id)


async def fetch(client: GmailClient, message_id: str) -> Fetched | None:
    """users.messages.get: a message's bytes, or its head where it is too large; None if it is gone."""
    try:
        brief = (await _get(client, message_id, [("format", "minimal")])).data
        size_bytes = int(brief.get("sizeEstimate") or 0)
        if size_bytes > MAIL_BYTES_MAX:
            params = [("format", "metadata"), *(("metadataHeaders", name) for name in HEAD_HEADERS)]
            data = (await _get(client, message_id, params)).data
            return _fetched(data, size_bytes, _head(data), is_whole=False)
        data = (await _get(client, message_id, [("format", "raw")])).data
    except GmailRefused as refusal:
        if refusal.status == 404:
            return None
        raise
    try:
        text = _text(data, "raw")
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise Unavailable("Gmail's answer holds no readable raw message") from error
    return _fetched(data, len(raw), raw, is_whole=True)


def _fetched(data: dict[str, Any], size_bytes: int, raw: bytes, *, is_whole: bool) -> Fetched:
    try:
        received_at = datetime.fromtimestamp(int(_text(data, "internalDate")) / 1000, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Unavailable("Gmail's answer holds no readable date") from error
    return Fetched(
        _text(data, "id"), _text(data, "threadId"), _labels(data), received_at, size_bytes, is_whole, raw
    )  # fmt: skip


def _head(data: dict[str, Any]) -> bytes:
    """The header lines that Gmail reports, as a mail has them."""
    payload = data.get("payload")
    lines = [
        f"{one.get('name', '')}: {str(one.get('value', '')).replace(chr(13), ' ').replace(chr(10), ' ')}"
        for one in _objects(payload if isinstance(payload, dict) else {}, "headers")
    ]
    return "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n"


async def _history(client: GmailClient, history_id: str, page_token: str | None) -> Answer:
    params = [
        ("startHistoryId", history_id),
        ("historyTypes", "messageAdded"),
        ("historyTypes", "labelAdded"),
        ("maxResults", str(PAGE_SIZE)),
    ]
    try:
        return await client.get("history", params + ([("pageToken", page_token)] if page_token else []))
    except GmailRefused as refusal:
        if refusal.status == 404:
            raise HistoryGone("Gmail no longer keeps the history since that id") from refusal
        raise


async def _get(client: GmailClient, message_id: str, params: Sequence[tuple[str, str]]) -> Answer:
    return await client.get(f"messages/{quote(message_id, safe='')}", params)


def _changes(record: dict[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    """Messages that a record added, and those that it moved into the inbox, as out of spam."""
    found = []
    for added in _objects(record, "messagesAdded"):
        message = added.get("message")
        if isinstance(message, dict):
            found.append((_text(message, "id"), _labels(message)))
    for labelled in _objects(record, "labelsAdded"):
        message = labelled.get("message")
        if isinstance(message, dict) and "INBOX" in _labels(labelled):
            found.append((_text(message, "id"), ()))
    return found


def _last_id(page: Answer) -> str:
    """The id of the last record: the history is long, and nothing in it was for us so far."""
    records = _objects(page.data, "history")
    return _text(records[-1], "id") if records else _text(page.data, "historyId")


def _labels(data: dict[str, Any]) -> tuple[str, ...]:
    labels = data.get("labelIds", [])
    return tuple(str(label) for label in labels) if isinstance(labels, list) else ()


def _objects(data: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = data.get(key, [])
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value:
        raise Unavailable(f"Gmail's answer lacks {key}")
    return value
