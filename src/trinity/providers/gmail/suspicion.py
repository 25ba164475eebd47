"""What a person could be deceived by in a text: shown as warnings on the card, never repaired.

Sources: Unicode UAX #9 (directional formatting characters), UTS #39 (confusables; here only the mixing of
scripts within a word and a short list of whole-word look-alikes), UAX #15 (compatibility forms).
"""

import re
import unicodedata

SHOWN_MAX = 5

DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
INVISIBLE = frozenset("\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u2800\u3164\uffa0")
JOINER = "\u200d"
ALIKE = frozenset("аеорсухѕіјԛԝһӏνοαιρυκωАВЕКМНОРСТХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧ")
SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC")
WORD = re.compile(r"[^\W\d_]{2,}")


def suspicions(where: str, text: str) -> tuple[str, ...]:
    """Sentences about `text`, each naming `where` it stands and the code points; empty when all is plain."""
    found = (
        _naming(where, "a character that changes the direction of text", _picked(text, DIRECTION)),
        _naming(where, "an invisible character", _invisible(text)),
        _naming(where, "a control character", [one for one in text if _is_control(one)]),
        _naming(where, "a character that imitates a plain one", [one for one in text if _is_compatible(one)]),
        _words(where, "mixes scripts within", [word for word in WORD.findall(text) if _is_mixed(word)]),
        _words(where, "imitates Latin letters in", [word for word in WORD.findall(text) if set(word) <= ALIKE]),
    )
    return tuple(one for one in found if one)


def _picked(text: str, wanted: frozenset[str]) -> list[str]:
    return [one for one in text if one in wanted]


def _invisible(text: str) -> list[str]:
    """Format characters, blanks that show nothing, private and unassigned ones; emoji joiners are no matter."""
    found = []
    for place, one in enumerate(text):
        is_hidden = one in INVISIBLE or unicodedata.category(one) in ("Cf", "Co", "Cn")
        if is_hidden and one not in DIRECTION and not _is_emoji_joiner(text, place):
            found.append(one)
    return found


def _is_emoji_joiner(text: str, place: int) -> bool:
    if text[place] != JOINER or not 0 < place < len(text) - 1:
        return False
    before, after = text[place - 1], text[place + 1]
    is_after_emoji = before == "\ufe0f" or unicodedata.category(before) in ("So", "Sk")
    return is_after_emoji and unicodedata.category(after) == "So"


def _is_control(one: str) -> bool:
    return (unicodedata.category(one) == "Cc" and one not in "\n\t") or one in "\u2028\u2029"


def _is_compatible(one: str) -> bool:
    """A letter or digit in disguise: full-width, mathematical and the like."""
    if one.isascii() or not one.isalnum():
        return False
    folded = unicodedata.normalize("NFKC", one)
    return folded.isascii() and unicodedata.decomposition(one).startswith(("<wide>", "<font>", "<circle>"))


def _is_mixed(word: str) -> bool:
    scripts = {unicodedata.name(one, "?").split(" ", 1)[0] for one in word}
    return len(scripts.intersection(SCRIPTS)) > 1


def _naming(where: str, what: str, characters: list[str]) -> str:
    if not characters:
        return ""
    points = [f"U+{ord(one):04X}" for one in dict.fromkeys(characters)]
    return f"{where} contains {what} ({', '.join(points[:SHOWN_MAX])})."


def _words(where: str, what: str, words: list[str]) -> str:
    if not words:
        return ""
    shown = ", ".join(repr(word) for word in list(dict.fromkeys(words))[:SHOWN_MAX])
    return f"{where} {what} {shown}."
