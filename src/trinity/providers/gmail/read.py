"""Reading a mailbox: who it is, which aliases it has, and whether a mail was sent. GET only.

Look-ups are bounded. Where a bound is met before the end they raise `LookUpIncomplete`, because "absent"
would be a guess; `drafts_with_token` alone says no more than what the newest drafts hold.
"""

import base64
import binascii
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from trinity.errors import LookUpIncomplete, Unavailable
from trinity.providers.gmail.account import Answer, GmailClient
from trinity.providers.gmail.address import MaterialiseRefused, token_in
from trinity.providers.gmail.failures import GmailRefused, HistoryGone
from trinity.providers.gmail.view import view

DRAFTS_LOOKED_AT_MAX = 50
HISTORY_PAGES_MAX = 20
HISTORY_PAGE_SIZE = 500
CANDIDATES_MAX = 200
TOKEN_HEADERS = ("X-Trinity-Operation", "Reply-To")


@dataclass(frozen=True, slots=True)
class Profile:
    """Whose mailbox it is and its newest history id."""

    address: str
    history_id: str


@dataclass(frozen=True, slots=True)
class SendAs:
    """An address that the mailbox may send from. The primary one is always verified."""

    addr: str
    is_verified: bool
    is_primary: bool


@dataclass(frozen=True, slots=True)
class DraftFound:
    """A draft that is still there, with the label DRAFT: it was not sent."""

    draft_id: str
    message_id: str
    thread_id: str
    label_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SentFound:
    """A sent message that carries the operation token; `others` are ids of further ones, which is an incident."""

    message_id: str
    thread_id: str
    label_ids: tuple[str, ...]
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SentMessage:
    """Gmail's own record of a sent message: `raw` as RFC 5322 bytes, `response` as Gmail's answer."""

    message_id: str
    thread_id: str
    label_ids: tuple[str, ...]
    wire_message_id: str
    raw: bytes = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    response: bytes = field(repr=False)


async def profile(client: GmailClient) -> Profile:
    """users.getProfile"""
    answer = await client.get("profile")
    return Profile(_text(answer.data, "emailAddress"), _text(answer.data, "historyId"))


async def send_as(client: GmailClient) -> tuple[SendAs, ...]:
    """users.settings.sendAs.list"""
    answer = await client.get("settings/sendAs")
    found = []
    for one in _objects(answer.data, "sendAs"):
        is_primary = one.get("isPrimary") is True
        is_verified = is_primary or one.get("verificationStatus") == "accepted"
        found.append(SendAs(_text(one, "sendAsEmail"), is_verified, is_primary))
    return tuple(found)


async def find_draft(client: GmailClient, draft_id: str) -> DraftFound | None:
    """users.drafts.get: the draft if it is there and carries the label DRAFT, that is, unsent; else None."""
    try:
        answer = await client.get(f"drafts/{quote(draft_id, safe='')}", [("format", "minimal")])
    except GmailRefused as refusal:
        if refusal.status == 404:
            return None
        raise
    message = _object(answer.data, "message")
    labels = _labels(message)
    if "DRAFT" not in labels:
        return None
    return DraftFound(draft_id, _text(message, "id"), _text(message, "threadId"), labels)


async def drafts_with_token(client: GmailClient, token: str) -> list[str]:
    """Ids of drafts that carry the token, among the newest `DRAFTS_LOOKED_AT_MAX`, newest first."""
    answer = await client.get("drafts", [("maxResults", str(DRAFTS_LOOKED_AT_MAX))])
    found = []
    for one in _objects(answer.data, "drafts")[:DRAFTS_LOOKED_AT_MAX]:
        draft_id = _text(one, "id")
        try:
            draft = await client.get(f"drafts/{quote(draft_id, safe='')}", [("format", "metadata")])
        except GmailRefused as refusal:
            if refusal.status == 404:
                continue
            raise
        if _has_token(_object(draft.data, "message"), token):
            found.append(draft_id)
    return found


async def sent_since(
    client: GmailClient, history_id: str, token: str, *, thread_id: str | None = None
) -> SentFound | None:
    """users.history.list: the message with SENT that was added after `history_id` and carries the token.

    None means that Gmail's whole record since then holds none. The token decides; `thread_id` only says which
    of several comes first, since a mail that landed in another thread was sent all the same.
    Raises `HistoryGone` when Gmail no longer keeps that record, `LookUpIncomplete` when a message that was
    sent since could not be looked at.
    """
    found: list[SentFound] = []
    has_unseen = False
    async for message_id in _added(client, history_id):
        message = await _metadata(client, message_id)
        if message is None:
            has_unseen = True
        elif "SENT" in _labels(message) and _has_token(message, token):
            found.append(SentFound(message_id, _text(message, "threadId"), _labels(message)))
    if not found and has_unseen:
        raise LookUpIncomplete("a message that was sent since was deleted before it could be looked at")
    if not found:
        return None
    found.sort(key=lambda one: one.thread_id != thread_id)
    first, others = found[0], tuple(one.message_id for one in found[1:])
    return SentFound(first.message_id, first.thread_id, first.label_ids, others)


async def sent_message(client: GmailClient, message_id: str) -> SentMessage:
    """users.messages.get in the raw format: what Gmail keeps as sent."""
    answer = await client.get(f"messages/{quote(message_id, safe='')}", [("format", "raw")])
    try:
        raw = base64.urlsafe_b64decode(_padded(_text(answer.data, "raw")))
        headers = view(raw).headers
    except MaterialiseRefused as error:
        raise LookUpIncomplete(f"the sent message cannot be decoded: {error.message}") from error
    except (ValueError, binascii.Error) as error:
        raise Unavailable("Gmail's answer holds no readable raw message") from error
    wire_id = next((value for name, value in headers if name.lower() == "message-id"), "")
    return SentMessage(
        message_id=_text(answer.data, "id"),
        thread_id=_text(answer.data, "threadId"),
        label_ids=_labels(answer.data),
        wire_message_id=wire_id.strip(),
        raw=raw,
        headers=headers,
        response=answer.raw,
    )


async def _added(client: GmailClient, history_id: str) -> AsyncIterator[str]:
    """Ids of messages with SENT added since, each once, within the bounds."""
    params = [
        ("startHistoryId", history_id),
        ("historyTypes", "messageAdded"),
        ("maxResults", str(HISTORY_PAGE_SIZE)),
    ]
    seen: set[str] = set()
    page_token: str | None = None
    for _ in range(HISTORY_PAGES_MAX):
        page = await _history_page(client, params + ([("pageToken", page_token)] if page_token else []))
        for record in _objects(page.data, "history"):
            for added in _objects(record, "messagesAdded"):
                message = _object(added, "message")
                message_id = _text(message, "id")
                if "SENT" in _labels(message) and message_id not in seen:
                    if len(seen) >= CANDIDATES_MAX:
                        raise LookUpIncomplete(f"more than {CANDIDATES_MAX} messages were sent since")
                    seen.add(message_id)
                    yield message_id
        page_token = page.data.get("nextPageToken")
        if not page_token:
            return
    raise LookUpIncomplete(f"the history since has more than {HISTORY_PAGES_MAX} pages")


async def _history_page(client: GmailClient, params: list[tuple[str, str]]) -> Answer:
    try:
        return await client.get("history", params)
    except GmailRefused as refusal:
        if refusal.status == 404:
            raise HistoryGone("Gmail no longer keeps the history since that id") from refusal
        raise


async def _metadata(client: GmailClient, message_id: str) -> dict[str, Any] | None:
    """A message's labels and token headers; None if it was deleted meanwhile."""
    params = [("format", "metadata"), *(("metadataHeaders", name) for name in TOKEN_HEADERS)]
    try:
        return (await client.get(f"messages/{quote(message_id, safe='')}", params)).data
    except GmailRefused as refusal:
        if refusal.status == 404:
            return None
        raise


def _has_token(message: dict[str, Any], token: str) -> bool:
    """True if the message names the operation, in its own header or in its Reply-To address."""
    for header in _objects(_object(message, "payload"), "headers"):
        name, value = str(header.get("name", "")).lower(), str(header.get("value", ""))
        if name == "x-trinity-operation" and value.strip() == token:
            return True
        addr = value.rpartition("<")[2].rstrip("> \t")
        if name == "reply-to" and token_in(addr) == token:
            return True
    return False


def _labels(message: dict[str, Any]) -> tuple[str, ...]:
    labels = message.get("labelIds", [])
    return tuple(str(label) for label in labels) if isinstance(labels, list) else ()


def _object(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _objects(data: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = data.get(key, [])
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value:
        raise Unavailable(f"Gmail's answer lacks {key}")
    return value


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)
