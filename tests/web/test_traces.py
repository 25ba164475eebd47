"""Where values came from: entered, released, or the agent's own."""

from dataclasses import replace

import pytest

from tests.web.desk_in_memory import MAIL, key
from trinity.web.traces import Known, address_in, traces
from trinity.web.views import Alternative

ENTERED = Known("operator", "entered by Ada", "Buyer@oelsoehne.example", is_entered=True)
SOURCE = Known("inbound mail", "in a mail", "Write to archive@aurora.example.", source_id=key(7))


def test_an_entered_address_is_trusted_and_the_agents_own_is_not() -> None:
    to, bcc, link = traces(MAIL, (ENTERED,))
    assert (to.origin, to.is_trusted) == ("operator", True)
    assert (bcc.origin, bcc.is_trusted) == ("agent", False)
    assert (link.field, link.value) == ("link", "https://aurora.example/call")


def test_what_stands_in_a_source_carries_its_origin_and_is_not_trusted() -> None:
    bcc = traces(MAIL, (SOURCE,))[1]
    assert (bcc.origin, bcc.source_id, bcc.is_trusted) == ("inbound mail", key(7), False)


@pytest.mark.parametrize(
    "text", ["not-archive@aurora.example", "archive@aurora.example.evil", "archive@aurora.examples"]
)
def test_a_part_of_a_longer_address_is_not_the_address(text: str) -> None:
    found = traces(MAIL, (Known("web", "", text),))[1]
    assert found.origin == ("web" if text.startswith("archive@aurora.example.") else "agent")


@pytest.mark.parametrize(
    ("person", "addr"),
    [
        ("a@b.example", "a@b.example"),
        ("Ada <a@b.example>", "a@b.example"),
        ("boss@good.example <evil@bad.example>", "evil@bad.example"),
    ],
)
def test_the_address_is_what_counts_not_the_name(person: str, addr: str) -> None:
    assert address_in(person) == addr


def test_links_are_bounded_and_without_the_sentence_s_end() -> None:
    text = "See https://a.example/x. " + " ".join(f"https://b.example/{n}" for n in range(50))
    mail = replace(MAIL, to=(), bcc=(), alternatives=(Alternative("text/plain", text),))
    found = traces(mail, ())
    assert found[0].value == "https://a.example/x"
    assert len(found) == 20
