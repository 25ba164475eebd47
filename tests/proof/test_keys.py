"""The log key against the C2SP signed-note specification, computed here by hand and known from elsewhere."""

import base64
import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from trinity.errors import Refused
from trinity.proof.keys import NoteInvalid, Signer, generate, open_note, signer

KNOWN_SIGNER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
KNOWN_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
"""The key pair that tests of other implementations use (golang.org/x/mod/sumdb/note)."""
TEXT = "trinity/packet/v1\nthe second line\n"


@pytest.fixture(scope="module")
def key() -> Signer:
    return signer(generate("proof.example/log")[0])


def test_a_known_signer_key_has_its_known_verifier_key() -> None:
    assert signer(KNOWN_SIGNER).verifier_key == KNOWN_VERIFIER
    assert (signer(KNOWN_SIGNER).name, signer(KNOWN_SIGNER).key_id) == ("PeterNeumann", "c74f20a3")


def test_a_note_is_what_the_specification_says_byte_for_byte() -> None:
    seed = base64.b64decode(KNOWN_SIGNER.split("+", 4)[4])[1:]
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key().public_bytes_raw()
    key_id = hashlib.sha256(b"PeterNeumann" + b"\x0a" + b"\x01" + public).digest()[:4]
    mark = base64.b64encode(key_id + private.sign(TEXT.encode())).decode()
    wanted = TEXT.encode() + b"\n" + b"\xe2\x80\x94 PeterNeumann " + mark.encode() + b"\n"
    assert signer(KNOWN_SIGNER).sign(TEXT).encode() == wanted
    assert open_note(wanted.decode(), KNOWN_VERIFIER) == TEXT


def test_generated_keys_are_of_the_documented_form_and_never_the_same() -> None:
    signer_text, verifier_text = generate("proof.example/log")
    assert signer_text.startswith("PRIVATE+KEY+proof.example/log+")
    assert signer(signer_text).verifier_key == verifier_text
    name, key_id, material = verifier_text.split("+", 2)
    data = base64.b64decode(material)
    assert (name, len(data), data[:1]) == ("proof.example/log", 33, b"\x01")
    assert key_id == hashlib.sha256(name.encode() + b"\n" + data).hexdigest()[:8]
    assert generate("proof.example/log")[0] != signer_text


def test_a_signer_does_not_show_its_key() -> None:
    signer_text, _ = generate("proof.example/log")
    assert signer_text.split("+", 4)[4] not in repr(signer(signer_text))
    with pytest.raises(Refused) as refusal:
        signer(signer_text[:-4])
    assert signer_text.split("+", 4)[4][:-4] not in str(refusal.value)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b", "a\u00a0b", "x" * 201])
def test_a_name_that_a_note_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(Refused) as refusal:
        generate(name)
    assert refusal.value.code == "key_invalid"


@given(st.integers(0, len(KNOWN_SIGNER) - 1), st.characters(min_codepoint=33, max_codepoint=126))
def test_no_character_of_a_signer_key_can_be_changed(place: int, other: str) -> None:
    changed = KNOWN_SIGNER[:place] + other + KNOWN_SIGNER[place + 1 :]
    if changed == KNOWN_SIGNER:
        return
    with pytest.raises(Refused):
        signer(changed)


@pytest.mark.parametrize("text", ["", "no newline", "a\tb\n", "a\rb\n", "\x00\n"])
def test_a_text_that_a_note_cannot_hold_is_refused(key: Signer, text: str) -> None:
    with pytest.raises(NoteInvalid):
        key.sign(text)


@given(st.data())
def test_no_character_of_a_note_can_be_changed(data: st.DataObject) -> None:
    note = signer(KNOWN_SIGNER).sign(TEXT)
    place = data.draw(st.integers(0, len(note) - 1))
    other = data.draw(st.characters(min_codepoint=10, max_codepoint=126))
    changed = note[:place] + other + note[place + 1 :]
    if changed == note:
        return
    try:
        assert open_note(changed, KNOWN_VERIFIER) == TEXT
    except (NoteInvalid, InvalidSignature):
        return
    assert base64.b64decode(changed.split(" ")[-1]) == base64.b64decode(note.split(" ")[-1]), "another spelling only"


def test_signatures_by_others_are_passed_over_and_a_bad_one_by_us_is_not(key: Signer) -> None:
    note, other = key.sign(TEXT), signer(generate("witness.example/w")[0])
    both = note + other.sign(TEXT).partition("\n\n")[2]
    assert open_note(both, key.verifier_key) == open_note(both, other.verifier_key) == TEXT
    with pytest.raises(NoteInvalid, match="no signature by"):
        open_note(note, other.verifier_key)
    with pytest.raises(NoteInvalid, match="not by this key"):
        open_note(both.replace("second", "third"), key.verifier_key)


def test_a_text_with_an_empty_line_is_split_at_the_last_one(key: Signer) -> None:
    text = "one\n\ntwo\n"
    assert open_note(key.sign(text), key.verifier_key) == text


@pytest.mark.parametrize("note", ["", "\n", "text\n", "text\n\n", "text\n\nno signature\n", "text\n\n— a !\n"])
def test_what_is_no_note_is_refused(key: Signer, note: str) -> None:
    with pytest.raises(NoteInvalid):
        open_note(note, key.verifier_key)


def test_a_verifier_key_with_another_id_is_refused(key: Signer) -> None:
    name, key_id, material = key.verifier_key.split("+", 2)
    assert key_id != "00000000"
    for text in (f"{name}+00000000+{material}", f"x{key.verifier_key}", name, ""):
        with pytest.raises(Refused):
            open_note(key.sign(TEXT), text)
