"""Reading what is not trusted: strict JSON, exact shapes, exact base64, exact times, C2SP signed notes.

Whatever is not exactly as expected raises `Failed` with the reason; nothing is repaired and nothing is assumed.
"""

import base64
import binascii
import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FILE_BYTES_MAX = 64 * 1024 * 1024
DEPTH_MAX = 32
INTEGER_MAX = 2**53 - 1
NOTE_CHARS_MAX = 4_000

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
HEX64 = re.compile(r"[0-9a-f]{64}")


class Failed(Exception):
    """A check did not hold; the message is the reason."""


class Missing(Exception):
    """What a check needs is not there; the message says what."""


def demand(is_so: bool, reason: str) -> None:
    """Raise `Failed` with the reason unless it is so."""
    if not is_so:
        raise Failed(reason)


def number(count: int, noun: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def parse(data: bytes, what: str, *, is_exact: bool = True) -> Any:
    """JSON without floats, duplicate keys or lone surrogates; with `is_exact`, in its RFC 8785 bytes and no other."""
    demand(len(data) <= FILE_BYTES_MAX, f"{what} is larger than {FILE_BYTES_MAX} bytes")
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_pairs,
            parse_float=_no_float,
            parse_constant=_no_float,
            parse_int=_integer,
        )
        _check_depth(value)
        canonical = rfc8785.dumps(value)
    except Failed as failure:
        raise Failed(f"{what}: {failure}") from failure
    except RecursionError as error:
        raise Failed(f"{what} is nested too deep") from error
    except (ValueError, rfc8785.CanonicalizationError) as error:
        raise Failed(f"{what} is not strict JSON") from error
    demand(canonical == data or not is_exact, f"{what} is not in its canonical form (RFC 8785)")
    return value


def canonical(value: Any) -> bytes:
    """The RFC 8785 bytes of a value that `parse` returned."""
    return rfc8785.dumps(value)


def sha256(data: bytes) -> str:
    """Lower-case hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()


def unbase64(text: str, what: str) -> bytes:
    """Standard base64 (RFC 4648, section 4) in its one canonical spelling."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Failed(f"{what} is not base64") from error
    demand(base64.b64encode(data).decode() == text, f"{what} is not canonical base64")
    return data


def object_of(text: str | None, what: str) -> dict[str, Any]:
    """The JSON object whose bytes this base64 holds, as a provider wrote it; `Failed` where there is none."""
    value = parse(unbase64(text or "", what), what, is_exact=False)
    if type(value) is not dict:
        raise Failed(f"{what} is not an object")
    return value


def at(text: str) -> datetime:
    """A UTC time with microseconds and `Z`, as Trinity writes it."""
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise Failed(f"{text[:40]!r} is not a time") from error
    demand(moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ") == text, f"{text[:40]!r} is not a canonical time")
    return moment


def shaped(value: Any, shape: Any, where: str) -> None:
    """Demand a shape: a name below, `{key: shape}` with exactly these keys, `[shape]` a list, `(shape,)` or null."""
    if isinstance(shape, tuple):
        if value is not None:
            shaped(value, shape[0], where)
    elif isinstance(shape, list):
        demand(type(value) is list, f"{where} is not a list")
        for place, item in enumerate(value):
            shaped(item, shape[0], f"{where}[{place}]")
    elif isinstance(shape, dict):
        demand(type(value) is dict, f"{where} is not an object")
        demand(value.keys() == shape.keys(), f"{where} does not have exactly the keys {', '.join(sorted(shape))}")
        for key, inner in shape.items():
            shaped(value[key], inner, f"{where}.{key}")
    else:
        _scalar(value, shape, where)


def _scalar(value: Any, shape: str, where: str) -> None:
    kinds = {"integer": int, "object": dict, "boolean": bool}
    demand(type(value) is kinds.get(shape, str), f"{where} is not of the kind {shape}")
    if shape == "uuid":
        demand(UUID7.fullmatch(value) is not None, f"{where} is not a UUIDv7")
    elif shape == "digest":
        demand(HEX64.fullmatch(value) is not None, f"{where} is not a SHA-256 in hexadecimal")
    elif shape == "time":
        at(value)
    elif shape == "base64":
        unbase64(value, where)
    else:
        assert shape in ("text", "integer", "boolean", "object"), shape


def verifier_key(text: str) -> tuple[str, bytes, Ed25519PublicKey]:
    """(name, key id, public key) of `name+id+base64(0x01 ‖ key)`, where the id must be that of name and key."""
    name, _, rest = text.partition("+")
    key_id, _, material = rest.partition("+")
    data = unbase64(material, "the pinned key")
    demand(len(data) == 33 and data[:1] == b"\x01" and is_name(name), "the pinned key is not a verifier key")
    wanted = hashlib.sha256(name.encode() + b"\n" + data).digest()[:4]
    demand(key_id == wanted.hex(), "the pinned key's id is not that of its name and key")
    return name, wanted, Ed25519PublicKey.from_public_bytes(data[1:])


def split_note(note: str) -> tuple[str, str, bytes]:
    """(text, signer's name, key id ‖ signature) of a signed note with exactly one signature line."""
    demand(len(note) <= NOTE_CHARS_MAX, "the note is too long")
    head, separator, line = note.partition("\n\n")
    parts = line.removesuffix("\n").split(" ")
    is_formed = bool(separator) and line.endswith("\n") and len(parts) == 3 and parts[0] == "—" and is_name(parts[1])
    demand(is_formed, "the note is not text, an empty line and one signature line")
    mark = unbase64(parts[2], "the note's signature")
    demand(len(mark) == 68, "the note's signature is not an Ed25519 signature")
    return head + "\n", parts[1], mark


def check_signature(text: str, name: str, mark: bytes, pinned: str) -> None:
    """Demand that the pinned key has signed the text."""
    wanted, key_id, public = verifier_key(pinned)
    demand((name, mark[:4]) == (wanted, key_id), "the note is signed by another key than the pinned one")
    try:
        public.verify(mark[4:], text.encode())
    except InvalidSignature as error:
        raise Failed("the signature is not by the pinned key over this note") from error


def is_name(name: str) -> bool:
    """Whether a key's name is one: printable, without space and plus sign."""
    return bool(name) and name.isprintable() and not set(name) & set(" +")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    demand(len(found) == len(pairs), "a duplicate key")
    return found


def _no_float(text: str) -> Any:
    raise Failed(f"a number that is not an integer: {text[:40]}")


def _integer(text: str) -> int:
    demand(len(text) <= 17 and text != "-0" and abs(int(text)) <= INTEGER_MAX, "an integer beyond 2^53-1")
    return int(text)


def _check_depth(value: Any, depth: int = 0) -> None:
    demand(depth <= DEPTH_MAX, f"nested deeper than {DEPTH_MAX}")
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        _check_depth(child, depth + 1)
