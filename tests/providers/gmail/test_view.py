"""The card's view: warnings where the bytes could deceive, and never a crash."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.providers.gmail.factory import a_mail
from trinity.providers.gmail.materialise import Address, MaterialiseRefused, render
from trinity.providers.gmail.view import MailView, view


def test_a_plain_mail_has_no_warnings() -> None:
    raw = render(a_mail())
    shown = view(raw)
    assert shown.warnings == ()
    assert shown.size_bytes == len(raw)
    assert shown.attachments == ()
    assert dict(shown.headers)["Subject"] == "The offer"
    assert '<a href="https://agency.example/offer?a=1&amp;b=2">' in shown.html


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"subject": "pay\u200bpal"}, "The subject contains an invisible character (U+200B)."),
        ({"subject": "\u202egpj.exe"}, "The subject contains a character that changes the direction"),
        ({"text": "p\u0430ypal"}, "The text mixes scripts within"),
        ({"to": (Address("x@customer.example", "A\u0430dmin"),)}, "The name of x@customer.example mixes scripts"),
        ({"to": (Address("x@evil.example", "boss@bank.example"),)}, "looks like another address"),
        ({"to": (Address("x@xn--pple-43d.example"),)}, "is written in other letters: \u0430pple.example"),
        ({"reply_to": Address("thief@evil.example")}, "Replies go to another domain: thief@evil.example."),
    ],
)
def test_warnings(changes: dict[str, Any], part: str) -> None:
    assert any(part in warning for warning in view(render(a_mail(**changes))).warnings)


def altered(old: bytes, new: bytes) -> MailView:
    raw = render(a_mail())
    assert raw.count(old) >= 1
    return view(raw.replace(old, new, 1))


def test_a_second_header_is_warned_of() -> None:
    shown = altered(b"Subject:", b"Subject: Another\r\nSubject:")
    assert "The mail has more than one Subject." in shown.warnings
    shown = altered(b"To:", b"To: thief@evil.example\r\nTo:")
    assert "The mail has more than one To." in shown.warnings
    assert [one.addr for one in shown.to] == ["thief@evil.example", "x@customer.example"]


def test_html_that_says_something_else_is_warned_of() -> None:
    shown = altered(b"<div>", b"<div>Pay now. ")
    assert "The HTML says something else than the text." in shown.warnings


def with_part(disposition: bytes, name: bytes = b"a.pdf") -> MailView:
    """A mail with one part more."""
    raw = render(a_mail())
    end = raw.rindex(b"--=_trinity")
    boundary = raw[end:].split(b"\r\n")[0].removesuffix(b"--")
    part = b"\r\nContent-Type: application/pdf\r\nContent-Disposition: %s; filename*=utf-8''%s\r\n\r\nx\r\n"
    return view(raw[:end] + boundary + part % (disposition, name) + raw[end:])


def test_a_file_is_shown_and_what_hides_as_a_part_is_warned_of() -> None:
    shown = with_part(b"attachment")
    assert [(one.name, one.content_type, one.size_bytes) for one in shown.attachments] == [
        ("a.pdf", "application/pdf", 1)
    ]
    assert shown.warnings == ()
    assert "The mail holds a further part: a.pdf." in with_part(b"inline").warnings


def test_a_file_name_that_turns_itself_around_is_warned_of() -> None:
    (warning,) = with_part(b"attachment", b"report%E2%80%AEfdp.exe").warnings
    assert "changes the direction" in warning


def test_a_mail_without_a_sender_is_warned_of() -> None:
    assert "The mail does not say who it is from." in view(b"Subject: x\r\n\r\nx").warnings


def outcome(raw: bytes) -> str:
    try:
        return "shown" if view(raw).size_bytes == len(raw) else "wrong"
    except MaterialiseRefused as refused:
        return refused.code


def test_an_undecodable_domain_is_shown_as_it_is() -> None:
    shown = view(render(a_mail(to=(Address("x@xn--99999999999.example"),))))
    assert any("is written in other letters: xn--99999999999.example" in one for one in shown.warnings)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=400), st.text(max_size=200).map(lambda text: text.encode())))
def test_any_bytes_are_shown_or_refused(raw: bytes) -> None:
    heads = (b"", b"From: ", b"Subject: ", b"Content-Type: ", b"Content-Type: text/plain; charset=", b"To: =?x?b?")
    for head in heads:
        assert outcome(head + raw) in ("shown", "unreadable_mail", "too_many_parts")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_changed_byte_is_shown_or_refused(data: st.DataObject) -> None:
    raw = bytearray(render(a_mail()))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] = data.draw(st.integers(0, 255))
    assert outcome(bytes(raw)) in ("shown", "unreadable_mail")
