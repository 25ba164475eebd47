"""From an action to the final bytes of a mail. Pure: no clock, no randomness, no network.

Every header is composed here, in ASCII, and the result is read back by an independent parser before it is
given out: a mail that would not show exactly what was asked for is refused, not sent.
Sources: RFC 5322 (format), RFC 2045 (quoted-printable), RFC 2046 (alternatives), RFC 2047 (encoded words).
"""

import hashlib
import re
import unicodedata
from base64 import b64encode, encodebytes
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import quote

from trinity.providers.gmail.address import (
    Address,
    MaterialiseRefused,
    check_address,
    check_token,
    reply_to_address,
)
from trinity.providers.gmail.html import html_of
from trinity.providers.gmail.view import NOBODY, Attachment, view

__all__ = ["Address", "File", "Mail", "MaterialiseRefused", "ThreadFacts", "render", "reply_to_address"]

RECIPIENTS_MAX = 100
SUBJECT_CHARS_MAX = 500
TEXT_CHARS_MAX = 200_000
REFERENCES_MAX = 100
MESSAGE_ID_CHARS_MAX = 250
MAIL_BYTES_MAX = 5 * 1024 * 1024
"""The provider's record of it, which holds it once more in base64, still fits into a receipt."""
ATTACHMENTS_MAX = 5
ATTACHMENTS_BYTES_MAX = 3_000_000
"""Of all files of a mail together, before their encoding."""
FILE_NAME_CHARS_MAX = 120
LINE_CHARS_MAX = 76
ENCODED_WORD_BYTES = 42
"""UTF-8 bytes in one encoded word: 56 characters of base64, 68 with its frame, within RFC 2047's 75."""

_MESSAGE_ID = re.compile(r"<[!-;=?-~]+>")
_REPLY_MARK = re.compile(r"^(\s*re\s*:)+\s*", re.IGNORECASE)
_MEDIA_TYPE = re.compile(r"(application|image|text)/[a-z0-9][a-z0-9.+-]{0,99}")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 _.()-]+")
_PLAIN_ASCII = re.compile(r"[!-~]+( [!-~]+)*")


@dataclass(frozen=True, slots=True)
class ThreadFacts:
    """The thread a reply joins: Gmail's id for it, the parent's References and Message-ID, its subject.

    `gmail_thread_id` and `subject` are not written into the mail: the first goes beside it in the call, the
    second is what the reply's subject must agree with (Gmail threads by all three).
    """

    gmail_thread_id: str
    references: tuple[str, ...]
    in_reply_to: str
    subject: str


@dataclass(frozen=True, slots=True)
class File:
    """One file that goes with a mail, as its reader gets it."""

    name: str
    media_type: str
    data: bytes

    @property
    def sha256(self) -> str:
        """Lower-case hex, of the bytes before their encoding."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail, wholly decided. `text` has LF line ends; `date` has a zone and counts to the second."""

    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    subject: str
    text: str
    reply_to: Address
    token: str
    date: datetime
    thread: ThreadFacts | None = None
    files: tuple[File, ...] = ()


def render(mail: Mail) -> bytes:
    """The final RFC 5322 bytes (CRLF, ASCII only, no Message-ID, Bcc kept); raises `MaterialiseRefused`.

    The same mail always gives the same bytes, and mails that differ in anything that is written give
    different ones.
    """
    _check(mail)
    plain, html = _quoted_printable(mail.text), _quoted_printable(html_of(mail.text))
    headers = _headers(mail)
    digests = "".join(one.sha256 for one in mail.files).encode()
    mark = hashlib.sha256(headers + b"|" + plain + b"|" + html + digests).hexdigest()[:40]
    raw = headers + _with_files(f"=_trinity_f_{mark}", _body(f"=_trinity_{mark}", plain, html), mail.files)
    if len(raw) > MAIL_BYTES_MAX:
        raise MaterialiseRefused("mail_too_large", f"The mail is larger than {MAIL_BYTES_MAX} bytes.")
    _read_back(mail, raw)
    return raw


def _check(mail: Mail) -> None:
    everyone = (*mail.to, *mail.cc, *mail.bcc)
    if not everyone:
        raise MaterialiseRefused("no_recipient", "The mail has no recipient.")
    if len(everyone) > RECIPIENTS_MAX:
        raise MaterialiseRefused("too_many_recipients", f"More than {RECIPIENTS_MAX} recipients.")
    for address in (mail.sender, mail.reply_to, *everyone):
        check_address(address)
        _check_characters("name", address.name, "")
    check_token(mail.token)
    _check_characters("subject", mail.subject, "")
    _check_characters("text", mail.text, "\n\t")
    if len(mail.subject) > SUBJECT_CHARS_MAX:
        raise MaterialiseRefused("subject_too_long", f"The subject exceeds {SUBJECT_CHARS_MAX} characters.")
    if len(mail.text) > TEXT_CHARS_MAX:
        raise MaterialiseRefused("text_too_long", f"The text exceeds {TEXT_CHARS_MAX} characters.")
    if mail.date.tzinfo is None:
        raise MaterialiseRefused("invalid_date", "The date has no zone.")
    if mail.thread is not None:
        _check_thread(mail.thread, mail.subject)
    _check_files(mail.files)


def _check_files(files: tuple[File, ...]) -> None:
    if len(files) > ATTACHMENTS_MAX:
        raise MaterialiseRefused("too_many_attachments", f"A mail takes at most {ATTACHMENTS_MAX} files.")
    if sum(len(one.data) for one in files) > ATTACHMENTS_BYTES_MAX:
        raise MaterialiseRefused("attachments_too_large", f"Files of more than {ATTACHMENTS_BYTES_MAX} bytes together.")
    for one in files:
        _check_characters("file name", one.name, "")
        if not 1 <= len(one.name) <= FILE_NAME_CHARS_MAX or not _MEDIA_TYPE.fullmatch(one.media_type):
            raise MaterialiseRefused("invalid_attachment", "A file has no name, a long one, or no known type.")


def _check_characters(what: str, text: str, allowed: str) -> None:
    """Control characters are refused: a line break in a header would start another one."""
    for one in text:
        if one in "\r\n" and one not in allowed:
            raise MaterialiseRefused("line_break", f"The {what} contains a line break that is not allowed.")
        if unicodedata.category(one) in ("Cc", "Cs") and one not in allowed:
            raise MaterialiseRefused("control_character", f"The {what} contains U+{ord(one):04X}.")


def is_message_id(text: str) -> bool:
    """Whether a text can stand among a mail's references."""
    return len(text) <= MESSAGE_ID_CHARS_MAX and _MESSAGE_ID.fullmatch(text) is not None


def _check_thread(thread: ThreadFacts, subject: str) -> None:
    if len(thread.references) > REFERENCES_MAX:
        raise MaterialiseRefused("too_many_references", f"More than {REFERENCES_MAX} references.")
    for one in (*thread.references, thread.in_reply_to):
        if not is_message_id(one):
            raise MaterialiseRefused("invalid_reference", f"{one[:80]!r} is not a message id.")
    if _REPLY_MARK.sub("", subject) != _REPLY_MARK.sub("", thread.subject):
        raise MaterialiseRefused("subject_mismatch", "A reply keeps its thread's subject.")


def _headers(mail: Mail) -> bytes:
    fields = [("From", _mailboxes((mail.sender,)))]
    lists = (("To", mail.to), ("Cc", mail.cc), ("Bcc", mail.bcc), ("Reply-To", (mail.reply_to,)))
    fields += [(name, _mailboxes(addresses)) for name, addresses in lists if addresses]
    fields.append(("Subject", _subject(mail.subject)))
    fields.append(("Date", format_datetime(mail.date.astimezone(UTC).replace(microsecond=0))))
    if mail.thread is not None:
        fields.append(("In-Reply-To", mail.thread.in_reply_to))
        fields.append(("References", "\r\n ".join(_references(mail.thread))))
    fields.append(("X-Trinity-Operation", mail.token))
    fields.append(("MIME-Version", "1.0"))
    return "".join(f"{name}: {value}\r\n" for name, value in fields).encode("ascii")


def _references(thread: ThreadFacts) -> tuple[str, ...]:
    """The parent's references and the parent itself (RFC 5322, section 3.6.4)."""
    if thread.references and thread.references[-1] == thread.in_reply_to:
        return thread.references
    return (*thread.references, thread.in_reply_to)


def _mailboxes(addresses: tuple[Address, ...]) -> str:
    return ",\r\n ".join(_mailbox(address) for address in addresses)


def _mailbox(address: Address) -> str:
    if not address.name:
        return address.addr
    is_plain = _PLAIN_ASCII.fullmatch(address.name) and not re.search(r'["\\]|=\?', address.name)
    is_short = len(address.name) <= LINE_CHARS_MAX - len("Reply-To: ") - 2
    name = f'"{address.name}"' if is_plain and is_short else _encoded_words(address.name)
    fits = len(name) + len(address.addr) <= LINE_CHARS_MAX - len('Reply-To: "" <>,')
    return f"{name} <{address.addr}>" if fits else f"{name}\r\n <{address.addr}>"


def _subject(subject: str) -> str:
    is_plain = _PLAIN_ASCII.fullmatch(subject) and "=?" not in subject
    if not subject or (is_plain and len(subject) <= LINE_CHARS_MAX - len("Subject: ")):
        return subject
    return _encoded_words(subject)


def _encoded_words(text: str) -> str:
    """RFC 2047 encoded words, split between characters, one to a line."""
    words, chunk = [], b""
    for one in text:
        data = one.encode("utf-8")
        if len(chunk) + len(data) > ENCODED_WORD_BYTES:
            words.append(chunk)
            chunk = b""
        chunk += data
    words.append(chunk)
    return "\r\n ".join(f"=?utf-8?B?{b64encode(word).decode()}?=" for word in words)


def _body(boundary: str, plain: bytes, html: bytes) -> bytes:
    head = f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n\r\n'
    parts = b"".join(
        f"--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: quoted-printable\r\n\r\n".encode()
        + data
        + b"\r\n"
        for kind, data in (("plain", plain), ("html", html))
    )
    return head.encode() + parts + f"--{boundary}--\r\n".encode()


def _with_files(boundary: str, body: bytes, files: tuple[File, ...]) -> bytes:
    """The alternatives alone, or together with the files (RFC 2046, section 5.1.3)."""
    if not files:
        return body
    head = f'Content-Type: multipart/mixed;\r\n boundary="{boundary}"\r\n\r\n'.encode()
    parts = [body, *(_file_part(one) for one in files)]
    edge = f"--{boundary}".encode()
    return head + b"".join(edge + b"\r\n" + part + b"\r\n" for part in parts) + edge + b"--\r\n"


def _file_part(one: File) -> bytes:
    """A file with its name in the plain form or in that of RFC 2231, which is one line however long the name is."""
    if _PLAIN_NAME.fullmatch(one.name):
        name = f'filename="{one.name}"'
    else:
        name = f"filename*=utf-8''{quote(one.name, safe='')}"
    head = (
        f"Content-Type: {one.media_type}\r\nContent-Disposition: attachment;\r\n {name}\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return head.encode("ascii") + encodebytes(one.data).replace(b"\n", b"\r\n")


def _quoted_printable(text: str) -> bytes:
    """RFC 2045, section 6.7, with LF as the line break; leading dots and `From ` are encoded as well."""
    return "\r\n".join(_quoted_line(line) for line in text.split("\n")).encode("ascii")


def _quoted_line(line: str) -> str:
    tokens = [chr(byte) if 32 <= byte <= 126 and byte != 61 else f"={byte:02X}" for byte in line.encode()]
    if tokens and tokens[-1] == " ":
        tokens[-1] = "=20"
    if tokens and (tokens[0] == "." or line.startswith(("From ", "--"))):
        tokens[0] = f"={ord(tokens[0]):02X}"
    lines, current = [], ""
    for token in tokens:
        if len(current) + len(token) > LINE_CHARS_MAX - 1:
            lines.append(current + "=")
            current = f"={ord(token):02X}" if token in (".", " ", "-", "F") else token
        else:
            current += token
    return "\r\n".join([*lines, current])


def _read_back(mail: Mail, raw: bytes) -> None:
    """What an independent parser reads in the bytes must be what was asked for."""
    shown = view(raw)
    asked = (mail.sender, mail.to, mail.cc, mail.bcc, mail.reply_to, mail.subject, mail.text)
    read = (shown.sender, shown.to, shown.cc, shown.bcc, shown.reply_to, shown.subject, shown.text)
    has_once = all([name for name, _ in shown.headers].count(name) == 1 for name in ("From", "Subject", "Date"))
    files = tuple(Attachment(one.name, one.media_type, len(one.data), one.sha256) for one in mail.files)
    is_whole = shown.html == html_of(mail.text) and shown.attachments == files and shown.sender != NOBODY
    token = shown.header("X-Trinity-Operation")
    if asked != read or token != mail.token or not has_once or not is_whole:
        raise MaterialiseRefused("not_faithful", "The mail would not show exactly what was asked for.")
