"""HTML as text, with what a reader would not see kept and said. Pure.

An extractor that drops what is hidden would hide an injection from the person who judges the mail: all text counts,
style sheets and scripts apart, and where a mark of hiding is found the caller says so.
"""

import re
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser

HTML_CHARS_MAX = 500_000
DEPTH_MAX = 200
"""Parsers take time in the square of the depth; real mail nests tables a few dozen deep."""

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)[^<>]*>")
_ANY_TAG = re.compile(r"<[^<>]*>")
_OPEN_ENDED = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
        "p",
        "li",
        "td",
        "th",
        "tr",
        "dt",
        "dd",
        "option",
        "tbody",
        "thead",
    ]
)
_BREAKS = "br, p, div, tr, li, h1, h2, h3, h4, h5, h6, blockquote, table, section, article, pre, hr"
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(hidden|collapse)|opacity\s*:\s*0(\.0+)?\s*(;|$|!)|"
    r"font-size\s*:\s*0*(\.0+)?[01]?(px|pt|em|%)?\s*(;|$|!)|mso-hide\s*:\s*all|text-indent\s*:\s*-\d{3}|"
    r"(left|top|margin-left)\s*:\s*-\d{3}|(max-)?(height|width)\s*:\s*0(px|pt|em|%)?\s*(;|$|!)|"
    r"(^|[;\s])color\s*:\s*(white|#fff(fff)?\b|transparent)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Unfolded:
    """All text of a document; `is_hidden` if something in it would not have been seen, `is_cut` if it was too long."""

    text: str
    is_hidden: bool
    is_cut: bool
    is_odd: bool = False
    """So oddly nested that its tags were struck out and not understood."""


def text_of_html(html: str) -> Unfolded:
    """Every word of the document, its lines where blocks end."""
    is_cut, html = len(html) > HTML_CHARS_MAX, html[:HTML_CHARS_MAX]
    if _is_too_deep(html):
        return Unfolded(_tidy(_ANY_TAG.sub(" ", html)), bool(_HIDING.search(html)), is_cut, is_odd=True)
    tree = LexborHTMLParser(html)
    is_hidden = any(_hides(one.attributes.get("style") or "") for one in tree.css("[style]"))
    is_hidden = is_hidden or bool(tree.css("[hidden]")) or any(_hides(one.text() or "") for one in tree.css("style"))
    for one in tree.css("style, script"):
        one.decompose()
    for one in tree.css(_BREAKS):
        one.insert_after("\n")
    for one in tree.css("td, th"):
        one.insert_after(" ")
    root = tree.root
    return Unfolded(_tidy(root.text(deep=True) if root is not None else ""), is_hidden, is_cut)


def _hides(style: str) -> bool:
    return _HIDING.search(style) is not None


def _is_too_deep(html: str) -> bool:
    depth = 0
    for closing, name in _TAG.findall(html):
        if name.lower() in _OPEN_ENDED:
            continue
        depth = max(depth - 1, 0) if closing else depth + 1
        if depth > DEPTH_MAX:
            return True
    return False


def _tidy(text: str) -> str:
    """Runs of blanks and of empty lines folded, since HTML does not show them."""
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
