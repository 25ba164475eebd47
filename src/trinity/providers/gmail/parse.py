"""A mail from outside, read from its bytes. Pure, and for whatever bytes: what cannot be read is said, never raised.

Everything in it is content of a stranger: the caller keeps it in quarantine, names and subject included. Reading is
bounded in size, lines, parts and nesting, since each of them could be made to cost us minutes.
Sources: RFC 5322 (format), RFC 2045 to 2047 and 2231 (MIME), RFC 3834 (automatic responses), RFC 3464 and 6522
(delivery reports).
"""

import email
import email.policy
import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Literal

from trinity.providers.gmail.address import Address
from trinity.providers.gmail.bounced import Failed, failures_in, original_id_in
from trinity.providers.gmail.decoding import addresses, clean, decoded, header, headers, words
from trinity.providers.gmail.hidden import text_of_html
from trinity.providers.gmail.suspicion import suspicions
from trinity.providers.gmail.view import NOBODY

MAIL_BYTES_MAX = 11 * 1024 * 1024
"""Of a larger mail only the head is read; its raw form in Gmail's answer stays below what an answer may have."""
HEAD_BYTES_MAX = 256 * 1024
LINES_MAX = 250_000
BOUNDARIES_MAX = 60
PARTS_MAX = 200
ATTACHMENTS_MAX = 20
TEXT_BYTES_MAX = 190_000
SUBJECT_CHARS_MAX = 200
NAME_CHARS_MAX = 200
ADDRESS_CHARS_MAX = 254
REFERENCES_MAX = 50
WARNINGS_MAX = 20
DIFFERENT_WORDS_MIN = 6
HTML_MARK = "[The HTML part says:]"

_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")
_BOUNDARY = re.compile(rb"boundary\s*=", re.IGNORECASE)
_WORD = re.compile(r"\w{4,40}")
_AUTOMATIC_PRECEDENCE = ("auto_reply", "auto-reply", "bulk", "junk", "list")
_AUTOMATIC_HEADERS = ("X-Autoreply", "X-Autorespond", "X-Auto-Reply")

type Kind = Literal["mail", "bounce", "auto_reply"]


@dataclass(frozen=True, slots=True)
class Attached:
    """A part that is neither the text nor the HTML; name and type are what the sender says."""

    name: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class InboundMail:
    """A mail as it was read. `text` is never empty of what the HTML hides; `warnings` are sentences for people."""

    kind: Kind
    sender: Address
    to: tuple[Address, ...]
    reply_to: Address
    subject: str
    message_id: str
    references: tuple[str, ...]
    """The ids of mails that it answers or reports on, the nearest last."""
    date: datetime | None
    text: str
    attachments: tuple[Attached, ...]
    left_out: int
    """Attachments beyond `ATTACHMENTS_MAX`."""
    failed: tuple[Failed, ...]
    """Whom a bounce says that a mail of ours did not reach."""
    warnings: tuple[str, ...]
    size_bytes: int
    sha256: str


def parse(raw: bytes) -> InboundMail:
    """Read a mail. Never raises: what is too large, too deep or broken gives its head, and a warning."""
    lines, boundaries = raw.count(b"\n"), len(_BOUNDARY.findall(raw))
    if len(raw) > MAIL_BYTES_MAX or lines > LINES_MAX or boundaries > BOUNDARIES_MAX:
        return parse_head(_head_of(raw), "The mail is too large or too deeply nested to be read here.", of=raw)
    try:
        return _parse(raw)
    except Exception:
        # The standard library's parsers raise many kinds of errors on malformed input, and a hostile mail must
        # not stop the mails behind it.
        return parse_head(_head_of(raw), "The mail is malformed and could not be read whole.", of=raw)


def parse_head(head: bytes, warning: str, *, of: bytes = b"", size_bytes: int = 0) -> InboundMail:
    """What the header alone says of a mail that is not read, with the sentence why."""
    try:
        message = email.message_from_bytes(head.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", policy=email.policy.compat32)
        found = _read(message, "", (), 0, [warning])
    except Exception:
        found = InboundMail("mail", NOBODY, (), NOBODY, "", "", (), None, "", (), 0, (), (warning,), 0, "")
    whole = of or head
    return _replaced(found, size_bytes=size_bytes or len(whole), sha256=hashlib.sha256(whole).hexdigest())


def _parse(raw: bytes) -> InboundMail:
    message = email.message_from_bytes(raw, policy=email.policy.compat32)
    text, attachments, left_out, odd = _bodies(message)
    found = _read(message, text, attachments, left_out, odd)
    return _replaced(found, size_bytes=len(raw), sha256=hashlib.sha256(raw).hexdigest())


def _read(
    message: "Message[str, str]", text: str, attachments: tuple[Attached, ...], left_out: int, odd: list[str]
) -> InboundMail:
    sender = next(iter(addresses(message, "From")), NOBODY)
    subject = words(header(message, "Subject"))
    failed = failures_in(message)
    references = _references(message, failed)
    found = InboundMail(
        kind=_kind(message, failed),
        sender=_short(sender),
        to=tuple(_short(one) for one in addresses(message, "To")[:REFERENCES_MAX]),
        reply_to=_short(next(iter(addresses(message, "Reply-To")), NOBODY)),
        subject=subject[:SUBJECT_CHARS_MAX],
        message_id=next(iter(_MESSAGE_ID.findall(header(message, "Message-ID"))), ""),
        references=references,
        date=_date(header(message, "Date")),
        text=text,
        attachments=attachments,
        left_out=left_out,
        failed=failed,
        warnings=(),
        size_bytes=0,
        sha256="",
    )
    if len(subject) > SUBJECT_CHARS_MAX:
        odd.append("The subject is longer than shown.")
    warnings = (*_sender_warnings(message, found), *suspicions("The subject", found.subject), *odd)
    return _replaced(found, warnings=tuple(dict.fromkeys((*warnings, *suspicions("The text", text))))[:WARNINGS_MAX])


def _replaced(found: InboundMail, **changes: object) -> InboundMail:
    values = {name: getattr(found, name) for name in InboundMail.__dataclass_fields__}
    return InboundMail(**{**values, **changes})


def _head_of(raw: bytes) -> bytes:
    return re.split(rb"\r?\n\r?\n", raw[:HEAD_BYTES_MAX], maxsplit=1)[0]


def _short(one: Address) -> Address:
    return Address(one.addr[:ADDRESS_CHARS_MAX], one.name[:NAME_CHARS_MAX])


def _date(value: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    try:
        return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _references(message: "Message[str, str]", failed: tuple[Failed, ...]) -> tuple[str, ...]:
    said = [*headers(message, "References"), *headers(message, "In-Reply-To")]
    if failed:
        said.append(original_id_in(message))
    found = dict.fromkeys(one for value in said for one in _MESSAGE_ID.findall(value[:50_000]))
    return tuple(found)[-REFERENCES_MAX:]


def _kind(message: "Message[str, str]", failed: tuple[Failed, ...]) -> Kind:
    if failed:
        return "bounce"
    submitted = header(message, "Auto-Submitted").partition(";")[0].strip().lower()
    precedence = header(message, "Precedence").strip().lower()
    is_automatic = (
        submitted not in ("", "no")
        or precedence in _AUTOMATIC_PRECEDENCE
        or header(message, "Return-Path").strip() == "<>"
        or any(header(message, name) for name in _AUTOMATIC_HEADERS)
        or message.get_content_type() == "multipart/report"
    )
    return "auto_reply" if is_automatic else "mail"


def _sender_warnings(message: "Message[str, str]", found: InboundMail) -> list[str]:
    warnings = []
    if not found.sender.addr:
        warnings.append("The mail does not say who it is from.")
    if len(addresses(message, "From")) > 1 or len(addresses(message, "Reply-To")) > 1:
        warnings.append("The mail names more than one sender.")
    if found.reply_to.addr and _domain(found.reply_to) != _domain(found.sender):
        warnings.append(f"Replies go to another domain: {found.reply_to.addr}.")
    for one in (found.sender, found.reply_to):
        warnings += suspicions("The sender's name", one.name) + suspicions("The sender's address", one.addr)
        if "xn--" in _domain(one):
            warnings.append(f"The domain of {one.addr} is written in other letters.")
        if "@" in one.name and one.name.strip().lower() != one.addr.lower():
            warnings.append(f"The name of {one.addr} looks like another address.")
    return warnings


def _domain(one: Address) -> str:
    return one.addr.rpartition("@")[2].lower()


def _bodies(message: "Message[str, str]") -> tuple[str, tuple[Attached, ...], int, list[str]]:
    """The text that a person judges the mail by, the attachments, how many were left out, what is odd."""
    plain: list[str] = []
    html: list[str] = []
    attached: list[Attached] = []
    odd: list[str] = []
    left_out = 0
    for part in _leaves(message, odd):
        kind, name = part.get_content_type(), words(part.get_filename() or "")
        is_attachment = bool(name) or part.get_content_disposition() == "attachment"
        if kind in ("text/plain", "text/html") and not is_attachment:
            text, is_clean = decoded(part)
            (plain if kind == "text/plain" else html).append(text)
            if not is_clean:
                odd.append("A part of the text cannot be decoded without loss.")
        elif kind == "message/delivery-status" or (kind == "text/rfc822-headers" and not name):
            continue
        elif len(attached) < ATTACHMENTS_MAX:
            attached.append(_attached(part, name, kind, odd))
        else:
            left_out += 1
    if left_out:
        odd.append(f"The mail has {left_out} more attachments, which are not taken in.")
    return _text("\n".join(plain), "\n".join(html), odd), tuple(attached), left_out, odd


def _leaves(message: "Message[str, str]", odd: list[str]) -> list["Message[str, str]"]:
    """Every part that holds something, in order; a mail within the mail is one of them."""
    found: list[Message[str, str]] = []
    waiting: list[Message[str, str]] = [message]
    seen = 0
    while waiting:
        part = waiting.pop(0)
        seen += 1
        if seen > PARTS_MAX:
            odd.append(f"The mail has more than {PARTS_MAX} parts; the others are not read.")
            break
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            waiting[:0] = [one for one in part.get_payload() if isinstance(one, Message)]
        else:
            found.append(part)
    return found


def _attached(part: "Message[str, str]", name: str, kind: str, odd: list[str]) -> Attached:
    odd += suspicions("An attachment's name", name[:NAME_CHARS_MAX])
    if part.is_multipart():
        inner = part.get_payload(0) if part.get_payload() else None
        data = inner.as_bytes() if isinstance(inner, Message) else b""
    else:
        payload = part.get_payload(decode=True)
        data = payload if isinstance(payload, bytes) else b""
    return Attached(name[:NAME_CHARS_MAX], clean(kind)[:100], data)


def _text(plain: str, html: str, odd: list[str]) -> str:
    """The plain text; what the HTML says, too, where it says something else or is all there is."""
    text = plain.strip("\n")
    if html:
        unfolded = text_of_html(html)
        if unfolded.is_hidden:
            odd.append("The HTML part hides text from its reader; all of it is shown here.")
        if unfolded.is_odd:
            odd.append("The HTML part is oddly nested; its tags were struck out.")
        if unfolded.is_cut:
            odd.append("The HTML part is too long to be read whole.")
        if not text.strip():
            text = unfolded.text
        elif unfolded.is_hidden or _is_different(text, unfolded.text):
            odd.append("The HTML part says something else than the plain text; both are shown.")
            text = f"{text}\n\n{HTML_MARK}\n{unfolded.text}"
    cut = clean(text).encode()
    if len(cut) > TEXT_BYTES_MAX:
        odd.append(f"The text is longer than {TEXT_BYTES_MAX} bytes; the rest is not shown.")
        return cut[:TEXT_BYTES_MAX].decode("utf-8", "ignore")
    return cut.decode()


def _is_different(plain: str, html: str) -> bool:
    said = {word.lower() for word in _WORD.findall(plain)}
    shown = {word.lower() for word in _WORD.findall(html)}
    return len(shown - said) >= max(DIFFERENT_WORDS_MIN, len(shown) // 4)
