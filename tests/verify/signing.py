"""What every hand-written packet stands on: a key, a note over a body, ids and moments of one story."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

START = datetime(2026, 11, 1, 9, 0, 0, 250_000, UTC)
TOKEN = "0123456789abcdef0123"
SALT = bytes(range(32))
NAME = "proof.example/log"
KEY = Ed25519PrivateKey.from_private_bytes(b"a key of tests, not of anything.")

type Json = dict[str, Any]


def verifier_key(key: Ed25519PrivateKey = KEY, name: str = NAME) -> str:
    """The verifier key text, as C2SP signed-note writes it."""
    material = b"\x01" + key.public_key().public_bytes_raw()
    return f"{name}+{key_id(key, name).hex()}+{base64.b64encode(material).decode()}"


def key_id(key: Ed25519PrivateKey = KEY, name: str = NAME) -> bytes:
    """The first four bytes of SHA-256(name, newline, 0x01, public key)."""
    return hashlib.sha256(name.encode() + b"\n\x01" + key.public_key().public_bytes_raw()).digest()[:4]


def note_over(body: Json, key: Ed25519PrivateKey = KEY, name: str = NAME) -> str:
    """The signed note over a body."""
    text = f"trinity/packet/v2\n{sha256(dumps(body))}\n"
    mark = base64.b64encode(key_id(key, name) + key.sign(text.encode())).decode()
    return f"{text}\n— {name} {mark}\n"


def signed(body: Json, note: str | None = None) -> bytes:
    """The file."""
    return dumps({"format": "trinity/signed-packet/v1", "body": body, "note": note or note_over(body)})


def dumps(value: Any) -> bytes:
    """RFC 8785."""
    return rfc8785.dumps(value)


def sha256(data: bytes) -> str:
    """Lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def b64(data: bytes) -> str:
    """Standard base64."""
    return base64.b64encode(data).decode()


def after(seconds: float) -> str:
    """A moment of the story."""
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def uid(moment: str, number: int) -> str:
    """A UUIDv7 of a moment."""
    millis = int(datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp() * 1000 + 0.5)
    text = f"{millis:012x}7{number:03x}8{number:015x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def merged(one: Json, *changes: Any) -> Json:
    """One object with others laid over it."""
    found = dict(one)
    for change in changes:
        found.update(change)
    return found


def second_of(moment: str) -> float:
    """Where a moment stands in the story."""
    return (datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC) - START).total_seconds()
