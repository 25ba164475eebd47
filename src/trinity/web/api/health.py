"""Liveness, readiness, and numbers for Prometheus. No account, no names, nothing to log in for."""

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from trinity.web.context import web_of
from trinity.web.guards import anyone


@get("/healthz", guards=[anyone])
async def healthz() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


@get("/readyz", guards=[anyone])
async def readyz(request: Request) -> Response[dict[str, bool]]:  # type: ignore[type-arg]
    """200 once every part that pages need can serve, else 503."""
    parts = dict(await web_of(request).desk.is_ready())
    return Response(parts, status_code=200 if all(parts.values()) else 503)


@get("/metrics", guards=[anyone], media_type="text/plain; version=0.0.4; charset=utf-8")
async def metrics(request: Request) -> str:  # type: ignore[type-arg]
    """The text format of Prometheus."""
    hub = web_of(request).hub
    return (
        "# HELP trinity_live_streams Open pages that listen.\n"
        "# TYPE trinity_live_streams gauge\n"
        f"trinity_live_streams {hub.subscriber_count}\n"
        "# HELP trinity_live_listening Whether the process hears the database's notifications.\n"
        "# TYPE trinity_live_listening gauge\n"
        f"trinity_live_listening {int(hub.is_listening)}\n"
    )


handlers: list[HTTPRouteHandler] = [healthz, readyz, metrics]
