"""Reports: parsed from a draft, the same bytes every time, nothing in them is markup, nothing is lost silently."""

import io
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from trinity.errors import Refused
from trinity.sources import Report, Section, file_name_of, render_report, sections_of
from trinity.sources.kinds import kind_of
from trinity.sources.names import checked_name
from trinity.sources.report import PARAGRAPHS_MAX, TEXT_CHARS_MAX, item_of

MADE_AT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
DRAFT = """An opening line
that goes on.

# What we saw
First.

- one
- two
  goes on
* three

1. number one
2) number two

## And then ##

Last."""
PLAIN = Report("Snapshot", "Ada Byron", MADE_AT, sections_of(DRAFT), (("Order", "7"),))


def words_of(pdf: bytes) -> str:
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


class Tags(HTMLParser):
    """The tags, attributes and words of a page, as a browser would find them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Write it down."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        """Write it down."""
        self.words.append(data)


def read_html(html: bytes) -> Tags:
    found = Tags()
    found.feed(html.decode())
    found.close()
    return found


def test_a_draft_becomes_sections() -> None:
    assert sections_of(DRAFT) == (
        Section("", ("An opening line that goes on.",)),
        Section("What we saw", ("First.", "• one", "• two goes on", "• three", "1. number one", "2. number two")),
        Section("And then", ("Last.",)),
    )
    assert sections_of("") == ()
    assert sections_of("# Only a heading") == (Section("Only a heading", ()),)
    assert sections_of("#no heading\r\n\r\n-no item\r\n3.14 is a number") == (
        Section("", ("#no heading", "-no item 3.14 is a number")),
    )
    assert item_of("2. number two") == ("2.", "number two")
    assert item_of("2026 was a year") is None


@given(st.text(max_size=400))
def test_no_word_of_a_draft_is_lost(text: str) -> None:
    def letters(said: str) -> str:
        return "".join(char for char in said if char.isalnum())

    sections = sections_of(text)
    kept = "".join(section.heading + "".join(section.paragraphs) for section in sections)
    assert letters(kept) == letters(text)


def test_the_same_report_is_the_same_bytes_and_says_everything() -> None:
    first, second = render_report(PLAIN), render_report(PLAIN)
    assert (first.html, first.pdf, first.unshown) == (second.html, second.pdf, 0)
    assert render_report(replace(PLAIN, title="Other")).pdf != first.pdf
    page = read_html(first.html)
    for said in ("Snapshot", "For Ada Byron", "25 November 2026", "What we saw", "number two", "two goes on", "Last."):
        assert said in words_of(first.pdf)
        assert said in " ".join(page.words)
    assert {"ul", "ol", "li", "h2", "dl"} <= page.tags
    assert not page.tags & {"script", "link", "img", "iframe", "a", "base"}
    assert b"http" not in first.html.replace(b"http-equiv", b"")
    assert kind_of("a.pdf", "application/pdf", first.pdf).media_type == "application/pdf"
    assert kind_of("a.html", "text/html", first.html).media_type == "text/html"


def test_fonts_are_embedded_and_the_file_knows_its_title() -> None:
    pdf = render_report(PLAIN).pdf
    metadata = PdfReader(io.BytesIO(pdf)).metadata
    assert metadata is not None
    assert (metadata.title, metadata.creator) == ("Snapshot", "Trinity")
    assert pdf.count(b"/FontFile2") == 2
    assert b"+SourceSansPro-Regular" in pdf


def test_scripts_that_the_font_has_are_shown_and_the_rest_is_numbered_and_said() -> None:
    text = "Grüße Žluťoučký Ελληνικά Русский Tiếng Việt € “x” – e\u0301 中文 🙂"
    made = render_report(replace(PLAIN, sections=(Section("", (text,)),)))
    words = words_of(made.pdf)
    for said in ("Grüße", "Žluťoučký", "Ελληνικά", "Русский", "Tiếng Việt", "€", "[U+4E2D]", "[U+6587]", "[U+1F642]"):
        assert said in words
    assert made.unshown == 3
    assert "3 characters that this file’s font does not have" in re.sub(r"\s+", " ", words)
    assert "中文 🙂" in made.html.decode()
    assert "font does not have" not in words_of(render_report(PLAIN).pdf)


def test_what_hides_is_written_as_its_number_in_both_files() -> None:
    made = render_report(replace(PLAIN, sections=(Section("", ("pay \u202e100\u202c now\u200b",)),)))
    for said in (words_of(made.pdf), made.html.decode()):
        assert "[U+202E]100[U+202C]" in said.replace("\n", "")
    assert "\u202e" not in made.html.decode()


HOSTILE = "<script>alert(1)</script><img src='http://x.example/y'> <b>&amp;</b> <para> </style> <a href=\"file:///etc/passwd\">"


def test_markup_in_a_draft_is_words() -> None:
    report = Report(HOSTILE, HOSTILE, MADE_AT, (Section(HOSTILE, (HOSTILE, f"• {HOSTILE}")),), ((HOSTILE, HOSTILE),))
    made = render_report(report)
    page = read_html(made.html)
    assert not page.tags & {"script", "img", "a", "b", "para"}
    assert "<script>alert(1)</script>" in words_of(made.pdf).replace("\n", "")
    assert "/URI" not in made.pdf.decode("latin-1")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=300), min_size=1, max_size=6), st.text(min_size=1, max_size=60))
def test_any_text_renders_and_stays_words(paragraphs: list[str], title: str) -> None:
    report = Report(title, "", MADE_AT, (Section(title, tuple(paragraphs)),))
    try:
        made = render_report(report)
    except Refused:
        return
    page = read_html(made.html)
    assert page.tags <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "header",
        "h1",
        "p",
        "section",
        "h2",
    } | {
        "ul",
        "ol",
        "li",
    }
    assert page.attributes <= {"lang", "charset", "http-equiv", "content", "name", "value"}
    assert len(PdfReader(io.BytesIO(made.pdf)).pages) >= 1


@pytest.mark.parametrize(
    "changes",
    [
        {"title": " "},
        {"title": "x" * 201},
        {"sections": ()},
        {"sections": (Section("only a heading", ()),)},
        {"sections": (Section("", ("x",) * (PARAGRAPHS_MAX + 1)),)},
        {"sections": (Section("", ("x" * (TEXT_CHARS_MAX + 1),)),)},
        {"sections": (Section("", ("nul \x00",)),)},
        {"customer": "lone \ud800"},
        {"facts": (("a", "b"),) * 13},
    ],
)
def test_what_is_no_report_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Refused) as error:
        render_report(replace(PLAIN, **changes))  # type: ignore[arg-type]
    assert (error.value.code, error.value.status) == ("invalid_report", 422)


def test_the_longest_report_fits_on_many_pages() -> None:
    long = tuple(Section(f"Part {n}", tuple("word " * 30 for _ in range(10))) for n in range(30))
    reader = PdfReader(io.BytesIO(render_report(replace(PLAIN, sections=long)).pdf))
    assert 10 < len(reader.pages) < 60
    assert reader.pages[-1].extract_text().startswith(f"Snapshot\n{len(reader.pages)}\n")


@given(st.text(max_size=250), st.sampled_from(["pdf", "html"]))
def test_every_title_gives_a_name_that_is_taken(title: str, extension: str) -> None:
    name = file_name_of(title, extension)
    assert checked_name(name) == name


def test_names_keep_what_people_read() -> None:
    assert file_name_of("Snapshot: Byron’s Bakery / 2026", "pdf") == "Snapshot Byron-s Bakery - 2026.pdf"
    assert file_name_of("///", "pdf") == "report.pdf"
