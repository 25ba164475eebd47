"""Reading request bodies and parameters as strictly as Google does."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from trinity_sandbox.gmail.books import now_ms
from trinity_sandbox.gmail.errors import invalid
from trinity_sandbox.gmail.faults import STALE
from trinity_sandbox.gmail.service import Call

DRAFT_KEYS = {"id", "message"}
MESSAGE_KEYS = {
    "id", "threadId", "labelIds", "snippet", "historyId", "internalDate", "payload", "sizeEstimate", "raw",
    "classificationLabelValues",
}  # fmt: skip
PAGE_DEFAULT = 100
PAGE_MAX = 500


@dataclass(frozen=True, slots=True)
class MessageBody:
    """The two fields of a submitted Message that count."""

    raw: bytes | None
    thread_id: str | None

    def must_raw(self) -> bytes:
        """The raw mail, or Gmail's complaint that there is none."""
        if not self.raw:
            raise invalid("'raw' RFC822 payload message string or uploading message via /upload/* URL required")
        return self.raw


async def json_object(request: Call) -> dict[str, Any]:
    """The body as a JSON object."""
    try:
        value = json.loads(await request.body() or b"{}")
    except (ValueError, RecursionError) as error:
        raise invalid("Invalid JSON payload received. Unable to parse.") from error
    if not isinstance(value, dict):
        raise invalid("Invalid JSON payload received. Root element must be a message.")
    return value


def message_body(value: object) -> MessageBody:
    """A submitted Message; absent is an empty one."""
    fields = _known(value if value is not None else {}, MESSAGE_KEYS, "message")
    raw, thread_id = fields.get("raw"), fields.get("threadId")
    if thread_id is not None and not isinstance(thread_id, str):
        raise invalid("Invalid value at 'message.thread_id' (TYPE_STRING)")
    return MessageBody(None if raw is None else _bytes(raw), thread_id or None)


def draft_body(value: dict[str, Any]) -> tuple[str | None, MessageBody]:
    """A submitted Draft: its id, if given, and its message."""
    fields = _known(value, DRAFT_KEYS, "draft")
    draft_id = fields.get("id")
    if draft_id is not None and not isinstance(draft_id, str):
        raise invalid("Invalid value at 'draft.id' (TYPE_STRING)")
    return draft_id, message_body(fields.get("message"))


def query(request: Call, name: str) -> str | None:
    """One query parameter."""
    return request.query_params.get(name)


def query_all(request: Call, name: str) -> list[str]:
    """Every value of a repeated query parameter."""
    return list(request.query_params.getall(name, []))


def query_number(request: Call, name: str, default: int) -> int:
    """A query parameter that is a whole number."""
    text = query(request, name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise invalid(f"Invalid value at '{name}' (TYPE_UINT32), \"{text}\"")
    return int(text)


def page[T](request: Call, items: list[T]) -> tuple[list[T], dict[str, Any]]:
    """One page of a list, and the `nextPageToken` where there is more."""
    size = max(1, min(query_number(request, "maxResults", PAGE_DEFAULT), PAGE_MAX))
    start = query_number(request, "pageToken", 0)
    more = {"nextPageToken": str(start + size)} if start + size < len(items) else {}
    return items[start : start + size], more


def watch_body(value: dict[str, Any]) -> tuple[str, list[str], bool]:
    """A WatchRequest: the topic's name, the labels it is about, and whether these are excluded."""
    fields = _known(value, {"topicName", "labelIds", "labelFilterAction", "labelFilterBehavior"}, "watch")
    topic, labels = fields.get("topicName"), fields.get("labelIds", [])
    behavior = fields.get("labelFilterBehavior", fields.get("labelFilterAction", "include"))
    if not isinstance(topic, str) or not isinstance(labels, list) or not all(isinstance(one, str) for one in labels):
        raise invalid("Invalid value at 'topic_name' (TYPE_STRING)")
    if str(behavior).lower() not in ("include", "exclude"):
        raise invalid("Invalid value at 'label_filter_behavior'")
    return topic, labels, str(behavior).lower() == "exclude"


def before_ms(request: Call) -> int:
    """The moment up to which a list shows what there is: now, unless a fault has it stale."""
    return now_ms() - int(float(request.scope["state"].get(STALE, 0.0)) * 1_000)


def _known(value: object, keys: set[str], where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid(f"Invalid value at '{where}'")
    for key in value:
        if key not in keys:
            raise invalid(f"Invalid JSON payload received. Unknown name \"{key}\" at '{where}': Cannot find field.")
    return value


def _bytes(text: object) -> bytes:
    """base64url, with or without padding, as Google reads `bytes` fields (the plain alphabet too)."""
    try:
        if not isinstance(text, str):
            raise binascii.Error("not a string")
        plain = text.replace("-", "+").replace("_", "/").rstrip("=")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (ValueError, binascii.Error) as error:
        raise invalid("Invalid value at 'message.raw' (TYPE_BYTES), Base64 decoding failed") from error
