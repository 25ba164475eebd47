"""The public documents as pages: the checkout's `docs/` with README and CHANGELOG; the wheel carries the same files.

The Markdown is ours, and still nothing in it is trusted with markup: raw HTML is shown as text. Links between the
documents lead to their pages; a link to a file that has no page becomes plain text.
"""

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup, escape

from trinity.errors import NotFound

BASE = "/docs"
FILE_BYTES_MAX = 1_000_000
IMAGE_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}
FIRST = ("index", "architecture", "agents", "operations", "verify")
"""The order of the list beside each page; what is not named here follows, the decision records last."""
ADR, README, CHANGELOG = "adr", "readme", "changelog"
SHORT = {
    "index": "Introduction",
    README: "Start, commands, settings",
    CHANGELOG: "Changes",
    "verify": "Verifying a packet",
}
_PICTURE = re.compile(r'<picture>.*?<img src="([^"]+)"[^>]*?alt="([^"]*)"[^>]*>.*?</picture>', re.DOTALL)
_NOT_IN_SLUG = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of a document, for the list of what is on the page."""

    slug: str
    title: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A document in the list of all: `name` is its address below `/docs`, empty for the first page."""

    name: str
    title: str

    @property
    def address(self) -> str:
        """Where its page is."""
        return f"{BASE}/{self.name}" if self.name else BASE


@dataclass(frozen=True, slots=True)
class Document:
    """One document, rendered."""

    entry: Entry
    title: str
    body: Markup
    sections: tuple[Section, ...]


def root() -> Path:
    """Where `README.md` and `docs/` lie: beside this module in an installed wheel, else in the checkout."""
    here = Path(__file__).resolve()
    carried = here.parent / "manual"
    return carried if carried.is_dir() else here.parents[3]


@cache
def files() -> dict[str, str]:
    """Every document: its name, and its path below `root()`. Fixed when the process first asks."""
    place = root()
    found = {path.stem: f"docs/{path.name}" for path in sorted((place / "docs").glob("*.md"))}
    records = {f"{ADR}/{path.stem}": f"docs/adr/{path.name}" for path in sorted((place / "docs/adr").glob("*.md"))}
    fronts = {
        name: path for name, path in ((README, "README.md"), (CHANGELOG, "CHANGELOG.md")) if (place / path).is_file()
    }
    ordered = sorted(found, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    return {name: found[name] for name in ordered} | fronts | records


@cache
def entries() -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """The list of all documents: guides first, then the decision records."""
    listed = [
        Entry("" if name == "index" else name, SHORT.get(name) or _title(_text(path))) for name, path in files().items()
    ]
    is_record = [entry.name.startswith(f"{ADR}/") for entry in listed]
    return (
        tuple(entry for entry, is_one in zip(listed, is_record, strict=True) if not is_one),
        tuple(entry for entry, is_one in zip(listed, is_record, strict=True) if is_one),
    )


@cache
def document(name: str) -> Document:
    """One document by its name; `NotFound` for any other."""
    path = files().get(name or "index")
    if path is None:
        raise NotFound("document")
    text = _PICTURE.sub(r"![\2](\1)", _text(path))
    parser = _parser()
    env: EnvType = {"path": path, "sections": []}
    body = Markup(parser.render(text, env))  # noqa: S704 (rendered with raw HTML disabled, from our own files)
    guides, records = entries()
    entry = next(one for one in (*guides, *records) if one.name == ("" if name in ("", "index") else name))
    return Document(entry, _title(text), body, tuple(env["sections"]))


@cache
def image(name: str) -> tuple[bytes, str]:
    """An image of the documents with its media type."""
    found = {path.name: path for path in (root() / "docs/images").glob("*") if path.suffix in IMAGE_TYPES}
    if name not in found:
        raise NotFound("image")
    return found[name].read_bytes(), IMAGE_TYPES[found[name].suffix]


def address_of(link: str, path: str) -> str | None:
    """Where a link in the document at `path` leads; None for a file of the checkout that has no page."""
    if link.startswith(("#", "https://", "http://", "mailto:")):
        return link
    target, mark, fragment = link.partition("#")
    if target.startswith("/"):
        return link
    full = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    by_path = {found: name for name, found in files().items()}
    if full in by_path:
        return Entry("" if by_path[full] == "index" else by_path[full], "").address + mark + fragment
    if full == "docs/adr":
        return f"{BASE}/{ADR}"
    is_image = full.startswith("docs/images/") and posixpath.splitext(full)[1] in IMAGE_TYPES
    return f"{BASE}/images/{posixpath.basename(full)}" if is_image else None


def slug_of(title: str, taken: Sequence[str] = ()) -> str:
    """A heading's anchor, as GitHub makes it, so that the same links work in both places."""
    plain = _NOT_IN_SLUG.sub("", title.strip().lower()).replace(" ", "-")
    slug, n = plain, 0
    while slug in taken:
        n += 1
        slug = f"{plain}-{n}"
    return slug


def _text(path: str) -> str:
    data = (root() / path).read_bytes()
    if len(data) > FILE_BYTES_MAX:
        raise NotFound("document")
    return data.decode()


def _title(text: str) -> str:
    """The first heading, without its marks."""
    line = next((line for line in text.splitlines() if line.startswith("# ")), "# Untitled")
    return line.removeprefix("# ").replace("`", "").strip()


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Pages).enable("table")
    parser.core.ruler.push("our_pages", _prepare)
    return parser


def _prepare(state: StateCore) -> None:
    """Give headings their anchors, links their pages, and columns a class: inline styles are not allowed here."""
    for at, token in enumerate(state.tokens):
        if token.type == "heading_open":
            _anchor(token, state.tokens[at + 1], state.env["sections"])
        elif token.type in ("th_open", "td_open") and "right" in str(token.attrs.pop("style", "")):
            token.attrSet("class", "num")
        elif token.type == "inline":
            _lead(token.children or [], state.env["path"])


def _anchor(heading: Token, inline: Token, sections: list[Section]) -> None:
    title = "".join(one.content for one in inline.children or () if one.type in ("text", "code_inline"))
    slug = slug_of(title, [section.slug for section in sections])
    heading.attrSet("id", slug)
    if heading.tag == "h2":
        sections.append(Section(slug, title))


def _lead(children: list[Token], path: str) -> None:
    """Rewrite the links and images of one run of text."""
    opened: list[Token] = []
    for at, token in enumerate(children):
        if token.type == "link_open":
            address = address_of(str(token.attrGet("href")), path)
            _name(children[at + 1], address)
            token.hidden = address is None
            token.attrs = {"href": address} if address else {}
            opened.append(token)
        elif token.type == "link_close":
            token.hidden = opened.pop().hidden
        elif token.type == "image":
            token.attrSet("src", address_of(str(token.attrGet("src")), path) or "")


def _name(token: Token, address: str | None) -> None:
    """Where a link's words are a file's name, the page's title stands instead."""
    if address and token.type == "text" and token.content.endswith(".md") and " " not in token.content:
        listed = {entry.address: entry.title for group in entries() for entry in group}
        token.content = listed.get(address.partition("#")[0], token.content)


class _Pages(RendererHTML):
    """The library's renderer, with tables that scroll by themselves, anchors, and pictures for dark screens."""

    def table_open(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        """A table in a box of its own: on a narrow screen it scrolls, not the page."""
        return '<div class="doc-table" tabindex="0"><table>'

    def table_close(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        """Its end."""
        return "</table></div>"

    def heading_close(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        """The link to a section stands after its words."""
        slug = escape(str(tokens[at - 2].attrGet("id")))
        link = f' <a class="doc-anchor" href="#{slug}" aria-label="Link to this section">#</a>'
        return f"{link if tokens[at].tag != 'h1' else ''}</{tokens[at].tag}>"

    def fence(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        """Code, which can be scrolled with the keyboard."""
        return f'<pre class="doc-code" tabindex="0"><code>{escape(tokens[at].content)}</code></pre>'

    def link_open(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        """A link, or nothing where it leads nowhere here."""
        return "" if tokens[at].hidden else f'<a href="{escape(str(tokens[at].attrGet("href")))}">'

    def link_close(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        """Its end."""
        return "" if tokens[at].hidden else "</a>"

    def image(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        """A picture; one called `…-light` has a dark twin."""
        source, words = str(tokens[at].attrGet("src")), escape(tokens[at].content)
        img = f'<img src="{escape(source)}" alt="{words}" loading="lazy">'
        twin = source.replace("-light.", "-dark.")
        if twin == source:
            return img
        return f'<picture><source media="(prefers-color-scheme: dark)" srcset="{escape(twin)}">{img}</picture>'
