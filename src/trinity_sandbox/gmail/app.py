"""Put the stand-in together."""

from pathlib import Path

from litestar import Litestar, Response
from litestar.exceptions import HTTPException
from litestar.middleware import DefineMiddleware

from trinity_sandbox.gmail import api, control, page, token
from trinity_sandbox.gmail.errors import GoogleError
from trinity_sandbox.gmail.faults import FaultLayer
from trinity_sandbox.gmail.service import Call, Service

BODY_BYTES_MAX = 72 * 1024 * 1024
"""The largest mail from outside, in base64."""


def build_app(data_dir: Path) -> Litestar:
    """The application over the books in `data_dir`, which must exist."""
    service = Service.open(data_dir)
    app = Litestar(
        route_handlers=[token.token, *api.ROUTES, *control.ROUTES, *page.ROUTES],
        middleware=[DefineMiddleware(FaultLayer, books=service.books, faults=service.faults)],
        exception_handlers={
            GoogleError: api.on_google_error,
            control.BadControl: control.on_bad_control,
            HTTPException: _on_http_error,
        },
        on_shutdown=[service.close],
        openapi_config=None,
        request_max_body_size=BODY_BYTES_MAX,
    )
    app.state["service"] = service
    return app


def _on_http_error(request: Call, error: HTTPException) -> Response[dict[str, object]]:
    """What the router itself refuses (unknown path or method, too large a body), in Google's form."""
    reason = {404: "notFound", 405: "httpMethodNotAllowed", 413: "uploadTooLarge"}
    refusal = GoogleError(error.status_code, reason.get(error.status_code, "badRequest"), error.detail)
    return api.on_google_error(request, refusal)
