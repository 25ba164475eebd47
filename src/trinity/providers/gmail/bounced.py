"""Whom a mail did not reach, as a delivery report says (RFC 3464). Pure.

A report is a stranger's claim like any other mail: the caller believes it only of a mail that it has sent there.
"""

import re
from dataclasses import dataclass
from email.message import Message

from trinity.providers.gmail.decoding import clean, header

RECIPIENTS_MAX = 50
BLOCKS_MAX = 100
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_ADDRESS = re.compile(r"[^\s<>;,]{1,64}@[^\s<>;,]{1,190}")


@dataclass(frozen=True, slots=True)
class Failed:
    """One recipient that was not reached; `status` is RFC 3463's code, empty where none is given."""

    recipient: str
    status: str


def failures_in(message: "Message[str, str]") -> tuple[Failed, ...]:
    """The recipients that a delivery report names as failed for good; empty for every other mail."""
    if message.get_content_type() != "multipart/report" or not message.is_multipart():
        return _informal(message)
    found: dict[str, Failed] = {}
    for part in message.get_payload():
        if isinstance(part, Message) and part.get_content_type() == "message/delivery-status":
            for block in _blocks(part):
                failed = _failed(block)
                if failed is not None:
                    found.setdefault(failed.recipient, failed)
    return tuple(found.values())[:RECIPIENTS_MAX]


def original_id_in(message: "Message[str, str]") -> str:
    """The Message-ID of the mail that a report is about, as far as it says so."""
    if not message.is_multipart():
        return ""
    for part in message.get_payload():
        if not isinstance(part, Message):
            continue
        if part.get_content_type() == "message/delivery-status":
            for block in _blocks(part):
                if said := header(block, "X-Original-Message-ID"):
                    return said
        if part.get_content_type() == "message/rfc822" and part.is_multipart():
            inner = part.get_payload(0)
            return header(inner, "Message-ID") if isinstance(inner, Message) else ""
        if part.get_content_type() == "text/rfc822-headers":
            said = re.search(r"^message-id:\s*(<[^<>\s]+>)", str(part.get_payload())[:100_000], re.I | re.M)  # type: ignore[assignment]
            return said[1] if said else ""
    return ""


def _blocks(part: "Message[str, str]") -> list["Message[str, str]"]:
    payload = part.get_payload()
    return [one for one in payload if isinstance(one, Message)][:BLOCKS_MAX] if isinstance(payload, list) else []


def _failed(block: "Message[str, str]") -> Failed | None:
    if header(block, "Action").strip().lower() != "failed":
        return None
    said = header(block, "Original-Recipient") or header(block, "Final-Recipient")
    address = _ADDRESS.search(said.rpartition(";")[2])
    status = _STATUS.search(header(block, "Status"))
    return Failed(clean(address[0]).lower(), status[0] if status else "") if address else None


def _informal(message: "Message[str, str]") -> tuple[Failed, ...]:
    """Reports of servers that follow no standard, where the daemon itself names whom it failed."""
    sender = header(message, "From").lower()
    if not any(name in sender for name in ("mailer-daemon@", "postmaster@")):
        return ()
    found = _ADDRESS.findall(header(message, "X-Failed-Recipients"))
    return tuple(Failed(clean(one).lower(), "") for one in found[:RECIPIENTS_MAX])
