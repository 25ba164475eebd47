"""A valid packet of an order in which anything was flipped, dropped, added or reordered.

The first half leaves the note: no change may pass. The second half signs again, as a liar with the log key would:
what then still passes of the order's own parts is listed, place by place, and rests on the signature alone.
"""

import copy
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.verify.changing import Path, at, changes_of, dropped, put, walk
from tests.verify.orders import order_body
from tests.verify.signing import note_over, signed, verifier_key
from trinity_verify import STEPS, Verdict, verify

BODY = order_body()
NOTE = note_over(BODY)
FILE = signed(BODY)
NODES = [path for path, _ in walk(BODY) if path]
LEAVES = [(path, value) for path, value in walk(BODY) if not isinstance(value, dict | list)]
LISTS = [path for path, value in walk(BODY) if isinstance(value, list) and len(value) > 1]
OWN = ("order", "threads", "artifacts")
"""The parts that no packet of a run has; of the rest, `test_tampering` lists what a liar can change."""

FREE = (
    r"order\.offer\.(title|created_at|amount_minor|currency)",  # an offer may be changed after the purchase
    r"order\.customer\.created_at",  # a customer may have bought before
    r"order\.(intake|fulfilment|revenue_events\.0)\.id",
    r"order\.refunds\.0\.(id|created_at)",
    r"order\.transfers\.\d\.(id|happened_at|created_at)",
    r"order\.transfers\.(1\.amount_minor|2\.kind)",  # a fee is what Stripe says that it is
    r"order\.stripe_events\.\d\.(id|provider_event_id|type|raw_sha256|size_bytes|outcome|received_at)",
    r"threads\.0\.(id|created_at|messages\.\d\.(id|kind|created_at))",
    r"threads\.0\.messages\.1\.provider_message_id",
    r"artifacts\.0\.run_id",
)
"""Places whose value rests on the signature alone: what only Stripe or a mailbox could confirm, and parts of ids."""
DROPPABLE = (r"order\.stripe_events\.\d", r"order\.transfers\.1")
"""What a liar with the log key can leave out unseen: that Stripe told us, and what it took for itself."""


def judge(data: bytes) -> Verdict:
    """Verify with the pinned key."""
    return verify(data, verifier_key())


def assert_refused(data: bytes) -> None:
    """Failed, and it is said at which step."""
    verdict = judge(data)
    assert verdict.overall == "failed"
    assert [step.name for step in verdict.steps] == list(STEPS)
    assert any(step.verdict == "failed" and step.reason for step in verdict.steps)


@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
@settings(max_examples=100, deadline=None)
def test_no_byte_can_be_flipped(place: int, mask: int) -> None:
    assert_refused(FILE[:place] + bytes([FILE[place] ^ mask]) + FILE[place + 1 :])


@given(st.integers(0, len(FILE) - 1), st.integers(1, 2_000))
@settings(max_examples=50, deadline=None)
def test_nothing_can_be_cut_out(place: int, length: int) -> None:
    assert_refused(FILE[:place] + FILE[place + length :])


@given(st.sampled_from(NODES))
@settings(max_examples=60, deadline=None)
def test_nothing_can_be_dropped_from_a_signed_body(path: Path) -> None:
    assert_refused(signed(dropped(BODY, path), NOTE))


@given(st.sampled_from(LEAVES))
@settings(max_examples=80, deadline=None)
def test_no_value_of_a_signed_body_can_be_changed(leaf: tuple[Path, Any]) -> None:
    for value in changes_of(*leaf):
        assert_refused(signed(put(BODY, leaf[0], value), NOTE))


@pytest.mark.parametrize("path", LISTS, ids=lambda path: ".".join(map(str, path)))
def test_no_list_can_be_reordered_or_doubled_even_with_the_key(path: Path) -> None:
    items = at(BODY, path)
    for changed in (items[::-1], [*items, items[-1]]):
        assert_refused(signed(put(BODY, path, changed)))


def test_an_unknown_key_anywhere_in_the_order_is_refused_even_with_the_key() -> None:
    for path, value in walk(BODY["order"]):
        if isinstance(value, dict):
            body = copy.deepcopy(BODY)
            at(body, ("order", *path))["surplus"] = "x"
            assert_refused(signed(body))


def name_of(path: Path) -> str:
    """A place as the lists above write it."""
    return ".".join(str(key) for key in path)


def is_listed(path: Path, patterns: tuple[str, ...]) -> bool:
    """Whether a place is in one of the lists."""
    return any(re.fullmatch(pattern, name_of(path)) for pattern in patterns)


def test_what_of_the_order_can_be_dropped_with_the_key_is_listed() -> None:
    items = [path for path in NODES if path[0] in OWN and isinstance(path[-1], int)]
    found = {name_of(path) for path in items if judge(signed(dropped(BODY, path))).overall == "verified"}
    assert found == {name_of(path) for path in items if is_listed(path, DROPPABLE)}


def test_what_of_the_order_can_be_changed_with_the_key_is_listed() -> None:
    found = []
    for path, value in LEAVES:
        if path[0] in OWN:
            verdicts = [judge(signed(put(BODY, path, one))).overall for one in changes_of(path, value)]
            found += [path] if "verified" in verdicts else []
    assert [name_of(path) for path in found if not is_listed(path, FREE)] == []
    assert [one for one in FREE if not any(is_listed(path, (one,)) for path in found)] == []
