"""The two writes of a mail: create the draft, send the draft. Each once, each under a Permit. And the watch, which
asks Gmail to tell a topic of ours when mail comes, and changes nothing that anybody sees.

What the gateway must have committed before calling: the intent and its digest before `create_draft`; the
draft's id and the mailbox's history id before `send_draft`. Neither call is ever repeated here.
"""

import base64
from dataclasses import dataclass, field
from typing import Any

from trinity.errors import OutcomeUnknown
from trinity.kit.permit import Permit
from trinity.providers.gmail.account import Answer, GmailClient
from trinity.providers.gmail.failures import DraftConsumed, GmailRefused

NOT_A_DRAFT = "not a draft"
EXPIRATION_DIGITS_MAX = 15


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft that Gmail has made. `raw` is Gmail's answer, byte for byte."""

    draft_id: str
    message_id: str
    thread_id: str
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that Gmail has sent; its id is another than the draft's. `raw` is Gmail's answer."""

    message_id: str
    thread_id: str
    label_ids: tuple[str, ...]
    raw: bytes = field(repr=False)


async def create_draft(client: GmailClient, permit: Permit, raw: bytes, thread_id: str | None) -> Draft:
    """users.drafts.create: keep `raw` (RFC 5322 bytes) as a draft, in a thread if one is named."""
    answer = await client.post(permit, "drafts", {"message": _message(raw, thread_id)})
    draft_id, message_id, thread = _texts(answer, ("id",), ("message", "id"), ("message", "threadId"))
    return Draft(draft_id, message_id, thread, answer.raw)


async def send_draft(client: GmailClient, permit: Permit, draft_id: str, raw: bytes, thread_id: str | None) -> Sent:
    """users.drafts.send: send the draft with exactly `raw` as its content; the draft is consumed.

    A draft that is gone (404) or is no draft any more (400) may have been sent by an earlier call:
    `DraftConsumed`, an `OutcomeUnknown`.
    """
    body = {"id": draft_id, "message": _message(raw, thread_id)}
    try:
        answer = await client.post(permit, "drafts/send", body)
    except GmailRefused as refusal:
        if refusal.status == 404 or (refusal.status == 400 and NOT_A_DRAFT in refusal.google_message.lower()):
            raise DraftConsumed(f"the draft cannot be sent any more: {refusal}") from refusal
        raise
    message_id, thread = _texts(answer, ("id",), ("threadId",))
    labels = answer.data.get("labelIds", [])
    if not isinstance(labels, list):
        raise OutcomeUnknown("Gmail's answer to a send has no readable labels")
    return Sent(message_id, thread, tuple(str(label) for label in labels), answer.raw)


async def watch(client: GmailClient, permit: Permit, topic: str) -> int:
    """users.watch: tell a Pub/Sub topic of the mailbox's changes for a week; when that ends, in ms since 1970.

    A repeat replaces the watch that stands.
    """
    answer = await client.post(permit, "watch", {"topicName": topic})
    (until,) = _texts(answer, ("expiration",))
    if not until.isdigit() or len(until) > EXPIRATION_DIGITS_MAX:
        raise OutcomeUnknown("Gmail's answer to a watch says no time")
    return int(until)


def _message(raw: bytes, thread_id: str | None) -> dict[str, str]:
    message = {"raw": base64.urlsafe_b64encode(raw).decode("ascii")}
    return message if thread_id is None else {**message, "threadId": thread_id}


def _texts(answer: Answer, *paths: tuple[str, ...]) -> list[str]:
    """The texts at these places of the answer; one that is missing leaves the outcome unknown."""
    found = []
    for path in paths:
        value: Any = answer.data
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if not isinstance(value, str) or not value:
            raise OutcomeUnknown(f"Gmail's answer to a write lacks {'.'.join(path)}")
        found.append(value)
    return found
