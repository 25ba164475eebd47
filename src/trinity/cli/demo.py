"""`trinity demo`: the story as far as it is built, in a fresh directory, without a browser.

People act through the same HTTP API as a browser does. What was really sent is read from the sandbox's own
books, and the packet is judged by the verifier in a process of its own.
"""

import asyncio
import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click

from trinity.cli.stack import Stack, raise_base, raise_parts
from trinity.cli.story import Teller, tell
from trinity.errors import TrinityError
from trinity.host import free_port

DEMO_TIMINGS = {"TRINITY_LEASE_S": "10", "TRINITY_PROVIDER_TIMEOUT_S": "4", "TRINITY_RECONCILE_MARGIN_S": "1"}


@click.command()
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write one JSON object here."
)
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="Keep everything in this directory.")
@click.option("--faults", is_flag=True, help="With the sandbox's fault modes on: answers are lost, and found again.")
def demo(json_file: Path | None, keep: Path | None, faults: bool) -> None:
    """Tell the whole story on real parts; exit 1 unless its proof verifies."""
    home = (keep or Path(tempfile.mkdtemp(prefix="trinity-demo-"))).resolve()
    home.mkdir(parents=True, exist_ok=True)
    environ = dict(os.environ) | DEMO_TIMINGS | {"TRINITY_HOME": str(home)}
    environ |= {"TRINITY_BIND": f"127.0.0.1:{free_port()}"}
    for name in ("TRINITY_BASE_URL", "GMAIL_API_BASE", "GOOGLE_TOKEN_URL", "TRINITY_SANDBOX_ENDPOINTS"):
        environ.pop(name, None)
    told = _tell(environ, home, has_faults=faults, is_kept=keep is not None)
    if json_file:
        json_file.write_text(json.dumps(told, indent=2) + "\n")
    click.echo(
        f"\n  {'The proof verifies.' if told['ok'] else 'The story did not end well.'}  Packet: {told['packet']}\n"
    )
    sys.exit(0 if told["ok"] else 1)


def _tell(environ: dict[str, str], home: Path, *, has_faults: bool, is_kept: bool) -> dict[str, object]:
    teller = Teller(home, lambda text: click.echo(text), has_faults)
    stack: Stack | None = None
    try:
        with teller.step("everything starts: PostgreSQL, sandboxes, web, workers"):
            stack = raise_base(environ, Path.cwd(), _quiet)
            raise_parts(stack, _quiet)
        asyncio.run(tell(teller, stack, datetime.now(UTC)))
    except TrinityError as error:
        click.echo(f"  ✗ {error}", err=True)
    finally:
        if stack is not None:
            stack.end()
            if stack.server is not None and not is_kept:
                stack.server.erase()
    return teller.summary("embedded" if stack is not None and stack.server is not None else "external")


def _quiet(_: str) -> None:
    """The story tells the steps; the parts need not."""
