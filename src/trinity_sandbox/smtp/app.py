"""Put the stand-in together."""

from pathlib import Path

from litestar import Litestar

from trinity_sandbox.smtp import control, page
from trinity_sandbox.smtp.books import Books
from trinity_sandbox.smtp.faults import Faults
from trinity_sandbox.smtp.server import SmtpSide

BODY_BYTES_MAX = 64 * 1024


def build_app(data_dir: Path, host: str) -> tuple[Litestar, SmtpSide]:
    """The HTTP application and the SMTP server over the books in `data_dir`; raises OSError for a taken port."""
    books, faults = Books(data_dir), Faults()
    app = Litestar(
        route_handlers=[*control.ROUTES, *page.ROUTES],
        exception_handlers={control.BadControl: control.on_bad_control},
        openapi_config=None,
        request_max_body_size=BODY_BYTES_MAX,
    )
    app.state["books"] = books
    app.state["faults"] = faults
    return app, SmtpSide(books, faults, data_dir, host)
