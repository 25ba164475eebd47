"""The parts for deployments: `trinity web`, `trinity work`, `trinity migrate`."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace

import click

from trinity.cli import settings as read_settings
from trinity.cli.stack import environ_of
from trinity.cli.supervisor import Supervisor
from trinity.errors import Refused
from trinity.settings import Settings
from trinity.store.urls import APP_ROLE, EXECUTOR_ROLE, url_of


@click.command()
def migrate() -> None:
    """Bring the database's roles and schema up to this version. Needs the owner's DATABASE_URL."""
    from trinity.store.migrate import migrate as run

    settings = read_settings()
    if settings.database_url is None:
        raise Refused("setting_missing", "DATABASE_URL is not set.")
    run(settings.database_url, settings.demand_secret_key())
    click.echo("The database is up to date.")


@click.command()
def web() -> None:
    """Serve the control plane's pages and API."""
    from trinity.web.serving import serve

    settings = _with_role(read_settings(), APP_ROLE)
    asyncio.run(_until_signalled(lambda stop: serve(settings, _ready, stop)))


@click.command()
@click.option("--role", type=click.Choice(["all", "general", "executor"]), default="all", show_default=True)
def work(role: str) -> None:
    """Run workers: the executor, the only process that unseals credentials, beside the general one."""
    if role == "all":
        _work_both()
        return
    from trinity.jobs.engine import working

    settings = _with_role(read_settings(), EXECUTOR_ROLE if role == "executor" else APP_ROLE)

    async def run(stop: asyncio.Event) -> None:
        async with working(settings, role):
            _ready({"role": role})
            await stop.wait()

    asyncio.run(_until_signalled(run))


def _work_both() -> None:
    """Two processes, so that the general one holds no credential and the executor runs no agent."""
    settings = _with_role(_with_role(read_settings(), EXECUTOR_ROLE), APP_ROLE)
    supervisor = Supervisor(lambda text: click.echo(text, err=True))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: supervisor.ask_to_end())
    argv = (sys.executable, "-m", "trinity", "work", "--role")
    executor_url = {"TRINITY_EXECUTOR_DATABASE_URL": settings.executor_database_url or ""}
    app_url = {"TRINITY_APP_DATABASE_URL": settings.app_database_url or ""}
    try:
        executor = supervisor.start("executor", (*argv, "executor"), environ_of("executor", os.environ) | executor_url)
        worker = supervisor.start("worker", (*argv, "general"), environ_of("general", os.environ) | app_url)
        supervisor.ready(executor)
        supervisor.ready(worker)
        _ready({"role": "all"})
        supervisor.watch()
    finally:
        supervisor.end()


def _with_role(settings: Settings, role: str) -> Settings:
    """The settings with the role's own database address; derived from the owner's where only that is set."""
    name = "executor_database_url" if role == EXECUTOR_ROLE else "app_database_url"
    if getattr(settings, name) is not None:
        return settings
    if settings.database_url is None:
        raise Refused("setting_missing", f"Neither TRINITY_{name.upper()} nor DATABASE_URL is set.")
    url = url_of(settings.database_url, role, settings.demand_secret_key())
    if role == EXECUTOR_ROLE:
        return replace(settings, executor_database_url=url)
    return replace(settings, app_database_url=url)


async def _until_signalled(run: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await run(stop)


def _ready(said: dict[str, object]) -> None:
    print(json.dumps({"ready": True} | said), flush=True)
