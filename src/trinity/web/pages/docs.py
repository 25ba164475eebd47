"""The public documents: anyone may read them, signed in or not."""

from litestar import MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from trinity.web import manual
from trinity.web.context import web_of
from trinity.web.guards import anyone

KEEP = "public, max-age=3600"


@get("/docs", guards=[anyone], include_in_schema=False)
async def first(request: Request) -> Response[str]:  # type: ignore[type-arg]
    """The introduction."""
    return _page(request, "index")


@get("/docs/{name:str}", guards=[anyone], include_in_schema=False)
async def guide(request: Request, name: FromPath[str]) -> Response[str]:  # type: ignore[type-arg]
    """One document."""
    return _page(request, name)


@get("/docs/adr", guards=[anyone], include_in_schema=False)
async def records(request: Request) -> Response[str]:  # type: ignore[type-arg]
    """The list of decision records."""
    return _draw(request, title="Decision records", here=manual.ADR, document=None)


@get("/docs/adr/{name:str}", guards=[anyone], include_in_schema=False)
async def record(request: Request, name: FromPath[str]) -> Response[str]:  # type: ignore[type-arg]
    """One decision record."""
    return _page(request, f"{manual.ADR}/{name}")


@get("/docs/images/{name:str}", guards=[anyone], include_in_schema=False)
async def image(name: FromPath[str]) -> Response[bytes]:
    """A picture of a document."""
    body, media_type = manual.image(name)
    return Response(body, media_type=media_type, headers={"cache-control": KEEP})


def _page(request: Request, name: str) -> Response[str]:  # type: ignore[type-arg]
    found = manual.document(name)
    return _draw(request, title=found.title, here=found.entry.name, document=found)


def _draw(request: Request, **values: object) -> Response[str]:  # type: ignore[type-arg]
    guides, decided = manual.entries()
    html = web_of(request).templates.page("docs.html", **values, guides=guides, records=decided, adr=manual.ADR)
    return Response(html, media_type=MediaType.HTML)


handlers: list[HTTPRouteHandler] = [first, guide, records, record, image]
