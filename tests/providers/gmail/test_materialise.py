"""The bytes say exactly what was asked for, and nothing else can be made to appear in them."""

import string
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.providers.gmail.factory import TOKEN, a_mail
from trinity.providers.gmail.address import token_in
from trinity.providers.gmail.materialise import (
    Address,
    Mail,
    MaterialiseRefused,
    ThreadFacts,
    render,
    reply_to_address,
)
from trinity.providers.gmail.view import view

characters = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])
tricky = st.text('"\\=?()<>[]{},;:@. \u00e9=?utf-8?B?', max_size=70)
words = st.one_of(st.text(characters, max_size=90), tricky, st.just("=?utf-8?B?QmNj?="))
locals_ = st.from_regex(r"[a-z0-9!#$%&'*+/^_`{|}~-]{1,20}(\.[a-z0-9]{1,9})?", fullmatch=True)
addresses = st.builds(lambda local, name: Address(f"{local}@customer.example", name), locals_, words)
lists = st.lists(addresses, max_size=3).map(tuple)
texts = st.one_of(
    st.text(st.one_of(characters, st.sampled_from("\n\t .-=F")), max_size=400),
    st.lists(st.sampled_from(["From x", ".", "--", "=", " ", "", "https://a.example/?q=<b>", "  two"])).map("\n".join),
)
ids = st.from_regex(r"<[A-Za-z0-9+.=-]{1,60}@[a-z.]{1,20}>", fullmatch=True)
threads = st.builds(
    lambda references, parent: ThreadFacts("1a2b", (*references, parent), parent, "The offer"),
    st.lists(ids, max_size=4),
    ids,
)
mails = st.builds(
    Mail,
    sender=addresses,
    to=st.lists(addresses, min_size=1, max_size=3).map(tuple),
    cc=lists,
    bcc=lists,
    subject=words,
    text=texts,
    reply_to=addresses,
    token=st.text(string.ascii_lowercase + string.digits + "-", min_size=6, max_size=40),
    date=st.integers(0, 2**31).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    thread=st.none(),
)
many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@many
@given(mails)
def test_the_view_of_the_bytes_is_the_mail(mail: Mail) -> None:
    shown = view(render(mail))
    assert (shown.sender, shown.to, shown.cc, shown.bcc) == (mail.sender, mail.to, mail.cc, mail.bcc)
    assert (shown.reply_to, shown.subject, shown.text) == (mail.reply_to, mail.subject, mail.text)
    assert shown.header("X-Trinity-Operation") == mail.token
    assert "The HTML says something else than the text." not in shown.warnings


@many
@given(mails)
def test_no_content_adds_a_header_or_a_part(mail: Mail) -> None:
    raw = render(mail)
    head, _, body = raw.partition(b"\r\n\r\n")
    names = [line.split(b":")[0] for line in head.split(b"\r\n") if not line.startswith(b" ")]
    optional = [name for name, given in ((b"Cc", mail.cc), (b"Bcc", mail.bcc)) if given]
    assert names == [
        b"From", b"To", *optional, b"Reply-To", b"Subject", b"Date", b"X-Trinity-Operation", b"MIME-Version",
        b"Content-Type",
    ]  # fmt: skip
    boundary = head.partition(b'boundary="')[2].partition(b'"')[0]
    assert len([line for line in body.split(b"\r\n") if line.startswith(b"--" + boundary)]) == 3
    assert raw.count(b"\r") == raw.count(b"\n") == raw.count(b"\r\n")
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 78 or max(len(one.addr) for one in everyone(mail)) > 60


def everyone(mail: Mail) -> tuple[Address, ...]:
    return (mail.sender, mail.reply_to, *mail.to, *mail.cc, *mail.bcc)


@many
@given(mails, mails)
def test_two_mails_never_share_bytes(one: Mail, other: Mail) -> None:
    assume(one != other)
    assert render(one) != render(other)


@many
@given(mails, st.data())
def test_a_mail_that_differs_in_one_field_has_other_bytes(mail: Mail, data: st.DataObject) -> None:
    other = data.draw(mails)
    name = data.draw(st.sampled_from([n for n in Mail.__dataclass_fields__ if n != "thread"]))
    assume(getattr(mail, name) != getattr(other, name))
    changed = Mail(**{n: getattr(other if n == name else mail, n) for n in Mail.__dataclass_fields__})
    assert render(mail) != render(changed)


@many
@given(threads, threads)
def test_threads_are_written_whole(one: ThreadFacts, other: ThreadFacts) -> None:
    raw = render(a_mail(subject="Re: The offer", thread=one))
    shown = view(raw)
    assert shown.header("In-Reply-To").strip() == one.in_reply_to
    assert tuple(shown.header("References").split()) == one.references
    assume(one != other)
    assert render(a_mail(subject="Re: The offer", thread=other)) != raw


@many
@given(
    st.text(max_size=40), st.sampled_from(["\r", "\n", "\r\n", "\r\nBcc: thief@evil.example\r\n"]), st.text(max_size=40)
)
def test_a_line_break_in_a_header_is_refused(before: str, line_break: str, after: str) -> None:
    text = before + line_break + after
    changes: list[dict[str, Any]] = [
        {"subject": text},
        {"sender": Address("ops@agency.example", text)},
        {"to": (Address("x@customer.example", text),)},
        {"cc": (Address(f"x{text}@customer.example"),)},
        {"token": text},
        {"reply_to": Address("ops@agency.example", text)},
        {"subject": "The offer", "thread": ThreadFacts("1", (), f"<a{text}@b>", "The offer")},
        {"subject": "The offer", "thread": ThreadFacts("1", (f"<a{text}@b>",), "<a@b>", "The offer")},
    ]
    for change in changes:
        with pytest.raises(MaterialiseRefused):
            render(a_mail(**change))


def test_the_same_mail_gives_the_same_bytes() -> None:
    assert render(a_mail()) == render(a_mail())
    tokyo = a_mail().date + timedelta(microseconds=5)
    assert render(a_mail(date=tokyo)) == render(a_mail())


def test_what_is_and_is_not_written() -> None:
    raw = render(a_mail(bcc=(Address("quiet@customer.example"),)))
    assert b"Message-ID" not in raw
    assert b"\r\nBcc: quiet@customer.example\r\n" in raw
    assert b"\r\nReply-To: ops+tr.op-0123456789abcdef@agency.example\r\n" in raw
    assert b"\r\nDate: Mon, 23 Nov 2026 09:30:00 +0000\r\n" in raw


def test_the_parent_is_the_last_reference() -> None:
    facts = ThreadFacts("1", ("<first@x>",), "<second@x>", "The offer")
    assert view(render(a_mail(thread=facts))).header("References").split() == ["<first@x>", "<second@x>"]


BAD_ADDRESSES = [
    "", "x", "@customer.example", "x@", "x@@customer.example", "x@customer", "x y@customer.example",
    "x@customer..example", ".x@customer.example", "x.@customer.example", "x@-customer.example",
    '"x"@customer.example', "x@[127.0.0.1]", "x@customer.example>", "x,y@customer.example",
    f"{'x' * 65}@customer.example", f"x@{'a.' * 125}example",
]  # fmt: skip


@pytest.mark.parametrize("addr", BAD_ADDRESSES)
def test_what_is_no_address_is_refused(addr: str) -> None:
    with pytest.raises(MaterialiseRefused) as refused:
        render(a_mail(to=(Address(addr),)))
    assert refused.value.code == "invalid_address"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"to": ()}, "no_recipient"),
        ({"to": (Address("x@customer.example"),) * 101}, "too_many_recipients"),
        ({"to": (Address("ж@customer.example"),)}, "address_not_ascii"),
        ({"to": (Address("x@xn--pple-43d.example", "n" * 201),)}, "name_too_long"),
        ({"subject": "a\x00b"}, "control_character"),
        ({"subject": "tab\there"}, "control_character"),
        ({"text": "a\rb"}, "line_break"),
        ({"text": "a\r\nb"}, "line_break"),
        ({"text": "a\x1bb"}, "control_character"),
        ({"text": "a\udc80b"}, "control_character"),
        ({"subject": "s" * 501}, "subject_too_long"),
        ({"text": "t" * 200_001}, "text_too_long"),
        ({"token": "SHOUTING"}, "invalid_token"),
        ({"token": "short"}, "invalid_token"),
        ({"date": datetime(2026, 1, 1)}, "invalid_date"),  # noqa: DTZ001
        ({"thread": ThreadFacts("1", (), "<a@b>", "Another offer")}, "subject_mismatch"),
        ({"thread": ThreadFacts("1", (), "a@b", "The offer")}, "invalid_reference"),
        ({"thread": ThreadFacts("1", ("<a@b>",) * 101, "<a@b>", "The offer")}, "too_many_references"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(MaterialiseRefused) as refused:
        render(a_mail(**changes))
    assert refused.value.code == code
    assert refused.value.message


def test_the_largest_text_is_written() -> None:
    text = "Ünïcödé " * 25_000
    assert view(render(a_mail(text=text))).text == text


@pytest.mark.parametrize("token", ["", "UPPER1", "a+bcde", "a@bcde", "x" * 41])
def test_a_token_that_would_not_survive_is_refused(token: str) -> None:
    with pytest.raises(MaterialiseRefused):
        reply_to_address("ops@agency.example", token)


def test_the_token_can_be_read_back() -> None:
    assert token_in(reply_to_address("ops+team@agency.example", TOKEN)) == TOKEN
    assert token_in("ops@agency.example") is None
    assert token_in("ops+tr.@agency.example") is None
