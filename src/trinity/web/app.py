"""The web app, put together. `build_app` is the only way to get one, and refuses an unguarded route."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

from litestar import Litestar, Request, Router
from litestar.config.allowed_hosts import AllowedHostsConfig
from litestar.datastructures import State
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from trinity import __version__
from trinity.gateway import House
from trinity.kit.canonical import parse_strict
from trinity.web import api, pages
from trinity.web.assets import assets
from trinity.web.config import BODY_BYTES_MAX, WebConfig
from trinity.web.context import Web
from trinity.web.desk import Desk
from trinity.web.guards import anyone, demand_guards
from trinity.web.headers import security_headers
from trinity.web.live import Hub
from trinity.web.problems import answer_error
from trinity.web.templating import Templates
from trinity.web.throttle import Meter, Throttle


class StrictRequest(Request):  # type: ignore[type-arg]
    """A request whose JSON is parsed strictly: what is not canonical data is refused, never repaired."""

    async def json(self) -> object:
        """The body as canonical data; `NotCanonical` becomes a 422."""
        return parse_strict(await self.body() or b"null", bytes_max=BODY_BYTES_MAX)


def build_app(
    config: WebConfig,
    desk: Desk,
    hub: Hub,
    *,
    house: House | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Litestar:
    """The ASGI app. Its lifespan runs the hub; its streams end when the process is asked to."""
    assets()
    app = Litestar(
        route_handlers=[*pages.handlers, *api.handlers],
        allowed_hosts=AllowedHostsConfig(allowed_hosts=sorted(config.hosts)),
        before_send=[security_headers(config)],
        exception_handlers={Exception: answer_error},
        lifespan=[_lifespan(hub)],
        openapi_config=_openapi(config),
        request_class=StrictRequest,
        request_max_body_size=BODY_BYTES_MAX,
        state=State({"web": Web(config, desk, hub, Templates(), clock, Throttle(clock), house, Meter(clock))}),
        logging_config=None,
        pdb_on_exception=False,
        debug=False,
    )
    demand_guards(app)
    return app


def _lifespan(hub: Hub) -> Callable[[Litestar], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        listening = asyncio.create_task(hub.run(), name="live hub")
        try:
            yield
        finally:
            hub.close()
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening

    return lifespan


def _openapi(config: WebConfig) -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Trinity",
        version=__version__,
        description="Agents propose, people approve, one gateway executes exactly what was approved.",
        openapi_router=Router(path="/api", guards=[anyone], route_handlers=[]),
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
    )
