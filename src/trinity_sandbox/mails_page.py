"""The page of a stand-in that takes mail: it says SANDBOX and shows mails as text, so that no link of theirs can be followed."""

import html
from collections.abc import Iterable, Mapping

from litestar import MediaType, Response

SHOWN_MAX = 100
TEXT_CHARS_MAX = 20_000
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 48rem; padding: 1rem; }
header { border-bottom: 2px solid #b45309; margin-bottom: 1rem; }
b.sandbox { background: #b45309; border-radius: .3rem; color: #fff; letter-spacing: .08em; padding: .1rem .5rem; }
article { border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: .5rem;
  margin: 1rem 0; padding: .75rem 1rem; }
h2 { font-size: 1.1rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
dl { display: grid; gap: 0 .75rem; grid-template-columns: max-content 1fr; margin: 0; }
dt { opacity: .7; } dd { margin: 0; overflow-wrap: anywhere; }
pre { font: inherit; margin: .75rem 0 0; overflow-wrap: anywhere; white-space: pre-wrap; }
"""


def mails_page(name: str, count: str, mails: Iterable[str], none: str) -> Response[str]:
    """The page: whose it is, how much there was (`Sent so far: 3`), and the mails as `mail_article` makes them."""
    body = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>SANDBOX {name}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><header><h1>{name} <b class=sandbox>SANDBOX</b></h1>"
        f"<p>A stand-in on this machine. No mail leaves it. {count}.</p></header><main>"
        f"{''.join(mails) or f'<p>{none}</p>'}</main></body></html>"
    )
    headers = {"content-security-policy": POLICY, "cache-control": "no-store"}
    return Response(body, media_type=MediaType.HTML, headers=headers)


def mail_article(subject: str, facts: Mapping[str, str], text: str) -> str:
    """One mail, everything of it escaped."""
    listed = "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in facts.items())
    title = html.escape(subject or "(no subject)")
    return f"<article><h2>{title}</h2><dl>{listed}</dl><pre>{html.escape(text)}</pre></article>"
