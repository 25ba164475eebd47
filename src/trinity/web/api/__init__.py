"""The JSON API of `/api/v1`, and the addresses that machines watch."""

from litestar import Router

router = Router(path="/api/v1", route_handlers=[])
