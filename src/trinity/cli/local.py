"""A command's own way to the database of this machine: running already, or started for as long as it takes."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from trinity.cli.secrets import ensure_keys
from trinity.settings import Settings, load
from trinity.store.database import Database
from trinity.store.embedded import EmbeddedServer
from trinity.store.roles import ensure_database
from trinity.store.urls import EXECUTOR_ROLE, url_of


@asynccontextmanager
async def local_database(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[tuple[Settings, Database]]:
    """Full settings and a database under the executor's role, which administration needs to seal credentials.

    Keys are made only for a home of `up`; where a database is configured, so must the keys be: a key that
    was made on the way would seal what no executor can open.
    """
    is_deployed = settings.database_url is not None or settings.executor_database_url is not None
    full = settings if is_deployed else load(ensure_keys(settings.home, dict(environ)), cwd=Path.cwd())
    server, was_running = None, True
    url = full.executor_database_url
    if url is None:
        owner_url = full.database_url
        if owner_url is None:
            server = EmbeddedServer(full.home)
            was_running = server.is_running
            owner_url = ensure_database(server.start(), full.demand_secret_key())
        url = url_of(owner_url, EXECUTOR_ROLE, full.demand_secret_key())
    try:
        async with Database(url, size=2, name="cli") as db:
            yield full, db
    finally:
        if server is not None and not was_running:
            server.stop()
