"""The static files, each at an address that names its bytes."""

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from trinity.web.assets import asset
from trinity.web.guards import anyone

KEEP = "public, max-age=31536000, immutable"


@get("/static/{digest:str}/{name:str}", guards=[anyone], include_in_schema=False)
async def static_file(digest: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """One file; browsers may keep it for ever, since its address changes with its bytes."""
    found = asset(digest, name)
    return Response(found.body, media_type=found.media_type, headers={"cache-control": KEEP})


@get("/robots.txt", guards=[anyone], include_in_schema=False, media_type="text/plain")
async def robots() -> str:
    """Nothing here is for search engines but the accounts' public pages; each says itself whether it may be listed."""
    return "User-agent: *\nAllow: /p/\nDisallow: /\n"


handlers: list[HTTPRouteHandler] = [static_file, robots]
