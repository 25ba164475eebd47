"""Text with what hides in it made visible: zero-width, bidirectional and control characters, look-alikes.

The text itself is never changed or normalised; each such character is *shown* beside its place.
"""

import unicodedata
from collections.abc import Iterator

from markupsafe import Markup, escape

NAMED = {
    "\u00a0": "no-break space",
    "\u00ad": "soft hyphen",
    "\u200b": "zero-width space",
    "\u200c": "zero-width non-joiner",
    "\u200d": "zero-width joiner",
    "\u200e": "left-to-right mark",
    "\u200f": "right-to-left mark",
    "\u202a": "left-to-right embedding",
    "\u202b": "right-to-left embedding",
    "\u202c": "pop directional formatting",
    "\u202d": "left-to-right override",
    "\u202e": "right-to-left override",
    "\u2060": "word joiner",
    "\u2066": "left-to-right isolate",
    "\u2067": "right-to-left isolate",
    "\u2068": "first strong isolate",
    "\u2069": "pop directional isolate",
    "\ufeff": "byte-order mark",
}
_HIDDEN_CATEGORIES = ("Cc", "Cf", "Co", "Cn", "Zl", "Zp")
_PLAIN_CONTROLS = "\n\t"
_CONFUSABLE_SCRIPTS = ("CYRILLIC", "GREEK", "ARMENIAN", "FULLWIDTH", "CHEROKEE")


def is_hidden(char: str) -> bool:
    """True for a character that a reader cannot see or that moves others about."""
    if char in _PLAIN_CONTROLS:
        return False
    return char in NAMED or unicodedata.category(char) in _HIDDEN_CATEGORIES


def confusable_script(char: str) -> str | None:
    """The script of a letter that can pass for a Latin one, else None."""
    if char.isascii() or not char.isalpha():
        return None
    name = unicodedata.name(char, "")
    return next((script for script in _CONFUSABLE_SCRIPTS if name.startswith(script)), None)


def marked(text: str) -> Markup:
    """Escaped text in which every hidden character is followed by a visible tag naming it."""
    return Markup("").join(_pieces(text.replace("\r\n", "\n")))


def spelled(text: str) -> str:
    """Plain text, for places that cannot hold markup: each hidden character becomes its number in brackets."""
    return "".join(f"[U+{ord(char):04X}]" if is_hidden(char) else char for char in text)


def marked_address(text: str) -> Markup:
    """As `marked`, and look-alike letters named too: in an address they are a trap, in prose a language."""
    return Markup("").join(_pieces(text, is_address=True))


def _pieces(text: str, *, is_address: bool = False) -> Iterator[Markup]:
    plain: list[str] = []
    for char in text:
        label = _label(char, is_address=is_address)
        if label is None:
            plain.append(char)
            continue
        yield escape("".join(plain))
        plain.clear()
        shown = "" if is_hidden(char) else char
        yield Markup('<span class="mark" title="{}">{}<b>{}</b></span>').format(label, shown, f"U+{ord(char):04X}")
    yield escape("".join(plain))


def _label(char: str, *, is_address: bool) -> str | None:
    if is_hidden(char):
        return NAMED.get(char) or unicodedata.name(char, "control character").lower()
    if is_address and (script := confusable_script(char)):
        return f"{script.lower()} letter"
    return None
