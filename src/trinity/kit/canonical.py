"""One way to read JSON and one way to write it.

Reading is strict: what is not canonical data is refused, never repaired (duplicate keys, floats, NaN,
integers beyond 2^53-1, invalid UTF-8, lone surrogates, U+0000, too deep, too large).
Writing is RFC 8785 (JSON Canonicalization Scheme), so that one value has one byte string and one digest.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime

import rfc8785

type Json = None | bool | int | str | list[Json] | dict[str, Json]
"""Canonical data: JSON without floats. Money is minor units, ids are strings, times are RFC 3339 strings."""

INTEGER_MAX = 2**53 - 1
BODY_BYTES_MAX = 1_000_000
DEPTH_MAX = 32


class NotCanonical(ValueError):
    """The bytes or the value are not canonical data; the message says what and where."""


def parse_strict(data: bytes, *, bytes_max: int = BODY_BYTES_MAX) -> Json:
    """Parse UTF-8 JSON into canonical data or raise `NotCanonical`."""
    if len(data) > bytes_max:
        raise NotCanonical(f"larger than {bytes_max} bytes")
    try:
        text = data.decode("utf-8", errors="strict")
        value = json.loads(
            text,
            object_pairs_hook=_pairs,
            parse_float=_no_float,
            parse_constant=_no_float,
            parse_int=_integer,
        )
    except UnicodeDecodeError as error:
        raise NotCanonical("not valid UTF-8") from error
    except RecursionError as error:
        raise NotCanonical(f"nested deeper than {DEPTH_MAX}") from error
    except json.JSONDecodeError as error:
        raise NotCanonical(f"not JSON: {error.msg} at character {error.pos}") from error
    return check(value)


def check(value: object, *, depth: int = 0) -> Json:
    """Return `value` if it is canonical data, else raise `NotCanonical`. Types are compared strictly."""
    if depth > DEPTH_MAX:
        raise NotCanonical(f"nested deeper than {DEPTH_MAX}")
    if value is None or type(value) is bool:
        return value
    if type(value) is int:
        if abs(value) > INTEGER_MAX:
            raise NotCanonical("an integer beyond 2^53-1")
        return value
    if type(value) is str:
        return _text(value)
    if type(value) is list:
        return [check(item, depth=depth + 1) for item in value]
    if type(value) is dict:
        return {_key(key): check(item, depth=depth + 1) for key, item in value.items()}
    raise NotCanonical(f"a value of type {type(value).__name__}")


def canonical_bytes(value: Mapping[str, object] | list[object]) -> bytes:
    """The RFC 8785 bytes of canonical data."""
    return rfc8785.dumps(check(dict(value) if isinstance(value, Mapping) else value))


def is_text(*texts: str) -> bool:
    """Whether texts can be kept as they are: no U+0000 (PostgreSQL refuses it), no lone surrogate (UTF-8 does)."""
    try:
        check(list(texts))
    except NotCanonical:
        return False
    return True


def digest_hex(data: bytes) -> str:
    """Lower-case hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def commitment_hex(salt: bytes, data: bytes) -> str:
    """SHA-256 over a random salt and the bytes: erasing both leaves a commitment that says nothing."""
    return hashlib.sha256(salt + data).hexdigest()


def rfc3339(moment: datetime) -> str:
    """UTC with microseconds and `Z`, always 27 characters, so that text order is time order."""
    if moment.tzinfo is None:
        raise NotCanonical("a time without a zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_rfc3339(text: str) -> datetime:
    """Read back what `rfc3339` wrote, and nothing else."""
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise NotCanonical(f"not a canonical time: {text!r}") from error
    if rfc3339(moment) != text:
        raise NotCanonical(f"not a canonical time: {text!r}")
    return moment


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotCanonical("a duplicate key")
    return found


def _no_float(text: str) -> object:
    raise NotCanonical(f"a number that is not an integer: {text[:40]}")


def _integer(text: str) -> int:
    if text == "-0" or len(text) > 17:
        raise NotCanonical("an integer beyond 2^53-1 or a negative zero")
    return int(text)


def _key(key: object) -> str:
    if type(key) is not str:
        raise NotCanonical("a key that is not a string")
    return _text(key)


def _text(text: str) -> str:
    if "\x00" in text:
        raise NotCanonical("a U+0000 character")
    try:
        text.encode("utf-8", errors="strict")
    except UnicodeEncodeError as error:
        raise NotCanonical("a lone surrogate") from error
    return text
