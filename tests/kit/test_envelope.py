"""The envelope: one canonical form, one digest, nothing read that is not exactly that."""

import json
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trinity.kit.canonical import NotCanonical, canonical_bytes, rfc3339
from trinity.kit.envelope import Envelope, Mode, Tier

TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(rfc3339)  # noqa: DTZ001
MAPS = st.dictionaries(TEXTS, TEXTS, max_size=3)

SHAPES: dict[str, st.SearchStrategy[Any]] = {
    "run_id": st.none() | TEXTS,
    "not_before": st.none() | MOMENTS,
    "supersedes": st.none() | TEXTS,
    "requester": MAPS,
    "resource": MAPS,
    "quorum": st.integers(0, 9),
    "tier": st.sampled_from([one.value for one in Tier]),
    "mode": st.sampled_from([one.value for one in Mode]),
    "expires_at": MOMENTS,
    "created_at": MOMENTS,
}
FIELDS = [one.name for one in fields(Envelope) if one.name != "schema"]
ENVELOPES = st.builds(Envelope, **{name: SHAPES.get(name, TEXTS) for name in FIELDS})


def sample() -> Envelope:
    """A plausible envelope."""
    plain = {name: f"{name}-value" for name in FIELDS}
    return Envelope(
        **plain  # type: ignore[arg-type]
        | {
            "run_id": None,
            "not_before": None,
            "supersedes": None,
            "requester": {"kind": "agent", "id": "a"},
            "resource": {"mailbox": "a@b.example", "alias": "a@b.example"},
            "quorum": 1,
            "tier": "external",
            "mode": "sandbox",
            "expires_at": "2026-11-03T00:00:00.000000Z",
            "created_at": "2026-11-02T00:00:00.000000Z",
        }
    )


@given(ENVELOPES)
def test_an_envelope_is_read_back_as_it_was_written(envelope: Envelope) -> None:
    data = envelope.to_bytes()
    assert Envelope.from_bytes(data) == envelope
    assert Envelope.from_bytes(data).digest == envelope.digest


@settings(max_examples=150)
@given(ENVELOPES, st.data())
def test_envelopes_that_differ_in_any_field_never_share_a_digest(envelope: Envelope, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(FIELDS))
    other = replace(envelope, **{name: data.draw(SHAPES.get(name, TEXTS))})
    assert (envelope == other) == (envelope.digest == other.digest)


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_counts(name: str) -> None:
    plain = sample()
    other: Any = {
        "quorum": 2,
        "requester": {"kind": "user", "id": "a"},
        "resource": {"mailbox": "a@b.example", "alias": "c@b.example"},
        "tier": "money",
        "mode": "live",
        "expires_at": "2026-11-04T00:00:00.000000Z",
        "created_at": "2026-11-02T00:00:00.000001Z",
        "not_before": "2026-11-02T00:00:00.000000Z",
    }.get(name, "something else")
    assert replace(plain, **{name: other}).digest != plain.digest


@settings(max_examples=300)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_changed_byte_is_read_as_the_same_envelope(position: int, change: int) -> None:
    data = bytearray(sample().to_bytes())
    data[position % len(data)] ^= change
    try:
        read = Envelope.from_bytes(bytes(data))
    except NotCanonical:
        return
    assert read.digest != sample().digest


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b" " + data,
        lambda data: data + b"\n",
        lambda data: data.replace(b'":"', b'": "', 1),
        lambda data: json.dumps(json.loads(data), indent=1).encode(),
        lambda data: json.dumps(dict(reversed(json.loads(data).items())), separators=(",", ":")).encode(),
        lambda data: (
            data.replace(b"gmail", b"\\u0067mail") if b"gmail" in data else data.replace(b"nonce-v", b"nonce\\u002dv")
        ),
        lambda data: data[:-1] + b',"zz":1}',
        lambda data: data[:-1] + b',"tier":"draft"}',
        lambda data: data.replace(b'"quorum":1', b'"quorum":1.0'),
        lambda data: data.replace(b'"quorum":1', b'"quorum":1e0'),
        lambda data: data.replace(b"trinity/envelope/v1", b"trinity/envelope/v2"),
        lambda data: b"[" + data + b"]",
        lambda data: b"",
        lambda data: b"null",
    ],
)
def test_bytes_that_are_not_the_canonical_form_are_refused(spoil: Any) -> None:
    with pytest.raises(NotCanonical):
        Envelope.from_bytes(spoil(sample().to_bytes()))


@pytest.mark.parametrize("name", [*FIELDS, "schema"])
def test_an_envelope_without_a_field_is_refused(name: str) -> None:
    found = asdict(sample())
    del found[name]
    if name == "schema":
        with pytest.raises(NotCanonical, match="schema"):
            Envelope.from_bytes(canonical_bytes(found))
        return
    with pytest.raises(NotCanonical, match="missing or unknown"):
        Envelope.from_bytes(canonical_bytes(found))


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("wrong", [True, 1, -1, [], ["x"], {"a": 1}, {"a": None}, None, "nonsense"])
def test_a_field_of_another_type_is_refused(name: str, wrong: object) -> None:
    is_right = {
        "quorum": wrong == 1 and wrong is not True,
        "requester": False,
        "resource": False,
        "run_id": wrong in (None, "nonsense"),
        "supersedes": wrong in (None, "nonsense"),
        "not_before": wrong is None,
        "tier": False,
        "mode": False,
        "expires_at": False,
        "created_at": False,
    }.get(name, wrong == "nonsense")
    data = canonical_bytes(asdict(sample()) | {name: wrong})
    if is_right:
        Envelope.from_bytes(data)
    else:
        with pytest.raises(NotCanonical):
            Envelope.from_bytes(data)


def test_an_envelope_expires_at_its_moment_and_not_before() -> None:
    end = datetime(2026, 11, 3, tzinfo=UTC)
    assert not sample().is_expired(end - timedelta(microseconds=1))
    assert sample().is_expired(end)


def test_tiers_are_ordered_from_harmless_to_irreversible() -> None:
    ranked = sorted(Tier, key=lambda one: one.rank)
    assert [one.value for one in ranked] == ["read", "internal", "draft", "external", "money", "extreme"]
