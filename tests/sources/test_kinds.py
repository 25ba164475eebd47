"""Kinds of files: extension, declared type and bytes must agree; what is two things at once is refused."""

import pytest

from tests.sources.samples import DOCX, DOCX_TYPE, JPEG, PDF, PNG, XLSX, XLSX_TYPE, zipped
from trinity.errors import Refused
from trinity.sources.kinds import kind_of

HONEST = [
    ("a.pdf", "application/pdf", PDF),
    ("a.PDF", "application/pdf; charset=binary", PDF),
    ("a.png", "image/png", PNG),
    ("a.jpg", "image/jpeg", JPEG),
    ("a.jpeg", "image/jpg", JPEG),
    ("a.txt", "text/plain", "Grüße,\tAda\r\n".encode()),
    ("a.txt", "text/plain", b"From: ada@example.com\nTo: you\n\nA saved letter is text.\n"),
    ("a.txt", "text/plain", b"BM is how this text begins\n"),
    ("a.md", "", b"# Title\n\ntext\n"),
    ("a.md", "text/markdown", b"# Title\n"),
    ("a.csv", "application/vnd.ms-excel", b"a,b\r\n1,2\r\n"),
    ("a.html", "text/html", b"<!doctype html><title>x</title><p>y"),
    ("a.docx", DOCX_TYPE, DOCX),
    ("a.xlsx", XLSX_TYPE, XLSX),
]


@pytest.mark.parametrize(("name", "declared", "data"), HONEST)
def test_what_agrees_is_taken(name: str, declared: str, data: bytes) -> None:
    assert name.lower().rpartition(".")[2] in kind_of(name, declared, data).extensions


BINARY = [case for case in HONEST if case[0].lower().endswith((".pdf", ".png", ".jpg", ".jpeg", ".docx", ".xlsx"))]


@pytest.mark.parametrize(("name", "declared", "data"), BINARY)
def test_nothing_stands_behind_the_end_or_before_the_beginning(name: str, declared: str, data: bytes) -> None:
    archive = zipped({"evil.html": b"<script>"})
    for altered in (data + b"<script>alert(1)</script>", data + archive, b"GIF89a" + data, data[: len(data) // 2]):
        with pytest.raises(Refused) as error:
            kind_of(name, declared, altered)
        assert (error.value.code, error.value.status) == ("kind_mismatch", 422)


def test_every_kind_is_only_itself() -> None:
    for name, declared, _ in HONEST:
        for other_name, _, other in BINARY:
            if name.lower()[-3:] == other_name.lower()[-3:] or {name[-3:], other_name[-3:]} == {"peg", "jpg"}:
                continue
            with pytest.raises(Refused, match="The name says"):
                kind_of(name, declared, other)


@pytest.mark.parametrize(
    ("name", "declared", "data"),
    [
        ("a.pdf", "text/plain", PDF),
        ("a.png", "", PNG),
        ("a.txt", "text/html", b"text"),
        ("a.txt", "text/plain", b"\xff\xfe\x00"),
        ("a.txt", "text/plain", b"bell\x07"),
        ("a.txt", "text/plain", b"  <!DOCTYPE html><script>1</script>"),
        ("a.md", "", b"\xef\xbb\xbf<svg onload=alert(1)>"),
        ("a.csv", "text/csv", b"#!/bin/sh\n"),
        ("a.txt", "text/plain", b"%PDF-1.4 hidden"),
        ("a.txt", "text/plain", b"GIF89a and more text"),
        ("a.html", "text/html", b"no markup at all"),
        ("a.html", "text/html", b"MZ<p>"),
        ("a.pdf", "application/pdf", PDF[:-6] + zipped({"a": b"b"}) + b"\n%%EOF\n"),
        ("a.jpg", "image/jpeg", JPEG[:-2] + zipped({"a": b"b"}) + b"\xff\xd9"),
    ],
)
def test_what_does_not_agree_is_refused(name: str, declared: str, data: bytes) -> None:
    with pytest.raises(Refused) as error:
        kind_of(name, declared, data)
    assert error.value.code == "kind_mismatch"


@pytest.mark.parametrize("name", ["a.zip", "a.svg", "a.exe", "a.docm", "a.js", "a.gif", "a.doc", "a.tar.gz"])
def test_other_kinds_are_not_taken(name: str) -> None:
    with pytest.raises(Refused) as error:
        kind_of(name, "application/octet-stream", b"x")
    assert error.value.code == "kind_not_allowed"


def docx(**parts: bytes) -> bytes:
    named = {name.replace("__", "/"): data for name, data in parts.items()}
    return zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w:document/>"} | named)


def encrypted() -> bytes:
    """The same archive with the bit set that says "encrypted", in its directory."""
    at = DOCX.find(b"PK\x01\x02") + 8
    return DOCX[:at] + b"\x01" + DOCX[at + 1 :]


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (docx(word__media__big=b"\0" * 61_000_000), "unpacks to more"),
        (docx(word__media__dense=b"\0" * 2_000_000), "unpacks to more"),
        (zipped({f"part{n}": b"x" for n in range(2_001)}), "unpacks to more"),
        (docx(word__vbaProject_bin=b"x").replace(b"vbaProject_bin", b"vbaProject.bin"), "programs"),
        (zipped({"[Content_Types].xml": b"x", "word/document.xml": b"y", "../evil": b"z"}), "trick"),
        (zipped({"a.txt": b"x"}), "missing"),
        (zipped({"[Content_Types].xml": b"x", "word/document.xml": b"y"}, comment=b"%PDF-1.4"), "behind its end"),
        (DOCX[:-30], "has none"),
        (DOCX.replace(b"PK\x01\x02", b"PK\x01\x03", 1), "cannot be read"),
        (DOCX[:-10] + (1_000_001).to_bytes(4, "little") + DOCX[-6:], "directory is larger"),
        (encrypted(), "encrypted"),
    ],
)
def test_office_files_are_counted_before_anybody_opens_them(data: bytes, word: str) -> None:
    with pytest.raises(Refused, match=word):
        kind_of("a.docx", DOCX_TYPE, data)


def test_the_allowed_kinds_are_named_to_whoever_brings_another() -> None:
    with pytest.raises(Refused, match=r"PDF, PNG, JPG, TXT"):
        kind_of("a.zip", "application/zip", zipped({"a": b"b"}))
