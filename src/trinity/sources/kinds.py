"""Which kinds of files are taken in, and whether a file is what it says.

Three things must agree: the extension, the media type that the sender declared, and what the bytes are. The last is
asked twice: puremagic, which knows thousands of signatures, must see nothing else, and a check of ours per kind demands
that the file begins *and ends* as one of that kind. What has two beginnings or something behind its end is a
polyglot: harmless in one program, something else in another. Archives are refused, but for the office kinds that are
archives themselves, whose parts are counted and added up before anybody unpacks them. Nothing is unpacked here.
"""

import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field

import puremagic

from trinity.errors import Refused
from trinity.sources.names import extension_of

UNKNOWN_TYPE = "application/octet-stream"
ZIP_ENTRIES_MAX = 2_000
ZIP_BYTES_MAX = 60_000_000
ZIP_RATIO_MAX = 200
ZIP_DIRECTORY_BYTES_MAX = 1_000_000
"""Looked at before the directory is read into objects."""
ZIP_END_BYTES = 22
PDF_HEAD_BYTES = 8
PDF_TAIL_BYTES = 1024
ZIP_TAIL_BYTES = 65_557
"""The furthest that the end record of a zip can lie from the end of its file."""
TEXT_LIKE_CONFIDENCE = 0.5

_ZIP_END = b"PK\x05\x06"
_ZIP_ALONE = _ZIP_END + bytes(4)
"""The end record of an archive of one part: long enough that no image holds it by chance."""
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_PAGE = re.compile(rb"\s*(<!doctype\s+html|<html|<head|<body|<script|<svg|<\?xml|<\?php|<iframe)", re.IGNORECASE)
_PROGRAM = re.compile(rb"(#!|%PDF-|%!PS|\{\\rtf|MZ|\x7fELF|PK\x03\x04|Rar!|7z)")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: its media type, its extensions, what browsers call it otherwise, and the check of its bytes."""

    media_type: str
    extensions: tuple[str, ...]
    complaint: Callable[[bytes], str | None]
    also_declared: frozenset[str] = field(default_factory=frozenset)
    is_text: bool = False

    @property
    def word(self) -> str:
        """How people call it."""
        return self.extensions[0].upper()


def kind_of(name: str, declared: str, data: bytes) -> Kind:
    """The kind of a file whose name, declared type and bytes agree; `Refused` (422) with a sentence otherwise."""
    extension = extension_of(name)
    kind = next((one for one in KINDS if extension in one.extensions), None)
    if kind is None:
        raise Refused("kind_not_allowed", f"Files of this kind are not taken. Allowed: {allowed_words()}.", status=422)
    plain = declared.partition(";")[0].strip().lower()
    if plain != kind.media_type and plain not in kind.also_declared:
        raise _mismatch(f"The name says .{extension}, the sender says {plain[:80] or 'nothing'}.")
    if complaint := kind.complaint(data) or _seen_otherwise(kind, data):
        raise _mismatch(f"The name says .{extension}, but {complaint}.")
    return kind


def allowed_words() -> str:
    """The kinds as people call them, for sentences."""
    return ", ".join(one.word for one in KINDS)


def accepted_extensions() -> str:
    """The extensions as a file field wants them."""
    return ",".join(f".{extension}" for one in KINDS for extension in one.extensions)


def is_readable_text(media_type: str) -> bool:
    """True for text whose words are all there is to it: plain, Markdown, CSV. Not HTML, which can hide words."""
    return media_type in ("text/plain", "text/markdown", "text/csv")


def is_any_text(media_type: str) -> bool:
    """True for what can be shown as text."""
    return media_type.startswith("text/")


def _mismatch(sentence: str) -> Refused:
    return Refused("kind_mismatch", sentence, status=422)


def _seen_otherwise(kind: Kind, data: bytes) -> str | None:
    """What puremagic sees instead, if it is sure of something else."""
    try:
        seen = puremagic.magic_string(data)
    except (puremagic.PureError, ValueError):
        seen = []
    if kind.is_text:
        others = [one for one in seen if one.confidence >= TEXT_LIKE_CONFIDENCE and not _is_text_type(one.mime_type)]
        return f"the bytes look like {others[0].name}" if others else None
    if any(one.extension.removeprefix(".") in kind.extensions or one.mime_type == kind.media_type for one in seen):
        return None
    return f"the bytes look like {seen[0].name if seen else 'nothing known'}"


def _is_text_type(media_type: str) -> bool:
    """Letters, JSON and the like are text that somebody gave the extension .txt: honest enough."""
    return media_type in ("", "application/json", "message/rfc822") or media_type.startswith("text/")


def _plain_text(data: bytes) -> str | None:
    if not _is_utf8(data):
        return "the bytes are no UTF-8 text"
    if _CONTROL.search(data):
        return "the text holds control characters"
    if _PAGE.match(data.removeprefix(b"\xef\xbb\xbf")):
        return "the text is a page or a program"
    if _PROGRAM.match(data):
        return "the text begins like another kind of file"
    return None


def _html(data: bytes) -> str | None:
    if not _is_utf8(data):
        return "the bytes are no UTF-8 text"
    if _CONTROL.search(data) or _PROGRAM.match(data):
        return "the bytes are something else than a page"
    return None if re.search(rb"<[a-z!]", data, re.IGNORECASE) else "there is no markup in it"


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _pdf(data: bytes) -> str | None:
    if not re.match(rb"%PDF-[12]\.\d", data[:PDF_HEAD_BYTES]):
        return "it does not begin as a PDF"
    tail = data[-PDF_TAIL_BYTES:]
    end = tail.rfind(b"%%EOF")
    if end < 0 or tail[end + 5 :].strip(b"\r\n \t\x00"):
        return "it does not end as a PDF"
    return "a zip archive hides in it" if _has_zip(data) else None


def _png(data: bytes) -> str | None:
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "it does not begin as a PNG"
    at, size = 8, len(data)
    while at + 12 <= size:
        length = int.from_bytes(data[at : at + 4])
        kind, at = data[at + 4 : at + 8], at + 12 + length
        if kind == b"IEND":
            return None if at == size else "something stands behind its end"
    return "it does not end as a PNG"


def _jpeg(data: bytes) -> str | None:
    if not data.startswith(b"\xff\xd8\xff"):
        return "it does not begin as a JPEG"
    if not data.endswith(b"\xff\xd9"):
        return "something stands behind its end, or it has none"
    return "a zip archive hides in it" if _has_zip(data) else None


def _has_zip(data: bytes) -> bool:
    return _ZIP_ALONE in data[-ZIP_TAIL_BYTES:]


def _office(part: str) -> Callable[[bytes], str | None]:
    """An office file: a zip from the first byte to the last, with the part that makes it that kind and no macros."""

    def complaint(data: bytes) -> str | None:
        if not data.startswith(b"PK\x03\x04"):
            return "it does not begin as an office file"
        end = data.rfind(_ZIP_END)
        if end < 0 or end + ZIP_END_BYTES != len(data):
            return "something stands behind its end, or it has none"
        if int.from_bytes(data[end + 12 : end + 16], "little") > ZIP_DIRECTORY_BYTES_MAX:
            return "its directory is larger than is taken"
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                entries = archive.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError):
            return "its directory cannot be read"
        return _entries(entries, part)

    return complaint


def _entries(entries: list[zipfile.ZipInfo], part: str) -> str | None:
    names = [entry.filename for entry in entries]
    whole = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if len(entries) > ZIP_ENTRIES_MAX or whole > ZIP_BYTES_MAX or whole > ZIP_RATIO_MAX * max(packed, 1):
        return f"it unpacks to more than is taken ({whole} bytes in {len(entries)} parts)"
    if len(set(names)) != len(names) or any(name.startswith("/") or ".." in name or "\\" in name for name in names):
        return "its parts are named to trick programs"
    if any(entry.flag_bits & 1 for entry in entries):
        return "it is encrypted"
    if any(name.lower().endswith(("vbaproject.bin", ".exe", ".dll", ".js", ".zip")) for name in names):
        return "it holds programs"
    return None if {"[Content_Types].xml", part} <= set(names) else "the part that makes it one is missing"


_UNKNOWN = frozenset({UNKNOWN_TYPE, ""})
_OFFICE = "application/vnd.openxmlformats-officedocument"
KINDS = (
    Kind("application/pdf", ("pdf",), _pdf),
    Kind("image/png", ("png",), _png),
    Kind("image/jpeg", ("jpg", "jpeg"), _jpeg, frozenset({"image/jpg"})),
    Kind("text/plain", ("txt",), _plain_text, is_text=True),
    Kind("text/markdown", ("md",), _plain_text, _UNKNOWN | {"text/plain", "text/x-markdown"}, is_text=True),
    Kind("text/csv", ("csv",), _plain_text, _UNKNOWN | {"text/plain", "application/vnd.ms-excel"}, is_text=True),
    Kind("text/html", ("html", "htm"), _html, is_text=True),
    Kind(f"{_OFFICE}.wordprocessingml.document", ("docx",), _office("word/document.xml")),
    Kind(f"{_OFFICE}.spreadsheetml.sheet", ("xlsx",), _office("xl/workbook.xml")),
)
"""The kinds. Browsers know no type for Markdown and some call CSV a spreadsheet: these two say so themselves."""
