"""From contexts to pages: names, hours, differences, and facts that fit."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.web.desk_in_memory import NOW, key
from trinity.accounts import Member
from trinity.effects import Receipt
from trinity.web import rows

NAMES = rows.Names([Member(key(1), "a@b.example", "Ada", "owner")])


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        (f"user:{key(1)}", "Ada"),
        (f"user:{key(2)}", "a former member"),
        ("agent:x", "the agent of a run"),
        ("system:cli", "cli"),
    ],
)
def test_an_actor_has_a_name(reference: str, name: str) -> None:
    assert NAMES.of_reference(reference) == name


def test_moments_fall_into_their_hours() -> None:
    moments = [NOW, NOW - timedelta(minutes=59), NOW - timedelta(hours=1), NOW - timedelta(hours=24)]
    assert rows.by_hour(moments, NOW, 3) == (0, 1, 2)


def test_what_an_edit_changed_is_listed_by_field() -> None:
    before = {"to": [{"addr": "a@b.example"}], "subject": "Old", "gone": "x"}
    now = {"to": [{"addr": "a@b.example", "name": "A"}], "subject": "New", "cc": []}
    assert rows.differences(before, now) == (  # type: ignore[arg-type]
        ("to", "a@b.example", "a@b.example A"),
        ("subject", "Old", "New"),
        ("gone", "x", ""),
    )


def receipt(kind: str, facts: dict[str, Any]) -> Receipt:
    return Receipt(key(1), kind, facts, b"", "0" * 64, datetime(2026, 1, 1, tzinfo=UTC))


def test_receipts_stand_in_the_order_in_which_they_mean_something() -> None:
    found = rows.receipts([receipt("verification", {}), receipt("provider_record", {}), receipt("sent", {})])
    assert [one.kind for one in found] == ["sent", "provider_record", "verification"]


def test_a_verification_says_how_much_holds() -> None:
    facts = {"properties": {"a": {"is_held": True}, "b": {"is_held": False}}, "differences": ["subject"]}
    [found] = rows.receipts([receipt("verification", facts)])
    assert dict(found.facts) == {"properties that hold": "1 of 2", "differences": "subject"}


def test_facts_are_plain_and_bounded() -> None:
    found = dict(rows.facts({"a": "x" * 2000, "b": {"nested": 1}, "c": ["p", "q"], "d": 3, "e": "", "f": None}))
    assert set(found) == {"a", "c", "d"}
    assert (len(found["a"]), found["c"], found["d"]) == (rows.FACT_CHARS_MAX, "p, q", "3")


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"a":1.5}', b"\xff"])
def test_bytes_that_are_no_object_are_an_empty_one(data: bytes) -> None:
    assert rows.json_object(data) == {}


def test_bytes_that_are_no_mail_are_no_mail() -> None:
    assert rows.mail_view(b"Content-Type: multipart/mixed\n\n" * 3) is not None
    assert rows.uuid_of("x") is None
