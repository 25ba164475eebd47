"""The words of notices: ours alone, whatever is put into them, and always a mail that can be made."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trinity.errors import Refused
from trinity.gateway.notices import KINDS, TEMPLATES, render
from trinity.providers.smtp.materialise import Notice
from trinity.providers.smtp.materialise import render as render_mail

ID = "01890a5d-ac96-774b-bcce-b302099a8057"
GOOD: dict[str, str | int] = {
    "id": ID,
    "number": 4900,
    "word": "gmail.send",
    "currency": "eur",
    "moment": "2026-11-25T10:00:00Z",
    "base": "https://trinity.example",
    "path": "/guest/abc_DEF-123",
}
URL = re.compile(r"https?://\S+")
STRANGERS = [
    "Ada",
    "buy now",
    "a\nBcc: x",
    "eve@evil.example",
    "https://evil.example",
    "<b>",
    "{base_url}",
    "é",
    "",
    -1,
    2**60,
]


def facts_of(template: str) -> dict[str, str | int]:
    """Good facts for a template."""
    return {name: GOOD[kind] for name, kind in {**TEMPLATES[template].facts, "base_url": "base"}.items()}


def a_mail(subject: str, text: str) -> bytes:
    moment = datetime(2026, 11, 25, tzinfo=UTC)
    return render_mail(Notice("notices@x.example", ("owner@x.example",), subject, text, moment, "abcdef123456"))


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_notice_is_a_mail_that_can_be_made(template: str) -> None:
    words = render(template, facts_of(template))
    assert words.text.encode() in a_mail(words.subject, words.text).replace(b"\r\n", b"\n")
    assert "{" not in words.subject + words.text


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_link_is_ours_and_none_decides(template: str) -> None:
    links = URL.findall(render(template, facts_of(template)).text)
    assert len(links) == 1
    assert links[0].startswith("https://trinity.example/")
    assert not re.search(r"approve|reject|decision|release|token=|\?", links[0])


@pytest.mark.parametrize("stranger", STRANGERS, ids=repr)
@pytest.mark.parametrize("template", TEMPLATES)
def test_no_fact_carries_a_strangers_words(template: str, stranger: str | int) -> None:
    for name in facts_of(template):
        if name == "base_url" and stranger == "https://evil.example":
            continue  # the one fact that is a setting and not about anything that happened
        with pytest.raises(Refused):
            render(template, facts_of(template) | {name: stranger})


@given(kind=st.sampled_from(sorted(KINDS)), value=st.one_of(st.text(max_size=60), st.integers()))
def test_what_a_kind_admits_ends_no_line_and_holds_no_space(kind: str, value: str | int) -> None:
    if KINDS[kind](value):
        assert re.fullmatch(r"[!-~]+", str(value))


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_generated_facts_make_a_mail_or_are_refused(kind: str, data: st.DataObject) -> None:
    """Facts near the good ones: a character changed, added or taken away anywhere."""
    name = next((name for template in TEMPLATES.values() for name, one in template.facts.items() if one == kind), None)
    template = next((key for key, one in TEMPLATES.items() if name in one.facts), "order_paid")
    name = name or "base_url"
    good = str(GOOD[kind])
    at = data.draw(st.integers(0, len(good)))
    value = good[:at] + data.draw(st.text(max_size=2)) + good[at + data.draw(st.integers(0, 1)) :]
    try:
        words = render(template, facts_of(template) | {name: value})
    except Refused:
        return
    a_mail(words.subject, words.text)


def test_facts_are_exactly_the_templates_own() -> None:
    facts = facts_of("order_paid")
    with pytest.raises(Refused, match="note"):
        render("order_paid", facts | {"note": "hello"})
    with pytest.raises(Refused, match="number"):
        render("order_paid", {name: value for name, value in facts.items() if name != "number"})
    with pytest.raises(Refused):
        render("nonsense", facts)
    with pytest.raises(Refused):
        render("order_paid", facts | {"number": True})


@pytest.mark.parametrize(
    ("currency", "minor", "said"), [("eur", 4900, "EUR 49.00"), ("JPY", 500, "JPY 500"), ("usd", 7, "USD 0.07")]
)
def test_amounts_are_said_in_their_currencys_units(currency: str, minor: int, said: str) -> None:
    assert said in render("order_paid", facts_of("order_paid") | {"currency": currency, "amount_minor": minor}).text
