"""One value, one byte string: checked against the standard library's `json`, and against everything that bites."""

import json
import string
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trinity.kit.canonical import (
    DEPTH_MAX,
    INTEGER_MAX,
    Json,
    NotCanonical,
    canonical_bytes,
    check,
    commitment_hex,
    digest_hex,
    is_text,
    parse_rfc3339,
    parse_strict,
    rfc3339,
)

TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
LEAVES = st.none() | st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX) | TEXTS
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=5)


def independent(value: object) -> str:
    """RFC 8785 for data without floats, written a second time: `json`'s own strings, keys by UTF-16 code unit."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(f"{independent(key)}:{independent(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(independent, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def nested(depth: int) -> object:
    value: object = []
    for _ in range(depth):
        value = [value]
    return value


@given(OBJECTS)
def test_the_bytes_are_those_of_an_independent_writer(value: dict[str, Json]) -> None:
    data = canonical_bytes(value)
    assert data == independent(value).encode()
    assert json.loads(data) == value
    assert parse_strict(data) == value


@given(st.dictionaries(st.text(string.ascii_letters + string.digits + "_", max_size=12), VALUES, max_size=6))
def test_plain_keys_are_sorted_as_json_sorts_them(value: dict[str, Json]) -> None:
    shallow = {key: item for key, item in value.items() if not isinstance(item, dict | list)}
    plain = json.dumps(shallow, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical_bytes(shallow) == plain.encode()


@given(OBJECTS, OBJECTS)
def test_different_values_have_different_bytes(one: dict[str, Json], other: dict[str, Json]) -> None:
    is_same = independent(one) == independent(other)
    assert (digest_hex(canonical_bytes(one)) == digest_hex(canonical_bytes(other))) == is_same


@given(OBJECTS, st.randoms(use_true_random=False))
def test_the_order_in_which_keys_came_does_not_matter(value: dict[str, Json], random: "object") -> None:
    items = list(value.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    assert canonical_bytes(dict(items)) == canonical_bytes(value)


@given(st.binary(max_size=60))
def test_any_bytes_are_parsed_or_refused_and_nothing_else(data: bytes) -> None:
    try:
        value = parse_strict(data)
    except NotCanonical:
        return
    assert check(value) == value


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"a":1,"a":2}', "duplicate"),
        (b'{"a":1,"\\u0061":1}', "duplicate"),
        (b'{"x":{"a":1,"a":1}}', "duplicate"),
        (b"1.0", "not an integer"),
        (b"1e0", "not an integer"),
        (b'{"a":1.10}', "not an integer"),
        (b"9007199254740993.0", "not an integer"),
        (b"1E400", "not an integer"),
        (b"-1E400", "not an integer"),
        (b"NaN", "not an integer"),
        (b"Infinity", "not an integer"),
        (b"-Infinity", "not an integer"),
        (b"-0", "negative zero"),
        (b'{"a":[-0]}', "negative zero"),
        (b"9007199254740992", "2^53"),
        (b"-9007199254740992", "2^53"),
        (b"1" + b"0" * 5_000, "2^53"),
        (b'"\xff"', "UTF-8"),
        (b'"\xc0\x80"', "UTF-8"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        (b'"\\ud800"', "surrogate"),
        (b'"\\udc00\\ud800"', "surrogate"),
        (b'{"\\ud800":1}', "surrogate"),
        (b'"\\u0000"', "U+0000"),
        (b'{"a\\u0000":1}', "U+0000"),
        (b'"\x00"', "not JSON"),
        (b'"line\nbreak"', "not JSON"),
        (b"", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b"[1,]", "not JSON"),
        (b"[01]", "not JSON"),
        (b"+1", "not JSON"),
        (b"1_000", "not JSON"),
        ("１００".encode(), "not JSON"),
        (b"// comment\n1", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        ('{"a":1}'.encode("utf-16"), "UTF-8"),
        (b"[" * 100_000, "deeper"),
        (b"[" * (DEPTH_MAX + 2) + b"]" * (DEPTH_MAX + 2), "deeper"),
        (b'{"a":' * (DEPTH_MAX + 2) + b"1" + b"}" * (DEPTH_MAX + 2), "deeper"),
    ],
)
def test_what_is_not_canonical_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(NotCanonical, match=why.replace("^", r"\^").replace("+", r"\+")):
        parse_strict(data)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"9007199254740991", INTEGER_MAX),
        (b"-9007199254740991", -INTEGER_MAX),
        (b"0", 0),
        (b'"\\ud83d\\ude00"', "😀"),
        (b' {"b": 1 ,\n"a": [] } ', {"b": 1, "a": []}),
        (b'"e\xcc\x81"', "e\u0301"),
        (b'"\xc3\xa9"', "\u00e9"),
        (b'"\xe2\x80\xae"', "\u202e"),
    ],
)
def test_what_is_canonical_data_is_kept_as_it_is(data: bytes, value: object) -> None:
    found = parse_strict(data)
    assert found == value
    assert type(found) is type(value)


def test_the_depth_that_is_allowed_is_allowed() -> None:
    assert check(nested(DEPTH_MAX - 1)) == nested(DEPTH_MAX - 1)
    with pytest.raises(NotCanonical, match="deeper"):
        check(nested(DEPTH_MAX + 1))


def test_a_body_has_a_limit() -> None:
    assert parse_strict(b'"aaa"', bytes_max=5) == "aaa"
    with pytest.raises(NotCanonical, match="larger"):
        parse_strict(b'"aaaa"', bytes_max=5)


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        b"bytes",
        (1, 2),
        {1, 2},
        {1: "a"},
        {True: 1},
        {None: 1},
        datetime.now(UTC),
        INTEGER_MAX + 1,
        -INTEGER_MAX - 1,
        "\ud800",
        "a\x00",
        {"a": [1.5]},
        type("Text", (str,), {})("a"),
        type("Number", (int,), {})(1),
    ],
)
def test_a_value_of_another_type_is_refused_never_converted(value: object) -> None:
    with pytest.raises(NotCanonical):
        check(value)


def test_true_is_not_one_and_null_is_not_absent() -> None:
    forms: list[dict[str, object]] = [
        {"a": True},
        {"a": 1},
        {"a": "1"},
        {"a": "true"},
        {"a": None},
        {},
        {"a": [1]},
        {"a": {}},
        {"a": []},
    ]
    assert len({canonical_bytes(one) for one in forms}) == len(forms)


def test_nothing_is_normalised() -> None:
    forms = ["é", "e\u0301", "K", "\u212a", "ß", "ss", "İ", "i\u0307", "a", "ａ"]
    assert len({canonical_bytes([one]) for one in forms}) == len(forms)


def test_control_characters_are_escaped_as_the_rfc_says() -> None:
    assert canonical_bytes(['\b\t\n\f\r\x0f\x7f"\\/']) == b'["\\b\\t\\n\\f\\r\\u000f\x7f\\"\\\\/"]'


def test_text_that_can_be_kept() -> None:
    assert is_text("é", "", "\u202e")
    assert not is_text("ok", "a\x00")
    assert not is_text("\udfff")


@given(st.binary(max_size=40), st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_commitment_depends_on_salt_and_bytes(data: bytes, salt: bytes, other: bytes) -> None:
    assert commitment_hex(salt, data) == commitment_hex(salt, data)
    assert (commitment_hex(salt, data) == commitment_hex(other, data)) == (salt == other)
    assert commitment_hex(salt, data) != commitment_hex(salt, data + b"\x00")


MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9998, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(MOMENTS, MOMENTS)
def test_times_are_read_back_and_sort_as_text(one: datetime, other: datetime) -> None:
    assert parse_rfc3339(rfc3339(one)) == one
    assert len(rfc3339(one)) == 27
    assert (rfc3339(one) < rfc3339(other)) == (one < other)


def test_a_time_of_another_zone_is_the_same_moment() -> None:
    there = datetime(2026, 11, 2, 12, 0, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert rfc3339(there) == "2026-11-02T06:30:00.000000Z"
    with pytest.raises(NotCanonical):
        rfc3339(datetime(2026, 11, 2))  # noqa: DTZ001


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-02T06:30:00Z",
        "2026-11-02T06:30:00.0Z",
        "2026-11-02T06:30:00.000000+00:00",
        "2026-11-02 06:30:00.000000Z",
        "2026-11-2T06:30:00.000000Z",
        "2026-11-02T06:30:00.000000z",
        "２026-11-02T06:30:00.000000Z",
        "2026-02-30T06:30:00.000000Z",
        "2026-11-02T24:00:00.000000Z",
        " 2026-11-02T06:30:00.000000Z",
        "2026-11-02T06:30:00.000000Z\n",
        "",
    ],
)
def test_a_time_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(NotCanonical):
        parse_rfc3339(text)
