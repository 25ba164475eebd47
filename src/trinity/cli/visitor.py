"""A stranger with a browser but without script: opens pages, fills their forms in, follows links."""

from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import urljoin, urlsplit

import httpx
from selectolax.lexbor import LexborHTMLParser

from trinity.errors import Refused

TIMEOUT_S = 20.0
REDIRECTS_MAX = 5


@dataclass(frozen=True, slots=True)
class Form:
    """One form of a page: where it goes and what it holds already, hidden fields included."""

    action: str
    fields: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Seen:
    """A page as it came."""

    url: str
    status: int
    text: str = field(repr=False)

    def form(self, name: str) -> Form:
        """The page's first form that has a field of this name."""
        for node in LexborHTMLParser(self.text).css("form"):
            fields = {}
            for one in node.css("input[name], textarea[name], select[name]"):
                chosen = one.css_first("option[selected]") or one.css_first("option")
                value = chosen.attributes.get("value") if chosen else one.attributes.get("value")
                fields[str(one.attributes["name"])] = value or (one.text() if one.tag == "textarea" else "")
            if name in fields:
                return Form(urljoin(self.url, node.attributes.get("action") or self.url), fields)
        raise Refused("no_such_form", f"{self.url} has no form with a field {name}.")

    def link(self, part: str) -> str:
        """The address of the page's first link that contains this."""
        for node in LexborHTMLParser(self.text).css("a[href]"):
            if part in (href := node.attributes.get("href") or ""):
                return urljoin(self.url, href)
        raise Refused("no_such_link", f"{self.url} has no link with {part}.")


class Visitor:
    """Somebody outside, with no session anywhere."""

    def __init__(self, base_url: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=base_url,
            timeout=TIMEOUT_S,
            trust_env=False,
            follow_redirects=True,
            max_redirects=REDIRECTS_MAX,
        )

    async def __aenter__(self) -> "Visitor":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def open(self, url: str) -> Seen:
        """Read a page."""
        return _seen(await self._http.get(url))

    async def send(self, form: Form, **filled: str) -> Seen:
        """Fill a form in and send it; returns the page that it leads to."""
        parts = urlsplit(form.action)
        # What a browser says of a form that is sent to where its page came from.
        headers = {"origin": f"{parts.scheme}://{parts.netloc}", "sec-fetch-site": "same-origin"}
        return _seen(await self._http.post(form.action, data=form.fields | filled, headers=headers))


def _seen(answer: httpx.Response) -> Seen:
    return Seen(str(answer.url), answer.status_code, answer.text)
