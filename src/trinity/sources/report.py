"""A deliverable: from what an agent drafted to a document for a customer, as an HTML file and as a PDF.

Pure: the same report gives the same bytes, so that a repeated rendering is the artifact that is already there. The text
is foreign, whoever wrote it: it is escaped, never markup. What cannot be seen or turns others around is written as its
number, in both files, because a reader of a document has no card that warns.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from trinity.errors import Refused
from trinity.kit.canonical import is_text

TEXT_CHARS_MAX = 60_000
TITLE_CHARS_MAX = 200
SECTIONS_MAX = 60
PARAGRAPHS_MAX = 600
FACTS_MAX = 12
NAME_CHARS_MAX = 80
NAME_BYTES_MAX = 160
BULLET = "•"
_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*\s*")
_ITEM = re.compile(r"([-*•]|\d{1,3}[.)])\s+(?=\S)")
_HIDDEN_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report. The heading may be empty; `item_of` tells which paragraphs are items of a list."""

    heading: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says. `facts` are names and values for a table at its beginning."""

    title: str
    customer: str
    made_at: datetime
    sections: tuple[Section, ...]
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RenderedReport:
    """The two files. `unshown` counts characters that the PDF's font lacks and that stand there as numbers."""

    html: bytes
    pdf: bytes
    unshown: int


def sections_of(text: str) -> tuple[Section, ...]:
    """A draft's text as sections: `#` begins a heading, a blank line ends a paragraph, `-` or `1.` begins an item."""
    sections: list[Section] = []
    heading, paragraphs, lines = "", list[str](), list[str]()

    def end_paragraph() -> None:
        if lines:
            paragraphs.append(" ".join(lines))
            lines.clear()

    def end_section() -> None:
        end_paragraph()
        if heading or paragraphs:
            sections.append(Section(heading, tuple(paragraphs)))
            paragraphs.clear()

    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        stripped = line.strip()
        if found := _HEADING.fullmatch(stripped):
            end_section()
            heading = found[1]
        elif not stripped:
            end_paragraph()
        elif item := _ITEM.match(stripped):
            end_paragraph()
            mark = f"{item[1][:-1]}." if item[1][0].isdigit() else BULLET
            lines.append(f"{mark} {stripped[item.end() :]}")
        else:
            lines.append(stripped)
    end_section()
    return tuple(sections)


def item_of(paragraph: str) -> tuple[str, str] | None:
    """An item's mark (`•` or `3.`) and its text; None for a paragraph that is no item."""
    found = _ITEM.match(paragraph)
    return (found[1], paragraph[found.end() :]) if found and found[1][-1] in "•." else None


def file_name_of(title: str, extension: str) -> str:
    """A file's name from a report's title: its letters, digits and plain signs, so that it is a name everywhere."""
    said = title[:NAME_CHARS_MAX].replace(":", " ")
    kept = "".join(char if char.isalnum() or char in " -_,()" else "-" for char in said)
    plain = re.sub(r"-{2,}", "-", re.sub(r"\s+", " ", kept)).strip(" -_,")
    while len(plain.encode()) > NAME_BYTES_MAX:
        plain = plain[:-1].rstrip(" -_,")
    return f"{plain or 'report'}.{extension}"


def checked_report(report: Report) -> Report:
    """The report, if it can be rendered at all; `Refused` (422) with a sentence otherwise."""
    paragraphs = [one for section in report.sections for one in section.paragraphs]
    words = [*paragraphs, *(section.heading for section in report.sections)]
    facts = [word for fact in report.facts for word in fact]
    if not is_text(report.title, report.customer, *words, *facts):
        raise _refused("The report holds characters that are no text.")
    if not 1 <= len(report.title.strip()) <= TITLE_CHARS_MAX or len(report.customer) > TITLE_CHARS_MAX:
        raise _refused(f"A report has a title of 1 to {TITLE_CHARS_MAX} characters.")
    if not paragraphs:
        raise _refused("The report has no text.")
    if len(report.sections) > SECTIONS_MAX or len(paragraphs) > PARAGRAPHS_MAX or len(report.facts) > FACTS_MAX:
        raise _refused(f"A report has at most {SECTIONS_MAX} sections and {PARAGRAPHS_MAX} paragraphs.")
    if sum(map(len, words)) + sum(map(len, facts)) > TEXT_CHARS_MAX:
        raise _refused(f"A report has at most {TEXT_CHARS_MAX} characters.")
    return report


def shown(text: str) -> str:
    """Text whose hidden characters are written as their numbers: `[U+202E]`."""
    return "".join(f"[U+{ord(char):04X}]" if is_hidden(char) else char for char in text.replace("\t", " "))


def is_hidden(char: str) -> bool:
    """True for what a reader cannot see or what moves others about. A no-break space and a soft hyphen are typography."""
    return unicodedata.category(char) in _HIDDEN_CATEGORIES and char != "\u00ad"


def dated(moment: datetime) -> str:
    """The day, as people write it."""
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]  # not strftime: its words follow the process's locale, and the bytes must not


def _refused(sentence: str) -> Refused:
    return Refused("invalid_report", sentence, status=422)
