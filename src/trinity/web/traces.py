"""Where the values of a mail came from: what people entered, what was released, or the agent alone.

Pure, and cautious: a value counts as entered by a person only if it is exactly the one that was entered.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from trinity.web.views import MailView, Trace

LINK = re.compile(r"https?://[^\s<>\"')\]]+", re.IGNORECASE)
LINKS_MAX = 20
ADDRESS = re.compile(r"[^\s<>]+@[^\s<>]+")


@dataclass(frozen=True, slots=True)
class Known:
    """A text in which a value may be found. `is_entered` says that a person entered it as this very value."""

    origin: str
    note: str
    text: str
    is_entered: bool = False
    source_id: UUID | None = None


def traces(mail: MailView, known: Sequence[Known]) -> tuple[Trace, ...]:
    """One trace for each recipient and each link of the text, in the order of the card."""
    return tuple(_trace(field, value, known) for field, value in _values(mail))


def _values(mail: MailView) -> Iterable[tuple[str, str]]:
    for field, people in (("To", mail.to), ("Cc", mail.cc), ("Bcc", mail.bcc)):
        for person in people:
            yield field, address_in(person)
    text = next((part.source for part in mail.alternatives if part.media_type == "text/plain"), "")
    for link in list(dict.fromkeys(LINK.findall(text)))[:LINKS_MAX]:
        yield "link", link.rstrip(".,;:!?")


def address_in(person: str) -> str:
    """The address of `Name <address>`; the last one, since a name can look like an address."""
    found = ADDRESS.findall(person)
    return found[-1] if found else person


def _trace(field: str, value: str, known: Sequence[Known]) -> Trace:
    for one in known:
        if one.is_entered and one.text.lower() == value.lower():
            return Trace(value, field, one.origin, one.note, one.source_id, is_trusted=True)
    for one in known:
        if not one.is_entered and _holds(one.text, value):
            return Trace(value, field, one.origin, one.note, one.source_id)
    return Trace(value, field, "agent", "not in anything that a person entered or released")


def _holds(text: str, value: str) -> bool:
    """Whether a text names the value, not merely as part of a longer one."""
    return re.search(rf"(?<![\w.@%+-]){re.escape(value)}(?![\w@-])", text, re.IGNORECASE) is not None
