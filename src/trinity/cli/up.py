"""`trinity up`: everything on this machine, until Ctrl-C."""

import asyncio
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from trinity.cli.first import FirstLogin, ensure_first_account
from trinity.cli.stack import Stack, raise_base, raise_parts


@click.command()
def up() -> None:
    """Run everything here: PostgreSQL, sandboxes for what is not configured, web, workers. Ctrl-C ends all."""
    started = time.monotonic()
    stack = raise_base(os.environ, Path.cwd(), _say)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stack.supervisor.ask_to_end())
    try:
        login = asyncio.run(ensure_first_account(stack.settings, stack.gmail_url, datetime.now(UTC)))
        raise_parts(stack, _say)
        _announce(stack, login, time.monotonic() - started)
        stack.supervisor.watch(stack.keep_database)
    finally:
        _say("ending")
        stack.end()


def _say(text: str) -> None:
    click.echo(f"  · {text}", err=True)


def _announce(stack: Stack, login: FirstLogin | None, took_s: float) -> None:
    click.echo(f"\n  Trinity is ready at {stack.settings.base_url}  (after {took_s:.1f} s)\n")
    if login:
        click.echo(f"    mail address  {login.email}")
        click.echo(f"    password      {login.password}\n")
    if stack.gmail_url:
        click.echo(f"    SANDBOX: mail goes to the stand-in at {stack.gmail_url}, and nowhere else.")
    click.echo("    Ctrl-C ends everything; the data stays.\n")
