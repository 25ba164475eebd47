"""Every line of a timeline reads as words, also where a fact is missing."""

from uuid import UUID

import pytest

from tests.web.desk_in_memory import NOW
from trinity.crm import Activity
from trinity.web.activities import ICONS, SENTENCES, line_of

ID = UUID("01900000-0000-7000-8000-000000000001")
FACTS = {"from": "new", "to": "won", "number": 7, "amount_minor": 4900, "currency": "usd", "state": "lost"}


def activity(kind: str, subject_kind: str = "order", facts: dict[str, object] | None = None) -> Activity:
    return Activity(ID, ID, kind, subject_kind, ID, facts if facts is not None else dict(FACTS), NOW)


@pytest.mark.parametrize("kind", [*SENTENCES, "something_new"])
def test_every_activity_has_words_even_without_its_facts(kind: str) -> None:
    full, bare = line_of(activity(kind)), line_of(activity(kind, "nothing", {}))
    assert "{" not in full.words + bare.words
    assert full.words[0].isupper()
    assert (full.href, bare.href) == (f"/orders/{ID}", None)
    if "{for_amount}" in SENTENCES.get(kind, ""):
        assert "49.00" in full.words
        assert "49" not in bare.words


def test_words_are_ours() -> None:
    assert line_of(activity("deal_moved")).words == "The deal went from new to won"
    assert line_of(activity("lead_made", facts={"origin": "public_form"})).words == "Asked through the public form"
    assert line_of(activity("something_new")).words == "Something new"
    assert set(ICONS) <= set(SENTENCES)
