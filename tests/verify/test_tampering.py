"""A valid packet in which anything was changed: by whoever has no key, and by whoever has one.

The first half changes bytes and values and leaves the note: no change at all may pass. The second half signs
again, as a liar with the log key would: what then still passes is listed here, place by place, and is what
rests on the signature alone.
"""

import base64
import copy
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.verify.changing import Path, at, changes_of, dropped, put, walk
from tests.verify.packets import make_body
from tests.verify.signing import KEY, note_over, signed, verifier_key
from trinity_verify import STEPS, Verdict, verify

VALID_BODY = make_body()
VALID = signed(VALID_BODY)

FREE = (
    r"exported_at",
    r"missing\.0",
    r"runs\.0\.package_sha256",
    r"model_decisions\.\d\.(id|provider|model|request_sha256|response_b64)",
    r"drafts\.0\.(id|sha256|created_at)",
    r"tool_calls\.0\.proof_state",  # what the database said when the packet was made
    r"tool_calls\.0\.(attempts|receipts|approval\.decisions)\.\d\.id",
    r"tool_calls\.0\.attempts\.\d\.(started_at|finished_at)",
    r"tool_calls\.0\.attempts\.0\.raw_b64",
    r"tool_calls\.0\.receipts\.1\.created_at",
    r"tool_calls\.0\.receipts\.2\.facts\.properties\.[a-z-]+\.detail",
    r"events\.\d+\.id",
    r"events\.\d+\.actor_id",
    r"events\.\d+\.(kind|created_at) of run\.waiting",
)
"""Places whose value rests on the signature alone: a small change there, signed again, is not seen.

The last bits of an id, times within the order that events prescribe, an agent's draft by digest, words for people.
"""
DROPPABLE = (r"drafts\.0", r"missing\.0", r"events\.\d+ of run\.waiting")
"""What a liar with the log key can leave out unseen, until there is a transparency log."""


def judge(data: bytes) -> Verdict:
    """Verify with the pinned key."""
    return verify(data, verifier_key())


def assert_refused(data: bytes) -> None:
    """Failed, and it is said at which step."""
    verdict = judge(data)
    assert verdict.overall == "failed"
    assert verdict.exit_code == 1
    assert [step.name for step in verdict.steps] == list(STEPS)
    assert any(step.verdict == "failed" and step.reason for step in verdict.steps)


def test_the_packet_itself_verifies() -> None:
    verdict = judge(VALID)
    assert verdict.overall == "verified"
    assert [step.name for step in verdict.steps if step.verdict != "passed"] == ["log", "passkeys"]


@given(st.integers(0, len(VALID) - 1), st.integers(1, 255))
@settings(max_examples=400, deadline=None)
def test_no_byte_can_be_flipped(place: int, mask: int) -> None:
    assert_refused(VALID[:place] + bytes([VALID[place] ^ mask]) + VALID[place + 1 :])


@given(st.integers(0, len(VALID)), st.binary(min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_nothing_can_be_put_in(place: int, extra: bytes) -> None:
    assert_refused(VALID[:place] + extra + VALID[place:])


@given(st.integers(0, len(VALID) - 1), st.integers(1, 400))
@settings(max_examples=150, deadline=None)
def test_nothing_can_be_cut_out(place: int, length: int) -> None:
    assert_refused(VALID[:place] + VALID[place + length :])


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_noise_is_refused_and_never_raises(noise: bytes) -> None:
    assert_refused(noise)


NODES: list[Path] = []
LEAVES: list[tuple[Path, Any]] = []


for _path, _value in walk(VALID_BODY):
    NODES += [_path] if _path else []
    LEAVES += [] if isinstance(_value, dict | list) else [(_path, _value)]
LISTS = [path for path, value in walk(VALID_BODY) if isinstance(value, list) and len(value) > 1]


def without(path: Path) -> dict[str, Any]:
    """The body with one key or element dropped."""
    return dict(dropped(VALID_BODY, path))


def replaced(path: Path, value: Any) -> dict[str, Any]:
    """The body with one value changed."""
    return dict(put(VALID_BODY, path, value))


def name_of(path: Path) -> str:
    """A place as the lists above write it; an event's place says the event's kind as well."""
    name = ".".join(str(key) for key in path)
    return f"{name} of {VALID_BODY['events'][path[1]]['kind']}" if path[0] == "events" and len(path) > 1 else name


def is_listed(path: Path, patterns: tuple[str, ...]) -> bool:
    """Whether a place is in one of the lists."""
    return any(re.fullmatch(f"{pattern}( of .*)?", name_of(path)) for pattern in patterns)


@given(st.sampled_from(NODES))
@settings(max_examples=150, deadline=None)
def test_nothing_can_be_dropped_from_a_signed_body(path: Path) -> None:
    assert_refused(signed(without(path), note_over(VALID_BODY)))


@given(st.sampled_from(LEAVES))
@settings(max_examples=150, deadline=None)
def test_no_value_of_a_signed_body_can_be_changed(leaf: tuple[Path, Any]) -> None:
    for value in changes_of(*leaf):
        assert_refused(signed(replaced(leaf[0], value), note_over(VALID_BODY)))


@pytest.mark.parametrize("path", LISTS, ids=name_of)
def test_no_list_can_be_reordered_or_doubled_even_with_the_key(path: Path) -> None:
    items = at(VALID_BODY, path)
    for changed in (items[::-1], items[1:] + items[:1], [*items, items[-1]]):
        assert_refused(signed(replaced(path, changed)))


def test_what_can_be_dropped_with_the_key_is_listed() -> None:
    found = {name_of(path) for path in NODES if judge(signed(without(path))).overall == "verified"}
    assert found == {name_of(path) for path in NODES if is_listed(path, DROPPABLE)}


def test_what_can_be_changed_with_the_key_is_listed() -> None:
    found = []
    for path, value in LEAVES:
        verdicts = [judge(signed(replaced(path, one))).overall for one in changes_of(path, value)]
        found += [path] if "verified" in verdicts else []
    assert [name_of(path) for path in found if not is_listed(path, FREE)] == []
    assert [one for one in FREE if not any(is_listed(path, (one,)) for path in found)] == []


def test_an_unknown_key_anywhere_is_refused_even_with_the_key() -> None:
    for path, value in walk(VALID_BODY):
        if isinstance(value, dict):
            body = copy.deepcopy(VALID_BODY)
            at(body, path)["surplus"] = "x"
            assert_refused(signed(body))


def test_a_second_signature_line_is_refused() -> None:
    note = note_over(VALID_BODY)
    line = note.partition("\n\n")[2]
    for changed in (note + line, note.replace("\n\n", f"\n\n{line}"), note.removesuffix("\n"), note + "\n", f"x{note}"):
        assert_refused(signed(VALID_BODY, changed))


def test_a_note_in_another_spelling_of_base64_is_refused() -> None:
    note = note_over(VALID_BODY)
    last = note[-3]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    assert note.endswith("=\n")
    assert KEY.public_key()
    other = alphabet[alphabet.index(last) ^ 1]
    assert base64.b64decode(note.split(" ")[-1]) == base64.b64decode(
        note.split(" ")[-1].replace(f"{last}=", f"{other}=")
    )
    assert_refused(signed(VALID_BODY, f"{note[:-3]}{other}=\n"))
