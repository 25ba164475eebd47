"""A report as a PDF, set in Source Sans Pro, which comes as a package of its own and is embedded as a subset.

The font has Latin, Greek and Cyrillic. What it lacks, Chinese or Arabic letters or emoji for instance, stands in the
PDF as its number, `[U+4E2D]`, and a note at the end says so: a box would hide it, and a letter left out would lie.
"""

import io
import threading
import unicodedata
from functools import lru_cache, partial
from importlib.resources import files
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, HRFlowable, PageTemplate, Paragraph, Spacer, Table

from trinity.sources.report import Report, Section, dated, item_of, shown

PLAIN, STRONG = "TrinitySans", "TrinitySansSemibold"
FONT_PACKAGE = "font_source_sans_pro"
_FILES = {PLAIN: "SourceSansPro-Regular.ttf", STRONG: "SourceSansPro-Semibold.ttf"}
_INK, _MUTED, _ACCENT, _LINE = HexColor("#1d2328"), HexColor("#5a646b"), HexColor("#14595b"), HexColor("#d9d8d2")
_MARGIN, _FOOT = 26 * mm, 13 * mm
_TITLE = ParagraphStyle(
    "title", fontName=STRONG, fontSize=25, leading=29, textColor=_INK, alignment=TA_LEFT, spaceAfter=7
)
_UNDER = ParagraphStyle("under", fontName=PLAIN, fontSize=11, leading=15, textColor=_MUTED, spaceAfter=10)
_HEAD = ParagraphStyle(
    "head", fontName=STRONG, fontSize=14, leading=18, textColor=_INK, spaceBefore=15, spaceAfter=4, keepWithNext=1
)
_BODY = ParagraphStyle(
    "body", fontName=PLAIN, fontSize=10.8, leading=15.6, textColor=_INK, spaceAfter=7, allowWidows=0, allowOrphans=0
)
_ITEM = ParagraphStyle(
    "item", parent=_BODY, leftIndent=15, bulletIndent=1, bulletFontName=PLAIN, bulletFontSize=10.8, spaceAfter=3
)
_NAME = ParagraphStyle("name", parent=_BODY, fontSize=9.8, leading=13.5, textColor=_MUTED, spaceAfter=0)
_VALUE = ParagraphStyle("value", parent=_NAME, fontName=STRONG, textColor=_INK)
_NOTE = ParagraphStyle("note", parent=_BODY, fontSize=9, leading=12.5, textColor=_MUTED, spaceBefore=14)

_rendering = threading.Lock()
"""The library keeps fonts in one place for the whole process: one report at a time."""


def pdf_of(report: Report) -> tuple[bytes, int]:
    """The file's bytes, the same for the same report, and how many characters stand there as numbers."""
    with _rendering:
        letters = _letters()
        said = _Writer(letters)
        story = _story(report, said)
        if said.unshown:
            story.append(Paragraph(_note(said.unshown), _NOTE))
        file = io.BytesIO()
        document = BaseDocTemplate(
            file,
            pagesize=A4,
            leftMargin=_MARGIN,
            rightMargin=_MARGIN,
            topMargin=24 * mm,
            bottomMargin=26 * mm,
            title=said.plain(report.title),
            author="",
            subject=said.plain(report.customer),
            creator="Trinity",
            invariant=1,
            pageCompression=1,
            lang="en",
        )
        frame = Frame(document.leftMargin, document.bottomMargin, document.width, document.height, 0, 0, 0, 0)
        foot = partial(_foot, said.plain(report.title))
        document.addPageTemplates([PageTemplate("page", [frame], onPage=foot)])
        document.build(story)
        return file.getvalue(), said.unshown


class _Writer:
    """Escapes text for the library's own markup, and spells what the font lacks."""

    def __init__(self, letters: frozenset[int]) -> None:
        self._letters = letters
        self.unshown = 0

    def plain(self, text: str) -> str:
        """Text in which every character can be shown. Composed first: the font has é, not e and a loose accent."""
        parts = []
        for char in unicodedata.normalize("NFC", shown(text)):
            if ord(char) in self._letters:
                parts.append(char)
            else:
                self.unshown += 1
                parts.append(f"[U+{ord(char):04X}]")
        return "".join(parts)

    def marked(self, text: str) -> str:
        """The same, for a paragraph: nothing in it is markup."""
        return escape(self.plain(text))


def _story(report: Report, said: _Writer) -> list[Flowable]:
    made_for = f"For {said.marked(report.customer)} · " if report.customer else ""
    story: list[Flowable] = [
        Paragraph(said.marked(report.title), _TITLE),
        Paragraph(f"{made_for}{dated(report.made_at)}", _UNDER),
        HRFlowable(width="100%", thickness=1.4, color=_ACCENT, spaceAfter=12),
    ]
    if report.facts:
        rows = [
            [Paragraph(said.marked(name), _NAME), Paragraph(said.marked(value), _VALUE)] for name, value in report.facts
        ]
        table = Table(rows, colWidths=[44 * mm, None], hAlign="LEFT")
        table.setStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -1), 0.5, _LINE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 3),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
            ]
        )
        story += [table, Spacer(1, 10)]
    for section in report.sections:
        story += _section(section, said)
    return story


def _section(section: Section, said: _Writer) -> list[Flowable]:
    parts: list[Flowable] = [Paragraph(said.marked(section.heading), _HEAD)] if section.heading else []
    for paragraph in section.paragraphs:
        if item := item_of(paragraph):
            parts.append(Paragraph(said.marked(item[1]), _ITEM, bulletText=item[0]))
        else:
            parts.append(Paragraph(said.marked(paragraph), _BODY))
    return parts


def _foot(title: str, canvas: Canvas, _: BaseDocTemplate) -> None:
    canvas.saveState()
    canvas.setFont(PLAIN, 8.5)
    canvas.setFillColor(_MUTED)
    width = A4[0] - 2 * _MARGIN - 30 * mm
    while pdfmetrics.stringWidth(title, PLAIN, 8.5) > width:
        title = title.removesuffix("…")[:-1] + "…"
    canvas.drawString(_MARGIN, _FOOT, title)
    canvas.drawRightString(A4[0] - _MARGIN, _FOOT, str(canvas.getPageNumber()))
    canvas.restoreState()


def _note(count: int) -> str:
    what = "One character that" if count == 1 else f"{count} characters that"
    are = "is" if count == 1 else "are"
    return (
        f"{what} this file’s font does not have {are} written as numbers, such as [U+4E2D]. The HTML file shows them."
    )


@lru_cache(maxsize=1)
def _letters() -> frozenset[int]:
    """Registers the fonts once; gives the characters that both can show."""
    found = []
    for name, file in _FILES.items():
        font = TTFont(name, io.BytesIO((files(FONT_PACKAGE) / "files" / file).read_bytes()))
        pdfmetrics.registerFont(font)
        found.append(frozenset(font.face.charToGlyph))
    pdfmetrics.registerFontFamily(PLAIN, normal=PLAIN, bold=STRONG, italic=PLAIN, boldItalic=STRONG)
    return found[0] & found[1]
