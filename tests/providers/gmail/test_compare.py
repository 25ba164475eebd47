"""A sent mail that is not the approved one is told from one that is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.providers.gmail.factory import NOW, a_mail
from trinity.providers.gmail.compare import differences
from trinity.providers.gmail.materialise import Address, ThreadFacts, render

APPROVED = render(a_mail(bcc=(Address("quiet@customer.example"),)))
THREAD = ThreadFacts("1", (), "<parent@x.example>", "The offer")


def test_the_same_bytes_do_not_differ() -> None:
    assert differences(APPROVED, APPROVED) == ()


def test_what_gmail_adds_is_no_difference() -> None:
    sent = b"Received: from 1 named unknown by gmailapi.google.com with HTTPREST;\r\n Mon, 23 Nov 2026\r\n" + APPROVED
    sent = sent.replace(b"MIME-Version", b"Message-ID: <CA+x@mail.gmail.com>\r\nMIME-Version")
    assert differences(APPROVED, sent) == ()
    assert (
        differences(APPROVED, render(a_mail(bcc=(Address("quiet@customer.example"),), date=NOW + timedelta(1)))) == ()
    )


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"sender": Address("other@agency.example", "The Agency")}, ("from",)),
        ({"sender": Address("ops@agency.example", "Someone")}, ("from",)),
        ({"to": (Address("y@customer.example", "Xenia"),)}, ("to",)),
        ({"cc": (Address("y@customer.example"),)}, ("cc",)),
        ({"bcc": ()}, ("bcc",)),
        ({"reply_to": Address("ops@agency.example")}, ("reply_to",)),
        ({"subject": "The offer."}, ("subject",)),
        ({"text": "Another text\n"}, ("text", "html")),
        ({"token": "op-another"}, ("token",)),
        ({"thread": THREAD}, ("in_reply_to", "references")),
    ],
)
def test_each_change_is_named(change: dict[str, Any], names: tuple[str, ...]) -> None:
    approved = a_mail(bcc=(Address("quiet@customer.example"),))
    assert differences(APPROVED, render(replace(approved, **change))) == names


def test_further_headers_and_parts_are_named() -> None:
    assert differences(APPROVED, APPROVED.replace(b"To:", b"To: z@evil.example\r\nTo:", 1)) == ("to",)
    assert differences(APPROVED, APPROVED.replace(b"<div>", b"<div>!", 1)) == ("html",)
    second = APPROVED.replace(b"Subject:", b"Subject: The offer\r\nSubject:", 1)
    assert differences(APPROVED, second) == ("subject",)
    attached = APPROVED.replace(b"text/html", b"application/x-msdownload")
    assert differences(APPROVED, attached) == ("html", "attachments")


def test_what_cannot_be_decoded_is_said() -> None:
    broken = b"Content-Type: text/plain; charset=nonsense\r\nSubject: =?nonsense?b?eA==?=\r\n\r\nx"
    assert differences(APPROVED, broken) == ("unreadable",)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=60))
def test_any_other_subject_or_text_differs(text: str) -> None:
    mail = a_mail()
    approved = render(mail)
    assert ("subject" in differences(approved, render(replace(mail, subject=text)))) is (text != mail.subject)
    assert ("text" in differences(approved, render(replace(mail, text=text)))) is (text != mail.text)
