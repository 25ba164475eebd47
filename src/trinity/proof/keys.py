"""The log key: Ed25519 in the text forms of C2SP signed-note (https://c2sp.org/signed-note).

A signer key is `PRIVATE+KEY+name+id+base64(0x01 ‖ seed)`, a verifier key `name+id+base64(0x01 ‖ public key)`,
where id is the first four bytes of SHA-256(name ‖ "\\n" ‖ 0x01 ‖ public key) in hexadecimal. A signed note is
text, an empty line, and lines of `— name base64(id ‖ signature over the text)`.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from trinity.errors import Refused

ALGORITHM = b"\x01"
KEY_BYTES = 32
ID_BYTES = 4
PREFIX = "PRIVATE+KEY+"
NAME_CHARS_MAX = 200
NOTE_CHARS_MAX = 100_000
SIGNATURES_MAX = 16


class NoteInvalid(ValueError):
    """The text is not a signed note, or no signature on it is by the given key; the message says why."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that signs notes. The private half is not shown by `repr` and cannot be read back out."""

    name: str
    verifier_key: str
    _key: Ed25519PrivateKey = field(repr=False)

    @property
    def key_id(self) -> str:
        """The key's id in eight hexadecimal digits, as both key texts carry it."""
        return self.verifier_key.split("+", 2)[1]

    def sign(self, text: str) -> str:
        """A signed note of `text`, which must end in a newline and hold no other control character."""
        _check_text(text)
        mark = base64.b64encode(bytes.fromhex(self.key_id) + self._key.sign(text.encode()))
        return f"{text}\n— {self.name} {mark.decode()}\n"


def generate(name: str) -> tuple[str, str]:
    """A new key pair from the system's randomness: (signer key, verifier key)."""
    return _texts(name, Ed25519PrivateKey.generate())


def signer(text: str) -> Signer:
    """The signer of a signer key's text; `Refused` with code `key_invalid`, which never quotes the text."""
    parts = text.removeprefix(PREFIX).split("+", 2)
    if not text.startswith(PREFIX) or len(parts) != 3:
        raise _invalid("it does not begin with PRIVATE+KEY+name+id+")
    name, _, material = parts
    key = Ed25519PrivateKey.from_private_bytes(_material(material))
    signer_text, verifier_text = _texts(name, key)
    if signer_text != text:
        raise _invalid("its id is not that of its name and key")
    return Signer(name, verifier_text, key)


def open_note(note: str, verifier_key: str) -> str:
    """The text of a note that the key has signed; raises `NoteInvalid`. Signatures by other keys are passed over."""
    name, key_id, public = _verifier(verifier_key)
    if len(note) > NOTE_CHARS_MAX:
        raise NoteInvalid("the note is too long")
    head, separator, tail = note.rpartition("\n\n")
    text, lines = head + "\n", tail.removesuffix("\n").split("\n")
    if not separator or not tail.endswith("\n") or not 1 <= len(lines) <= SIGNATURES_MAX:
        raise NoteInvalid("it is not text, an empty line and signatures")
    _check_text(text)
    for line in lines:
        signed_by, mark = _signature(line)
        if (signed_by, mark[:ID_BYTES]) == (name, key_id):
            _demand_signature(public, mark[ID_BYTES:], text)
            return text
    raise NoteInvalid(f"it has no signature by {name}")


def _demand_signature(public: Ed25519PublicKey, signature: bytes, text: str) -> None:
    try:
        public.verify(signature, text.encode())
    except InvalidSignature as error:
        raise NoteInvalid("the signature is not by this key over this text") from error


def _verifier(text: str) -> tuple[str, bytes, Ed25519PublicKey]:
    name, _, rest = text.partition("+")
    _, _, material = rest.partition("+")
    public = _material(material)
    if text != _verifier_text(name, public):
        raise _invalid("its id is not that of its name and key")
    return name, _key_id(name, public), Ed25519PublicKey.from_public_bytes(public)


def _signature(line: str) -> tuple[str, bytes]:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—" or not _is_name(parts[1]):
        raise NoteInvalid("a signature line is malformed")
    try:
        mark = base64.b64decode(parts[2], validate=True)
    except binascii.Error as error:
        raise NoteInvalid("a signature is not base64") from error
    if len(mark) <= ID_BYTES:
        raise NoteInvalid("a signature is too short")
    return parts[1], mark


def _check_text(text: str) -> None:
    if not text.endswith("\n") or any(one < " " and one != "\n" for one in text):
        raise NoteInvalid("a note's text ends in a newline and holds no other control character")


def _texts(name: str, key: Ed25519PrivateKey) -> tuple[str, str]:
    public = key.public_key().public_bytes_raw()
    seed = base64.b64encode(ALGORITHM + key.private_bytes_raw()).decode()
    return f"{PREFIX}{name}+{_key_id(name, public).hex()}+{seed}", _verifier_text(name, public)


def _verifier_text(name: str, public: bytes) -> str:
    return f"{name}+{_key_id(name, public).hex()}+{base64.b64encode(ALGORITHM + public).decode()}"


def _key_id(name: str, public: bytes) -> bytes:
    if not _is_name(name):
        raise _invalid("a name has no space and no plus sign")
    return hashlib.sha256(name.encode() + b"\n" + ALGORITHM + public).digest()[:ID_BYTES]


def _is_name(name: str) -> bool:
    return 1 <= len(name) <= NAME_CHARS_MAX and name.isprintable() and not set(name) & set(" +")


def _material(text: str) -> bytes:
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _invalid("its last part is not base64") from error
    if len(found) != 1 + KEY_BYTES or found[:1] != ALGORITHM:
        raise _invalid("it is not an Ed25519 key")
    return found[1:]


def _invalid(why: str) -> Refused:
    return Refused("key_invalid", f"This key cannot be used: {why}.")
