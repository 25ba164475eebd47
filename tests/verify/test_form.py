"""Strict reading: what is not exactly right is refused with its reason, whatever it is."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.verify.packets import make_body
from tests.verify.signing import KEY, NAME, note_over, signed, verifier_key
from trinity_verify import form, verify
from trinity_verify.form import Failed

BAD_JSON = {
    "duplicate key": b'{"a":1,"a":1}',
    "float": b'{"a":1.5}',
    "float that is whole": b'{"a":1.0}',
    "exponent": b'{"a":1e3}',
    "NaN": b'{"a":NaN}',
    "infinity": b'{"a":-Infinity}',
    "negative zero": b'{"a":-0}',
    "integer beyond 2^53": b'{"a":9007199254740993}',
    "very long integer": b'{"a":' + b"9" * 5_000 + b"}",
    "lone surrogate": b'{"a":"\\ud800"}',
    "not UTF-8": b'{"a":"\xff"}',
    "byte order mark": b'\xef\xbb\xbf{"a":1}',
    "a comment": b'{"a":1}//',
    "two values": b"{}{}",
    "nothing": b"",
    "nested too deep": b"[" * 40 + b"]" * 40,
    "nested far too deep": b"[" * 200_000 + b"]" * 200_000,
    "a space": b'{"a": 1}',
    "a final newline": b'{"a":1}\n',
    "keys out of order": b'{"b":1,"a":1}',
    "a needless escape": b'{"a":"\\u0041"}',
}


@pytest.mark.parametrize("data", BAD_JSON.values(), ids=BAD_JSON)
def test_json_that_is_not_strict_or_not_canonical_is_refused(data: bytes) -> None:
    with pytest.raises(Failed, match=r"^it"):
        form.parse(data, "it")
    verdict = verify(data, verifier_key())
    assert (verdict.overall, verdict.steps[0].verdict) == ("failed", "failed")


@pytest.mark.parametrize("data", [b'{"a": 1}', b'{"b":1,"a":1}\n'])
def test_a_providers_json_need_not_be_canonical(data: bytes) -> None:
    assert form.parse(data, "it", is_exact=False)["a"] == 1


def test_a_file_that_is_too_large_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    data = signed(make_body())
    monkeypatch.setattr(form, "FILE_BYTES_MAX", len(data) - 1)
    assert "larger than" in verify(data, verifier_key()).steps[0].reason


@pytest.mark.parametrize("text", ["YQ", "YQ=", "YR==", "YQ==\n", " YQ==", "YQ-_", "ä", "YQ==YQ=="])
def test_base64_has_one_spelling(text: str) -> None:
    assert form.unbase64("YQ==", "it") == b"a"
    with pytest.raises(Failed):
        form.unbase64(text, "it")


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-01T09:00:00Z",
        "2026-11-01T09:00:00.000000+00:00",
        "2026-11-01T09:00:00.00000Z",
        "2026-02-30T09:00:00.000000Z",
        "2026-11-01T09:00:60.000000Z",
        "2026-11-1T09:00:00.000000Z",
        "",
    ],
)
def test_a_time_has_one_spelling(text: str) -> None:
    assert form.at("2026-11-01T09:00:00.000000Z").microsecond == 0
    with pytest.raises(Failed):
        form.at(text)


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (True, "integer"),
        (1, "boolean"),
        (1, "text"),
        (None, "text"),
        ([], "object"),
        ("A" * 64, "digest"),
        ("0198d3a0-0000-4000-8000-000000000000", "uuid"),
        ("0198D3A0-0000-7000-8000-000000000000", "uuid"),
        ({"a": "x", "b": "y"}, {"a": "text"}),
        ({}, {"a": "text"}),
        ({"a": None}, {"a": "text"}),
        ([1], ["text"]),
        ({"a": 1}, ({"a": "text"},)),
    ],
)
def test_a_value_of_another_shape_is_refused(value: Any, shape: Any) -> None:
    with pytest.raises(Failed):
        form.shaped(value, shape, "it")


def test_keys_that_are_no_keys_fail_the_signature_step() -> None:
    good = verifier_key()
    name, key_id, material = good.split("+", 2)
    short = base64.b64encode(b"\x01" + bytes(31)).decode()
    other_kind = base64.b64encode(b"\x02" + KEY.public_key().public_bytes_raw()).decode()
    bad = ["", name, f"{name}+{key_id}", f"{name}+00000000+{material}", f"other+{key_id}+{material}", f" {good}"]
    bad += [
        f"{good}\n",
        f"{name}+{key_id}+{short}",
        f"{name}+{key_id}+{other_kind}",
        f"{name}+{key_id.upper()}+{material}",
    ]
    for key in bad:
        verdict = verify(signed(make_body()), key)
        assert verdict.overall == "failed", key
        assert [one.name for one in verdict.steps if one.verdict == "failed"] == ["signature"], key


def test_a_valid_packet_by_another_key_or_name_fails_and_without_a_key_is_self_consistent() -> None:
    other = Ed25519PrivateKey.generate()
    body = make_body()
    for packet, key in (
        (signed(body), verifier_key(other)),
        (signed(body, note_over(body, other)), verifier_key()),
        (signed(body), verifier_key(name="other.example/log")),
        (signed(body, note_over(body, name="other.example/log")), verifier_key()),
    ):
        verdict = verify(packet, key)
        assert verdict.overall == "failed"
        assert [one.name for one in verdict.steps if one.verdict == "failed"] == ["signature"]
        alone = verify(packet, None)
        assert (alone.overall, alone.exit_code) == ("self_consistent", 1)
        assert [one.verdict for one in alone.steps if one.name == "signature"] == ["missing"]


def test_a_forged_body_without_a_key_is_not_even_self_consistent() -> None:
    body = make_body()
    assert (
        verify(signed(body | {"exported_at": body["runs"][0]["created_at"]}, note_over(body)), None).overall == "failed"
    )
    assert NAME in note_over(body)
