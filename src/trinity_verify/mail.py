"""What a mail says, read from its bytes: the part of it that a recipient can see or act on."""

import email
import email.policy
import hashlib
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses
from typing import Any

from trinity_verify.form import Failed, demand

PARTS_MAX = 100
ADDRESSES = ("From", "Sender", "To", "Cc", "Bcc", "Reply-To")
TEXTS = ("Subject", "X-Trinity-Operation", "In-Reply-To", "References", "Message-ID")
REPLACED = ("Message-ID",)
"""What a provider replaces by itself."""


def read(raw: bytes, what: str) -> dict[str, Any]:
    """Addresses, subject, token, threading and every part; what cannot be read raises `Failed`.

    Keys: the header names, each a list; `parts`, a list of (type, file name, text or digest), and `attachments`, a
    list of (type, file name, digest): a part that says that it is one, whatever its type.
    """
    try:
        message = email.message_from_bytes(raw, policy=email.policy.compat32)
        found: dict[str, Any] = {name: _addresses(message, name) for name in ADDRESSES}
        found |= {name: [_words(value) for value in _values(message, name)] for name in TEXTS}
        leaves = _leaves(message)
        found["parts"] = [_part(part) for part in leaves if not _is_attached(part)]
        found["attachments"] = [_attachment(part) for part in leaves if _is_attached(part)]
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        # The standard library's parser raises many kinds of errors on malformed input.
        raise Failed(f"{what} cannot be read as a mail") from error
    return found


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Names of what two readings differ in, where a difference matters."""
    return [name for name in one if one[name] != other[name] and name not in REPLACED]


def check_says(mail: dict[str, Any], typed: dict[str, Any], token: str, what: str) -> None:
    """Demand that a mail says what the typed payload asked for: sender, recipients, subject, text, reply address."""
    local, _, domain = str(typed["from_alias"]).rpartition("@")
    wanted: dict[str, list[Any]] = {name: _typed(typed.get(name.lower(), [])) for name in ("To", "Cc", "Bcc")}
    wanted |= {"Subject": [typed["subject"]], "X-Trinity-Operation": [token], "Sender": []}
    different = [name for name, value in wanted.items() if mail[name] != value]
    different += [] if [addr for _, addr in mail["From"]] == [typed["from_alias"]] else ["From"]
    different += [] if mail["Reply-To"] == [("", f"{local}+tr.{token}@{domain}")] else ["Reply-To"]
    plain = [text for kind, _, text in mail["parts"] if kind == "text/plain"]
    different += [] if plain == [typed["text"]] else ["text"]
    kinds = [kind for kind, _, _ in mail["parts"]]
    different += [] if kinds == ["text/plain", "text/html"] else ["parts"]
    demand(not different, f"{what} does not say what was asked for: {', '.join(different)}")


def _typed(found: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(one.get("name", ""), one["addr"]) for one in found]


def _leaves(message: Message) -> list[Message]:
    found: list[Message] = []
    for part in message.walk():
        demand(len(found) < PARTS_MAX, f"a mail of more than {PARTS_MAX} parts")
        if not part.is_multipart():
            found.append(part)
    return found


def _is_attached(part: Message) -> bool:
    return part.get_content_disposition() == "attachment"


def _attachment(part: Message) -> tuple[str, str, str]:
    return part.get_content_type(), part.get_filename() or "", hashlib.sha256(_body(part)).hexdigest()


def _part(part: Message) -> tuple[str, str, str]:
    kind, name = part.get_content_type(), part.get_filename() or ""
    if part.get_content_maintype() == "text":
        return kind, name, _body(part).decode(str(part.get_content_charset("us-ascii"))).replace("\r\n", "\n")
    return kind, name, hashlib.sha256(_body(part)).hexdigest()


def _body(part: Message) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _addresses(message: Message, name: str) -> list[tuple[str, str]]:
    found = getaddresses(_values(message, name))
    return [(_words(shown), addr) for shown, addr in found if shown or addr]


def _values(message: Message, name: str) -> list[str]:
    return [str(value).replace("\r", "").replace("\n", "") for value in message.get_all(name, [])]


def _words(value: str) -> str:
    """A header's text with its RFC 2047 words decoded."""
    found = []
    for data, charset in decode_header(value):
        found.append(data if isinstance(data, str) else data.decode(charset or "ascii"))
    return "".join(found)
