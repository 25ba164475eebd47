"""What a mail says, decoded from its bytes by a parser that shares nothing with what wrote them.

The approval card, the check after rendering and the comparison with the sent mail all read through this
one door, so that what a person sees is what the bytes say.
"""

import email
import email.policy
import hashlib
from dataclasses import dataclass
from email.errors import MessageError
from email.header import decode_header
from email.message import EmailMessage
from email.utils import getaddresses

from trinity.providers.gmail.address import Address, MaterialiseRefused
from trinity.providers.gmail.html import html_of
from trinity.providers.gmail.suspicion import suspicions

VIEW_BYTES_MAX = 36 * 1024 * 1024
PARTS_MAX = 100
ONCE = ("From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Subject", "Date", "Message-ID")
NOBODY = Address("")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is neither the text nor the HTML; `sha256` is of its decoded bytes, lower-case hex."""

    name: str
    content_type: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class MailView:
    """A decoded mail. `headers` are all of them, decoded, in order; `text` has LF line ends."""

    headers: tuple[tuple[str, str], ...]
    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    reply_to: Address
    subject: str
    text: str
    html: str
    warnings: tuple[str, ...]
    size_bytes: int
    attachments: tuple[Attachment, ...] = ()

    def header(self, name: str) -> str:
        """The first header of that name, or an empty string."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


def view(raw: bytes) -> MailView:
    """Decode a mail; what cannot be read at all is refused with `unreadable_mail`."""
    if len(raw) > VIEW_BYTES_MAX:
        raise MaterialiseRefused("mail_too_large", f"A mail of more than {VIEW_BYTES_MAX} bytes.")
    try:
        return _view(raw)
    except MaterialiseRefused:
        raise
    except (MessageError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        # The standard library's parser raises many kinds of errors on malformed input.
        raise MaterialiseRefused("unreadable_mail", "The mail cannot be decoded.") from error


def _view(raw: bytes) -> MailView:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    headers = tuple((name, _words(str(value))) for name, value in message.raw_items())
    text, html, attachments, odd = _bodies(message)
    found = MailView(
        headers=headers,
        sender=next(iter(_addresses(message, "From")), NOBODY),
        to=_addresses(message, "To"),
        cc=_addresses(message, "Cc"),
        bcc=_addresses(message, "Bcc"),
        reply_to=next(iter(_addresses(message, "Reply-To")), NOBODY),
        subject=next((value for name, value in headers if name.lower() == "subject"), ""),
        text=text,
        html=html,
        warnings=(),
        size_bytes=len(raw),
        attachments=attachments,
    )
    warnings = tuple(dict.fromkeys((*_header_warnings(found, message), *_body_warnings(found), *odd)))
    return MailView(**{**_fields(found), "warnings": warnings})  # type: ignore[arg-type]


def _fields(found: MailView) -> dict[str, object]:
    return {name: getattr(found, name) for name in MailView.__dataclass_fields__}


def _addresses(message: EmailMessage, name: str) -> tuple[Address, ...]:
    """The addresses of every header of that name: first the structure is read, then each name is decoded."""
    raw = [_unfolded(str(value)) for key, value in message.raw_items() if key.lower() == name.lower()]
    return tuple(Address(addr, _words(shown)) for shown, addr in getaddresses(raw) if addr or shown)


def _unfolded(value: str) -> str:
    return value.replace("\r", "").replace("\n", "")


def _words(value: str) -> str:
    """A header's text with its RFC 2047 words decoded; bytes that are no text are shown as U+FFFD."""
    found = []
    for data, charset in decode_header(_unfolded(value)):
        if isinstance(data, str):
            data = data.encode("utf-8", "surrogateescape")
        found.append(data.decode(charset or "utf-8", "replace"))
    return "".join(found)


def _bodies(message: EmailMessage) -> tuple[str, str, tuple[Attachment, ...], list[str]]:
    """The text, the HTML, everything else, and what is odd about them."""
    texts: dict[str, str] = {}
    attachments: list[Attachment] = []
    odd: list[str] = []
    for count, part in enumerate(message.walk()):
        if count >= PARTS_MAX:
            raise MaterialiseRefused("too_many_parts", f"A mail of more than {PARTS_MAX} parts.")
        if part.get_content_maintype() == "multipart":
            continue
        kind, data = part.get_content_type(), part.get_payload(decode=True)
        body = data if isinstance(data, bytes) else b""
        is_body = kind in ("text/plain", "text/html") and kind not in texts and not part.get_filename()
        if not is_body or part.get_content_disposition() == "attachment":
            name = part.get_filename() or ""
            digest = hashlib.sha256(body).hexdigest()
            attachments.append(Attachment(name, kind, len(body), digest))
            if not name or part.get_content_disposition() != "attachment":
                odd.append(f"The mail holds a further part: {name or kind}.")
            odd += suspicions("A file's name", name)
            continue
        texts[kind], is_clean = _decoded(body, part.get_content_charset("us-ascii"))
        if not is_clean:
            odd.append(f"The {kind} part cannot be decoded without loss.")
    return texts.get("text/plain", ""), texts.get("text/html", ""), tuple(attachments), odd


def _decoded(data: bytes, charset: str) -> tuple[str, bool]:
    try:
        text, is_clean = data.decode(charset), True
    except (UnicodeDecodeError, LookupError):
        text, is_clean = data.decode("utf-8", "replace"), False
    return text.replace("\r\n", "\n"), is_clean


def _header_warnings(found: MailView, message: EmailMessage) -> list[str]:
    names = [name.lower() for name, _ in found.headers]
    warnings = [f"The mail has more than one {name}." for name in ONCE if names.count(name.lower()) > 1]
    if found.sender == NOBODY:
        warnings.append("The mail does not say who it is from.")
    if len(_addresses(message, "From")) > 1 or len(_addresses(message, "Reply-To")) > 1:
        warnings.append("The mail names more than one sender.")
    if found.reply_to != NOBODY and _domain(found.reply_to) != _domain(found.sender):
        warnings.append(f"Replies go to another domain: {found.reply_to.addr}.")
    warnings += suspicions("The subject", found.subject)
    for one in (found.sender, *found.to, *found.cc, *found.bcc, found.reply_to):
        warnings += _address_warnings(one)
    return warnings


def _address_warnings(one: Address) -> list[str]:
    warnings = list(suspicions(f"The name of {one.addr}", one.name))
    warnings += suspicions("An address", one.addr)
    labels = _domain(one).split(".")
    if any(label.startswith("xn--") for label in labels):
        shown = ".".join(_unicode_label(label) for label in labels)
        warnings.append(f"The domain of {one.addr} is written in other letters: {shown}.")
    if "@" in one.name and one.name.strip().lower() != one.addr.lower():
        warnings.append(f"The name of {one.addr} looks like another address.")
    return warnings


def _body_warnings(found: MailView) -> list[str]:
    warnings = list(suspicions("The text", found.text))
    if found.html and found.html != html_of(found.text):
        warnings.append("The HTML says something else than the text.")
        warnings += suspicions("The HTML", found.html)
    return warnings


def _unicode_label(label: str) -> str:
    """A domain label as a browser would show it (RFC 3492); one that cannot be decoded stays as it is."""
    if not label.startswith("xn--"):
        return label
    try:
        return label.removeprefix("xn--").encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label


def _domain(one: Address) -> str:
    return one.addr.rpartition("@")[2].lower()
