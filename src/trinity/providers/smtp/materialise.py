"""From a notice to the final bytes of a mail. Pure: no clock, no randomness, no network.

A notice is in our own words, so it needs no more than printable ASCII; whatever holds another character is refused,
which leaves nothing that could end a header, hide in a text or be read in two ways.
Sources: RFC 5322 (format), RFC 3834 (`Auto-Submitted`).
"""

import email
import email.policy
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, getaddresses

from trinity.providers.gmail.address import Address, MaterialiseRefused, check_address, check_token

RECIPIENTS_MAX = 50
SUBJECT_CHARS_MAX = 150
TEXT_CHARS_MAX = 20_000
LINE_CHARS_MAX = 900
"""RFC 5322 allows 998; an address of ours that is long stays on one line."""

_SUBJECT = re.compile(r"[!-~]+( [!-~]+)*")
_LINE = re.compile(r"[ -~]*")


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice, wholly decided. `text` has LF line ends; `date` has a zone and counts to the second."""

    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    date: datetime
    token: str


@dataclass(frozen=True, slots=True)
class SmtpEnvelope:
    """Whom the bytes name: what MAIL FROM and RCPT TO must say."""

    sender: str
    recipients: tuple[str, ...]


def render(notice: Notice) -> bytes:
    """The final RFC 5322 bytes (CRLF, ASCII); raises `MaterialiseRefused`. The same notice, the same bytes."""
    _check(notice)
    headers = (
        ("From", notice.sender),
        ("To", ",\r\n ".join(notice.recipients)),
        ("Subject", notice.subject),
        ("Date", format_datetime(notice.date.astimezone(UTC).replace(microsecond=0))),
        ("Message-ID", message_id(notice.sender, notice.token)),
        ("Auto-Submitted", "auto-generated"),
        ("X-Trinity-Operation", notice.token),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=us-ascii"),
        ("Content-Transfer-Encoding", "7bit"),
    )
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    raw = f"{head}\r\n{notice.text.rstrip('\n').replace('\n', '\r\n')}\r\n".encode("ascii")
    _read_back(notice, raw)
    return raw


def message_id(sender: str, token: str) -> str:
    """The Message-ID of a notice: it follows from the operation token, so a repeat would carry the same."""
    return f"<trinity.{check_token(token)}@{sender.rpartition('@')[2]}>"


def envelope_of(raw: bytes) -> SmtpEnvelope:
    """Sender and recipients as the bytes' own headers say them; raises `MaterialiseRefused`."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    found = {name: [str(value) for key, value in message.raw_items() if key == name] for name in ("From", "To")}
    if any(len(values) != 1 for values in found.values()) or message["Cc"] or message["Bcc"]:
        raise MaterialiseRefused("not_faithful", "The notice does not name one sender and one list of recipients.")
    sender, to = (getaddresses([re.sub(r"\r?\n", "", found[name][0])]) for name in ("From", "To"))
    return SmtpEnvelope(check_address(Address(sender[0][1])).addr, tuple(check_address(Address(a)).addr for _, a in to))


def _check(notice: Notice) -> None:
    if not notice.recipients:
        raise MaterialiseRefused("no_recipient", "The notice has no recipient.")
    if len(notice.recipients) > RECIPIENTS_MAX or len(set(notice.recipients)) != len(notice.recipients):
        raise MaterialiseRefused("invalid_recipients", f"More than {RECIPIENTS_MAX} recipients, or one twice.")
    for address in (notice.sender, *notice.recipients):
        check_address(Address(address))
    if not _SUBJECT.fullmatch(notice.subject) or len(notice.subject) > SUBJECT_CHARS_MAX or "=?" in notice.subject:
        raise MaterialiseRefused("invalid_subject", "A notice's subject is one line of printable ASCII.")
    lines = notice.text.split("\n")
    if len(notice.text) > TEXT_CHARS_MAX or not notice.text.strip():
        raise MaterialiseRefused("invalid_text", f"A notice's text has 1 to {TEXT_CHARS_MAX} characters.")
    if any(len(line) > LINE_CHARS_MAX or not _LINE.fullmatch(line) for line in lines):
        raise MaterialiseRefused("invalid_text", "A notice's text is lines of printable ASCII.")
    if notice.date.tzinfo is None:
        raise MaterialiseRefused("invalid_date", "The date has no zone.")


def _read_back(notice: Notice, raw: bytes) -> None:
    """What an independent parser reads in the bytes must be what was asked for."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    text = str(message.get_payload()).replace("\r\n", "\n").rstrip("\n")
    is_same = (
        envelope_of(raw) == SmtpEnvelope(notice.sender, notice.recipients)
        and message["Subject"] == notice.subject
        and text == notice.text.rstrip("\n")
        and not message.defects
    )
    if not is_same:
        raise MaterialiseRefused("not_faithful", "The notice would not show exactly what was asked for.")
