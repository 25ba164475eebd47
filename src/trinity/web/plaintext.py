"""What an HTML alternative says to a reader, so that the card can tell whether both bodies say the same."""

import re
from html.parser import HTMLParser

from trinity.web.views import MailView

_UNSEEN = frozenset({"head", "script", "style", "template", "title"})
_WHITE = re.compile(r"\s+")


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        self.words.append(" ")
        # A link that shows one address and leads to another makes the two bodies differ.
        self.words.extend(value or "" for name, value in attrs if name == "src")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN and self._unseen:
            self._unseen -= 1
        self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.words.append(data)


def words_of(html: str) -> str:
    """The text that a reader of the HTML sees, with white space collapsed."""
    parser = _Words()
    parser.feed(html)
    parser.close()
    return _collapsed("".join(parser.words))


def links_of(html: str) -> frozenset[str]:
    """Every address that a link of the HTML leads to."""
    return frozenset(re.findall(r"""href\s*=\s*["']?([^"'\s>]+)""", html, flags=re.IGNORECASE))


def is_same_words(mail: MailView | None) -> bool:
    """True if both alternatives say the same words and every link shows where it leads."""
    if mail is None:
        return False
    bodies = {part.media_type: part.source for part in mail.alternatives}
    if "text/html" not in bodies:
        return True
    text = _collapsed(bodies.get("text/plain", ""))
    html = bodies["text/html"]
    return _squeezed(words_of(html)) == _squeezed(text) and all(
        link.removeprefix("mailto:") in text for link in links_of(html)
    )


def _collapsed(text: str) -> str:
    return _WHITE.sub(" ", text).strip()


def _squeezed(text: str) -> str:
    """Without white space: where a tag may stand, a space may come or go."""
    return _WHITE.sub("", text)
