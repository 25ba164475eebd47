"""A page and its live stream are one thing: the same function draws both, from the database.

`GET /page` answers HTML; the same address asked with `Accept: text/event-stream` answers a stream that
draws the page's live regions again whenever one of its topics changes, and as a backstop now and then.
"""

import hashlib
import logging
import re
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from litestar import MediaType, Response
from litestar.response import Stream

from trinity.errors import Refused
from trinity.web.context import PageRequest, Web, web_of
from trinity.web.csrf import csrf_token
from trinity.web.live import HubFull, Subscription
from trinity.web.shell import Shell, read_shell

PING_S = 10.0
"""The longest silence of a stream."""
BACKSTOP_S = 30.0
"""How often a silent page is read again, should a notification have been lost with the process that owed it."""
SESSION_CHECK_S = 20.0
"""How often an open stream asks whether its session still stands."""
RETRY_MS = 1_000
COMPRESSION_LEVEL = 4
GZIP_WINDOW_BITS = 31
"""A window of 32 kB, which holds the region sent before, and gzip's own header."""

_log = logging.getLogger(__name__)
_LINE_ENDS = re.compile("\r\n|\r|\n")

type Draw = Callable[[], Awaitable[Page]]


@dataclass(frozen=True, slots=True)
class Page:
    """What one template needs. `topics` are what the page listens to beside the shell's own."""

    template: str
    title: str
    nav: str
    values: Mapping[str, object] = field(default_factory=dict)
    topics: frozenset[str] = frozenset()
    status: int = 200


async def answer(request: PageRequest, draw: Draw) -> Response[str] | Stream:
    """The page, or its stream if the browser asks for events."""
    if "text/event-stream" in request.headers.get("accept", ""):
        return await _open_stream(request, draw)
    web = web_of(request)
    page, shell = await draw(), await read_shell(request)
    html = web.templates.page(
        page.template, **_values(page, shell), csrf=csrf_token(web.config, request.auth), live=_address(request)
    )
    return Response(html, media_type=MediaType.HTML, status_code=page.status)


async def _open_stream(request: PageRequest, draw: Draw) -> Stream:
    """Draw once before answering, so that a page that does not exist is a plain 404 and no stream."""
    first = await draw()
    headers = {"x-accel-buffering": "no", "cache-control": "no-store"}
    events = _events(request, draw, first)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        events = compressed(events)
    return Stream(events, media_type="text/event-stream; charset=utf-8", headers=headers)


async def compressed(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """One gzip stream (RFC 1952), flushed after each event: a region that hardly changed costs a few bytes.

    No secret is in it (see `_regions`), so that its length tells a listener nothing worth knowing.
    """
    packer = zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, GZIP_WINDOW_BITS)
    async for event in events:
        yield packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()


async def _events(request: PageRequest, draw: Draw, first: Page) -> AsyncIterator[bytes]:
    web = web_of(request)
    topics = first.topics | {"approvals", "incidents", "posture", f"session:{request.user.session_id}"}
    yield f"retry: {RETRY_MS}\n\n".encode()
    try:
        with web.hub.subscribe(request.user.account_id, topics) as subscription:
            async for event in _while_listening(request, web, draw, subscription):
                yield event
    except HubFull:
        yield _event("bye", "full")
    except Refused:
        yield _event("bye", "gone")
    except Exception:
        # The database may be away for a moment: the page comes back to it by itself, with growing pauses.
        _log.warning("a stream broke off", exc_info=True)
        yield _event("bye", "restart")


async def _while_listening(
    request: PageRequest, web: Web, draw: Draw, subscription: Subscription
) -> AsyncIterator[bytes]:
    """Snapshots when something changed, pings when nothing did, and one good-bye."""
    seen, is_due = "", True
    drawn_at = checked_at = time.monotonic()
    while True:
        event = _event("ping", "")
        if is_due:
            html = await _regions(request, web, draw)
            drawn_at = time.monotonic()
            digest = hashlib.sha256(html.encode()).hexdigest()
            event = _event("patch", html) if digest != seen else event
            seen = digest
        yield event
        changed = await subscription.wait(PING_S)
        if web.hub.is_closing:
            yield _event("bye", "restart")
            return
        now = time.monotonic()
        is_due = bool(changed) or now - drawn_at > (BACKSTOP_S if web.hub.is_listening else PING_S)
        if now - checked_at > SESSION_CHECK_S or any(topic.startswith("session:") for topic in changed):
            who = await web.desk.find(request.auth)
            if who is None or who.role != request.user.role:
                yield _event("bye", "signed_out" if who is None else "gone")
                return
            checked_at = now


async def _regions(request: PageRequest, web: Web, draw: Draw) -> str:
    """The live regions as they are now. No CSRF token is in them."""
    page, shell = await draw(), await read_shell(request)
    return web.templates.regions(page.template, **_values(page, shell), csrf=None, live=_address(request))


def _values(page: Page, shell: Shell) -> dict[str, object]:
    return {**page.values, "title": page.title, "nav": page.nav, "shell": shell}


def _address(request: PageRequest) -> str:
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")


def _event(name: str, data: str) -> bytes:
    """One server-sent event; every line of the data gets its own field (WHATWG HTML, section 9.2)."""
    lines = "".join(f"data: {line}\n" for line in _LINE_ENDS.split(data))
    return f"event: {name}\n{lines}\n".encode()
