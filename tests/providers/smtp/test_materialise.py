"""A notice's bytes: what was asked for, read back; nothing that a fact holds can become a header or a recipient."""

import email
import email.policy
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trinity.providers.gmail.address import MaterialiseRefused
from trinity.providers.smtp.materialise import Notice, SmtpEnvelope, envelope_of, message_id, render

DATE = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
SENDER = "notices@northwind.example"
HEADERS = [
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Trinity-Operation", "MIME-Version",
    "Content-Type", "Content-Transfer-Encoding",
]  # fmt: skip
printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
anything = st.one_of(printable, st.text(max_size=40), st.sampled_from(["a\r\nBcc: x@evil.example", "a\n.\nb", "\x00"]))


def notice(**changes: object) -> Notice:
    """A notice to two owners, with changes."""
    given: dict[str, object] = {
        "sender": SENDER,
        "recipients": ("robin@northwind.example", "sam@northwind.example"),
        "subject": "Order 7 was paid",
        "text": "Order 7 was paid: 49.00 EUR.\n\nhttps://trinity.example/orders/7\n",
        "date": DATE,
        "token": "abcdefgh12345678",
    }
    return Notice(**(given | changes))  # type: ignore[arg-type]


def test_the_bytes_of_a_notice() -> None:
    raw = render(notice())
    assert raw == (
        b"From: notices@northwind.example\r\n"
        b"To: robin@northwind.example,\r\n sam@northwind.example\r\n"
        b"Subject: Order 7 was paid\r\n"
        b"Date: Wed, 25 Nov 2026 09:30:00 +0000\r\n"
        b"Message-ID: <trinity.abcdefgh12345678@northwind.example>\r\n"
        b"Auto-Submitted: auto-generated\r\n"
        b"X-Trinity-Operation: abcdefgh12345678\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=us-ascii\r\n"
        b"Content-Transfer-Encoding: 7bit\r\n"
        b"\r\n"
        b"Order 7 was paid: 49.00 EUR.\r\n\r\nhttps://trinity.example/orders/7\r\n"
    )
    assert envelope_of(raw) == SmtpEnvelope(SENDER, ("robin@northwind.example", "sam@northwind.example"))


@given(
    subject=anything, text=anything, recipient=st.one_of(st.just("robin@northwind.example"), anything), token=anything
)
def test_whatever_is_asked_for_is_shown_exactly_or_refused(subject: str, text: str, recipient: str, token: str) -> None:
    asked = notice(subject=subject, text=text, recipients=(recipient,), token=token)
    try:
        raw = render(asked)
    except MaterialiseRefused:
        return
    read = email.message_from_bytes(raw, policy=email.policy.default)
    assert [name for name, _ in read.raw_items()] == HEADERS
    assert read["Subject"] == subject
    assert envelope_of(raw) == SmtpEnvelope(SENDER, (recipient,))
    assert render(asked) == raw


@given(
    text=printable.filter(lambda text: bool(text.strip())), subject=printable.filter(lambda text: bool(text.strip()))
)
def test_a_line_of_our_own_words_is_never_refused_nor_changed(text: str, subject: str) -> None:
    subject = " ".join(subject.split())
    if "=?" not in subject:
        raw = render(notice(text=text, subject=subject))
        assert raw.partition(b"\r\n\r\n")[2] == text.rstrip("\n").encode() + b"\r\n"


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "a\r\nBcc: x@evil.example"},
        {"subject": "a\nb"},
        {"subject": ""},
        {"subject": "=?utf-8?B?YQ==?="},
        {"subject": "Bestellung \N{EURO SIGN}"},
        {"text": "a\rb"},
        {"text": "\N{RIGHT-TO-LEFT OVERRIDE}"},
        {"text": "  \n"},
        {"text": "x" * 1000},
        {"recipients": ()},
        {"recipients": ("robin@northwind.example", "robin@northwind.example")},
        {"recipients": ("robin@northwind.example>, <x@evil.example",)},
        {"recipients": ("a@x.example,b@y.example",)},
        {"recipients": tuple(f"r{n}@northwind.example" for n in range(51))},
        {"sender": "Robin <robin@northwind.example>"},
        {"token": "a>\r\nX: y"},
        {"date": DATE.replace(tzinfo=None)},
    ],
    ids=lambda changes: next(f"{name}={str(value)[:30]!r}" for name, value in changes.items()),
)
def test_what_could_be_read_in_two_ways_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(MaterialiseRefused):
        render(notice(**changes))


@pytest.mark.parametrize(
    "raw",
    [
        b"To: a@x.example\r\n\r\nhello\r\n",
        b"From: a@x.example\r\nTo: b@y.example\r\nTo: c@z.example\r\n\r\nhello\r\n",
        b"From: a@x.example\r\nTo: b@y.example\r\nBcc: c@z.example\r\n\r\nhello\r\n",
        b"From: a@x.example\r\nTo:\r\n\r\nhello\r\n",
    ],
)
def test_bytes_without_one_sender_and_one_list_have_no_envelope(raw: bytes) -> None:
    with pytest.raises(MaterialiseRefused):
        envelope_of(raw)


def test_the_same_operation_has_the_same_message_id() -> None:
    assert message_id(SENDER, "abcdef") == message_id(SENDER, "abcdef") == "<trinity.abcdef@northwind.example>"
