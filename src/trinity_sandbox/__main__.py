"""`python -m trinity_sandbox gmail|model|smtp|stripe --port N --data-dir DIR`: run one stand-in until SIGTERM.

When it is ready it prints one line of JSON, `{"ready": true, "name", "base_url"}`, to standard output; `smtp` adds `smtp_url`.
"""

import os

PARENT_AT_START = os.getppid()
"""Read before the slow imports: a parent that dies during them must still be noticed."""

import argparse  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING  # noqa: E402

if TYPE_CHECKING:
    from litestar import Litestar

NAMES = ("gmail", "model", "smtp", "stripe")


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve; returns the exit code."""
    parser = argparse.ArgumentParser(prog="trinity_sandbox", description="A stand-in for a provider.")
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--port", type=int, default=0, help="0 (the default) chooses a free one")
    parser.add_argument("--data-dir", type=Path, required=True, help="where its books are kept")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--die-with-parent", action="store_true", help="exit when the starting process ends")
    given = parser.parse_args(arguments)
    from trinity_sandbox.serving import serve

    given.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    parent = PARENT_AT_START if given.die_with_parent else None
    if given.name == "smtp":
        return _serve_smtp(given, parent)
    app = _builder(given.name)(given.data_dir)
    return serve(app, name=given.name, host=given.host, port=given.port, parent_pid=parent)


def _serve_smtp(given: argparse.Namespace, parent: int | None) -> int:
    """The one stand-in with a second port, which it chooses once and keeps."""
    from trinity_sandbox.serving import serve
    from trinity_sandbox.smtp.app import build_app

    try:
        app, beside = build_app(given.data_dir, given.host)
    except OSError as error:
        print(f"cannot listen for mail on {given.host}: {error}", file=sys.stderr)
        return 1
    return serve(app, name=given.name, host=given.host, port=given.port, parent_pid=parent, beside=beside)


def _builder(name: str) -> "Callable[[Path], Litestar]":
    """Import only the stand-in that was asked for."""
    if name == "gmail":
        from trinity_sandbox.gmail.app import build_app as build_gmail

        return build_gmail
    if name == "stripe":
        from trinity_sandbox.stripe.app import build_app as build_stripe

        return build_stripe
    from trinity_sandbox.model.app import build_app as build_model

    return build_model


if __name__ == "__main__":
    sys.exit(main())
