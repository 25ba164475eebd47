"""Is this webhook Stripe's, and which event is it? Pure: bytes, header, secrets and a moment in; an event or a refusal out.

The signature is HMAC-SHA256 over `t.body` (Stripe's webhook guide). Stripe's own library leaves a time-stamp that lies
in the future unchecked; here the tolerance has two sides, since a signature that is good tomorrow can be kept until
then. Several `v1` and several secrets are compared, all of them, in constant time: both exist while a secret is replaced.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

BODY_BYTES_MAX = 512 * 1024
HEADER_CHARS_MAX = 4_096
SIGNATURES_MAX = 16
TOLERANCE_S = 300
STAMP_CHARS_MAX = 12
TEXT_CHARS_MAX = 255


class NotGenuine(Exception):
    """Not to be believed. `reason` is for our own record and never told to the sender."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Event:
    """What an event says of itself; what it says of its object is fetched again and never believed."""

    id: str
    type: str
    api_version: str
    object_id: str
    account: str
    happened_at: datetime


def verify(body: bytes, header: str | None, secrets: list[str], now: datetime) -> None:
    """Raise `NotGenuine` unless one of the secrets signed exactly this body about now."""
    if len(body) > BODY_BYTES_MAX:
        raise NotGenuine("too_large")
    if not header:
        raise NotGenuine("no_signature")
    stamp, given = _header(header)
    if not secrets:
        raise NotGenuine("no_secret")
    signed = stamp.encode() + b"." + body
    expected = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    # Every pair is compared, whichever fits first: how long it takes tells nothing of where they differ.
    matches = [hmac.compare_digest(mine, theirs) for mine in expected for theirs in given]
    if not any(matches):
        raise NotGenuine("bad_signature")
    age_s = now.timestamp() - int(stamp)
    if age_s > TOLERANCE_S:
        raise NotGenuine("stale")
    if age_s < -TOLERANCE_S:
        raise NotGenuine("future_dated")


def parse(body: bytes) -> Event:
    """The event of a verified body. Unknown fields are fine; what we build on must be there and be what it says."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotGenuine("not_json") from error
    return event_of(value)


def event_of(value: object) -> Event:
    """The event in a JSON value: of a webhook, or of the list of events."""
    if not isinstance(value, dict) or value.get("object") != "event":
        raise NotGenuine("not_an_event")
    data = value.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    created = value.get("created")
    # bool is an int in Python, and a moment beyond 12 digits is no moment.
    if not isinstance(about, dict) or type(created) is not int or not 0 <= created < 10**STAMP_CHARS_MAX:
        raise NotGenuine("not_an_event")
    try:
        happened_at = datetime.fromtimestamp(created, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise NotGenuine("not_an_event") from error
    return Event(
        id=_text(value, "id", starts="evt_"),
        type=_text(value, "type"),
        api_version=_text(value, "api_version", is_optional=True),
        object_id=_text(about, "id", is_optional=True),
        account=_text(value, "account", is_optional=True),
        happened_at=happened_at,
    )


def _header(header: str) -> tuple[str, list[str]]:
    """The time-stamp and the `v1` signatures; other schemes are not ours to judge and are skipped."""
    if len(header) > HEADER_CHARS_MAX or not header.isascii():
        raise NotGenuine("bad_header")
    stamps, given = [], []
    for item in header.split(","):
        name, _, value = item.strip().partition("=")
        if name == "t":
            stamps.append(value)
        elif name == "v1":
            given.append(value)
    is_stamp = len(stamps) == 1 and stamps[0].isdigit() and len(stamps[0]) <= STAMP_CHARS_MAX
    if not is_stamp or not 1 <= len(given) <= SIGNATURES_MAX:
        raise NotGenuine("bad_header")
    return stamps[0], given


def _text(value: dict[str, Any], name: str, *, starts: str = "", is_optional: bool = False) -> str:
    found = value.get(name)
    if found is None and is_optional:
        return ""
    is_good = (
        isinstance(found, str) and found.startswith(starts) and len(found) <= TEXT_CHARS_MAX and "\x00" not in found
    )
    if not is_good or (not found and not is_optional):
        raise NotGenuine("not_an_event")
    return str(found)
