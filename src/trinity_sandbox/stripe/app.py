"""Put the stand-in together."""

import sys
import traceback
from pathlib import Path

from litestar import Litestar, Response
from litestar.exceptions import HTTPException
from litestar.middleware import DefineMiddleware

from trinity_sandbox.stripe import api, control, page
from trinity_sandbox.stripe.errors import StripeError, internal
from trinity_sandbox.stripe.faults import FaultLayer
from trinity_sandbox.stripe.form import FORM_BYTES_MAX
from trinity_sandbox.stripe.service import Http, Service

BODY_BYTES_MAX = 2 * FORM_BYTES_MAX
"""Above what any form may have, so that too large a form is refused in Stripe's words."""


def build_app(data_dir: Path) -> Litestar:
    """The application over the books in `data_dir`, which must exist. Its sender of webhooks starts at once."""
    service = Service.open(data_dir)
    app = Litestar(
        route_handlers=[*api.ROUTES, *control.ROUTES, *page.ROUTES],
        middleware=[DefineMiddleware(FaultLayer, books=service.books, faults=service.faults)],
        exception_handlers={
            control.BadControl: control.on_bad_control,
            StripeError: control.on_stripe_error,
            HTTPException: _on_http_error,
            Exception: _on_mistake,
        },
        on_shutdown=[service.close],
        openapi_config=None,
        request_max_body_size=BODY_BYTES_MAX,
    )
    app.state["service"] = service
    return app


def _on_http_error(_request: Http, error: HTTPException) -> Response[dict[str, object]]:
    """What the router itself refuses (unknown path or method, too large a body), in Stripe's form."""
    refusal = StripeError(error.status_code, error.detail)
    return Response(refusal.body(), status_code=refusal.status)


def _on_mistake(_request: Http, error: Exception) -> Response[dict[str, object]]:
    """A mistake of the stand-in itself: a 500 as Stripe has it, and the traceback for whoever runs it."""
    traceback.print_exception(error, file=sys.stderr)
    return Response(internal().body(), status_code=500)
