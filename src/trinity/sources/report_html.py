"""A report as one HTML file that needs nothing else: no script, no address, its own style."""

from html import escape

from trinity.sources.report import BULLET, Report, Section, dated, item_of, shown

_STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #f3f2ee; color: #1d2328; font: 17px/1.6 "Source Sans 3", "Source Sans Pro", "Segoe UI", system-ui, sans-serif; }
main { max-width: 42rem; margin: 0 auto; padding: 4rem 3.5rem 5rem; background: #fff; min-height: 100vh; box-sizing: border-box; overflow-wrap: anywhere; }
header { border-bottom: 2px solid #14595b; padding-bottom: 1.4rem; margin-bottom: 2rem; }
h1 { font-size: 2.1rem; line-height: 1.15; margin: 0 0 .7rem; letter-spacing: -.01em; text-wrap: balance; }
header p { margin: 0; color: #5a646b; }
h2 { font-size: 1.28rem; line-height: 1.3; margin: 2.4rem 0 .5rem; }
p { margin: 0 0 .9rem; }
ul, ol { margin: 0 0 .9rem; padding-left: 1.4rem; }
li { margin: 0 0 .3rem; }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .35rem 1.6rem; margin: 0 0 2rem; padding: 1rem 1.2rem; background: #f3f2ee; border-radius: 6px; font-size: .95rem; }
dt { color: #5a646b; }
dd { margin: 0; font-weight: 600; }
@media (max-width: 40rem) { main { padding: 2rem 1.25rem 3rem; } h1 { font-size: 1.7rem; } dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } }
@media print { body { background: #fff; } main { max-width: none; padding: 0; } h2 { break-after: avoid; } p, li { orphans: 3; widows: 3; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def html_of(report: Report) -> bytes:
    """The file's bytes, UTF-8."""
    title = _text(report.title)
    made_for = f"For {_text(report.customer)} · " if report.customer else ""
    facts = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in report.facts)
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title>",
        f"<style>{_STYLE}</style>",
        "</head>",
        "<body>",
        "<main>",
        f"<header><h1>{title}</h1><p>{made_for}{dated(report.made_at)}</p></header>",
        f"<dl>{facts}</dl>" if facts else "",
        *(_section(section) for section in report.sections),
        "</main>",
        "</body>",
        "</html>",
    ]
    return ("\n".join(filter(None, parts)) + "\n").encode()


def _section(section: Section) -> str:
    parts = [f"<h2>{_text(section.heading)}</h2>"] if section.heading else []
    inside = ""
    for paragraph in section.paragraphs:
        item = item_of(paragraph)
        wanted = "" if item is None else "ul" if item[0] == BULLET else "ol"
        if wanted != inside:
            parts += [f"</{inside}>"] if inside else []
            parts += [f"<{wanted}>"] if wanted else []
            inside = wanted
        if item is None:
            parts.append(f"<p>{_text(paragraph)}</p>")
        else:
            number = "" if item[0] == BULLET else f' value="{int(item[0][:-1])}"'
            parts.append(f"<li{number}>{_text(item[1])}</li>")
    parts += [f"</{inside}>"] if inside else []
    return "<section>\n" + "\n".join(parts) + "\n</section>"


def _text(text: str) -> str:
    return escape(shown(text))
