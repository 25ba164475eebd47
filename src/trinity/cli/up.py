"""`trinity up`: everything on this machine, until Ctrl-C."""

import asyncio
import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from trinity.cli.first import FirstLogin, ensure_first_account
from trinity.cli.stack import Stack, raise_base, raise_parts
from trinity.errors import Refused
from trinity.settings import load

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command()
def up() -> None:
    """Run everything here: PostgreSQL, sandboxes for what is not configured, web, workers. Ctrl-C ends all."""
    started = time.monotonic()
    cwd = Path.cwd()
    settings = load(os.environ, cwd=cwd)
    _demand_free(settings.bind_host, settings.bind_port)
    is_gone = _hang_up_check()
    stack: Stack | None = None
    _on_signals(_interrupt)
    try:
        stack = raise_base(os.environ, cwd, _say)
        login = asyncio.run(ensure_first_account(stack.settings, stack.gmail_url, datetime.now(UTC)))
        raise_parts(stack, _say)
        _announce(stack, login, time.monotonic() - started)
        _watch(stack, is_gone)
    except KeyboardInterrupt:
        # Asked to end while still starting: what was started is ended below, and nothing has failed.
        pass
    finally:
        # A second Ctrl-C must not cut the ending short.
        _on_signals(lambda: None)
        if stack is not None:
            _say("ending")
            stack.end()


def _watch(stack: Stack, is_gone: Callable[[], bool]) -> None:
    """Keep everything running until a signal, or until the terminal that it was started in is closed."""
    _on_signals(stack.supervisor.ask_to_end)

    def look() -> None:
        if is_gone():
            stack.supervisor.ask_to_end()
        else:
            stack.keep_database()

    stack.supervisor.watch(look)


def _on_signals(do: Callable[[], None]) -> None:
    """What the ending signals do; one that we were started to ignore (`nohup`) stays ignored."""
    for number in ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: do())


def _interrupt() -> None:
    raise KeyboardInterrupt


def _hang_up_check() -> Callable[[], bool]:
    """Whether the terminal has been closed since. Where make leads the terminal's session only make is told of
    that (SIGHUP), and it waits for us."""
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN or not os.isatty(0):
        return lambda: False
    terminal = select.poll()
    terminal.register(0, 0)
    return lambda: any(event & select.POLLHUP for _, event in terminal.poll(0))


def _demand_free(host: str, port: int) -> None:
    """Refuse at once where the pages' address is taken, before anything is started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host.strip("[]"), port))
        except OSError as error:
            text = f"{host}:{port} cannot be listened on: {error.strerror}."
            raise Refused("port_taken", f"{text} TRINITY_BIND=127.0.0.1:8001 would choose another port.") from error


def _say(text: str) -> None:
    # The terminal may be closed by now; that must not keep us from ending what we started.
    with contextlib.suppress(OSError):
        click.echo(f"  · {text}", err=True)


def _announce(stack: Stack, login: FirstLogin | None, took_s: float) -> None:
    click.echo(f"\n  Trinity is ready at {stack.settings.base_url}  (after {took_s:.1f} s)\n")
    if login:
        click.echo(f"    mail address  {login.email}")
        click.echo(f"    password      {login.password}\n")
    if stack.gmail_url:
        click.echo(f"    SANDBOX: mail goes to the stand-in at {stack.gmail_url}, and nowhere else.")
    click.echo("    Ctrl-C ends everything; the data stays.\n")
