"""The HTML alternative, derived from the text: the same words, escaped, links shown as they are."""

import html
import re

URL = re.compile(r"https?://[^\s<>\"']+")
URL_TAIL = ".,;:!?)]}*_"
HEAD = '<!doctype html>\n<html><head><meta charset="utf-8"></head>\n<body><div>'
FOOT = "</div></body></html>\n"


def html_of(text: str) -> str:
    """A whole HTML document that says exactly what `text` says. Pure; the same text gives the same document."""
    lines = (_line(line) for line in text.split("\n"))
    return HEAD + "<br>\n".join(lines) + FOOT


def _line(line: str) -> str:
    found, end = [], 0
    for match in URL.finditer(line):
        url = match.group().rstrip(URL_TAIL)
        if not url.isascii():
            continue
        found.append(_words(line[end : match.start()]))
        escaped = html.escape(url)
        found.append(f'<a href="{escaped}">{escaped}</a>')
        end = match.start() + len(url)
    return "".join(found) + _words(line[end:])


def _words(text: str) -> str:
    """Escaped text whose runs of spaces stay visible, since HTML would fold them into one."""
    escaped = html.escape(text).replace("\t", "&#9;").replace("  ", " &nbsp;")
    return "&nbsp;" + escaped[1:] if escaped.startswith(" ") else escaped
