"""Headers and text of a mail as strings that can be kept, from whatever bytes. Pure; nothing here raises."""

import codecs
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses

from trinity.providers.gmail.address import Address

HEADER_CHARS_MAX = 20_000
ADDRESSES_MAX = 100
REPLACED = "\ufffd"
_SLOW_OR_NO_CHARSETS = frozenset({"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined"})


def headers(message: "Message[str, str]", name: str) -> list[str]:
    """Every value of a header, unfolded and undecoded."""
    found = [str(value) for key, value in message.raw_items() if key.lower() == name.lower()]
    return [value.replace("\r", "").replace("\n", "")[:HEADER_CHARS_MAX] for value in found]


def header(message: "Message[str, str]", name: str) -> str:
    """The first value, or an empty string."""
    return next(iter(headers(message, name)), "")


def words(value: str) -> str:
    """Text with its RFC 2047 words decoded; what is no text is shown as U+FFFD."""
    try:
        pieces = decode_header(value.replace("\r", "").replace("\n", ""))
    except (HeaderParseError, ValueError, LookupError):
        return clean(value)
    found = []
    for data, charset in pieces:
        piece = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        found.append(_decode(piece, charset or "utf-8")[0])
    return clean("".join(found)).strip()


def addresses(message: "Message[str, str]", name: str) -> tuple[Address, ...]:
    """The addresses of every header of that name: first the structure is read, then each name is decoded."""
    try:
        pairs = getaddresses(headers(message, name))[:ADDRESSES_MAX]
    except (ValueError, IndexError, TypeError, RecursionError):
        return ()
    return tuple(Address(clean(addr), words(shown)) for shown, addr in pairs if addr or shown)


def decoded(part: "Message[str, str]") -> tuple[str, bool]:
    """A text part, and whether it could be decoded without loss."""
    data = part.get_payload(decode=True)
    text, is_clean = _decode(data if isinstance(data, bytes) else b"", str(part.get_content_charset() or "utf-8"))
    return text.replace("\r\n", "\n"), is_clean


def clean(text: str) -> str:
    """Text that UTF-8 and the database can hold: U+0000 and lone surrogates are shown as U+FFFD, the rest stays."""
    return text.replace("\x00", REPLACED).encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _decode(data: bytes, charset: str) -> tuple[str, bool]:
    try:
        name = codecs.lookup(charset).name
        if name in _SLOW_OR_NO_CHARSETS:
            raise LookupError(name)
        return data.decode(name), True
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace"), False
