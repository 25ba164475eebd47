"""Throwaway PostgreSQL for tests: one server and one migrated template a session, one database a test.

By default it is the embedded server; TRINITY_TEST_PG_BIN names the directory of another server's binaries
(in CI, Debian's PostgreSQL 15), so that the same suite runs on both.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql

from trinity.store.embedded import EmbeddedServer
from trinity.store.embedded_place import ADMIN_ROLE
from trinity.store.migrate import migrate
from trinity.store.roles import OWNER_ROLE, ensure_database
from trinity.store.urls import role_password, with_database, with_login

BIN_DIR = Path(named) if (named := os.environ.get("TRINITY_TEST_PG_BIN")) else None

QUICK_SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}
"""Nothing here outlives the machine. Tests that kill the server start one of their own with the defaults."""

SECRET_KEY = b"the secret key of the tests, 32+"
"""TRINITY_SECRET_KEY of every test: the roles' passwords follow from it."""

TEMPLATE = "trinity_template"
DROP_TIMEOUT = "5s"


@contextmanager
def private_directory() -> Iterator[Path]:
    """A directory that other users can walk through but not list, so that the server's own user gets in."""
    made = Path(tempfile.mkdtemp(prefix="trinity-test-"))
    made.chmod(0o711)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@dataclass(frozen=True)
class TestServer:
    """A running throwaway server; `admin_url` is its superuser's address."""

    __test__ = False

    admin_url: str

    @contextmanager
    def database(self, *, template: str = "template0", owner: str = ADMIN_ROLE) -> Iterator[str]:
        """A database of its own, dropped afterwards; gives its superuser's address."""
        name = f"test_{uuid4().hex}"
        create = sql.SQL("create database {} template {} owner {}")
        self._run(create.format(sql.Identifier(name), sql.Identifier(template), sql.Identifier(owner)))
        try:
            yield with_database(self.admin_url, name)
        finally:
            self._drop(name)

    def make_template(self) -> None:
        """Migrate once, as the owner does it; every test copies the result."""
        migrate(ensure_database(self.admin_url, SECRET_KEY, database=TEMPLATE), SECRET_KEY)

    @contextmanager
    def migrated_database(self) -> Iterator[str]:
        """A copy of the template of its own; gives its owner's address."""
        with self.database(template=TEMPLATE, owner=OWNER_ROLE) as url:
            yield with_login(url, OWNER_ROLE, role_password(SECRET_KEY, OWNER_ROLE))

    def _drop(self, name: str) -> None:
        """Drop a database, or leave it to the end of the server.

        A drop waits for every backend of the server, also for one that is writing to a client in this very
        process, which cannot read while we wait: a test that fails half-way must not hang here for ever.
        """
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(f"set statement_timeout = '{DROP_TIMEOUT}'")
            with contextlib.suppress(psycopg.errors.QueryCanceled):
                connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def throwaway_server() -> Iterator[TestServer]:
    """A server of its own that goes away with this process, whatever happens to it."""
    with private_directory() as directory:
        server = EmbeddedServer(directory / "home", BIN_DIR)
        try:
            yield TestServer(server.start(QUICK_SETTINGS, die_with_parent=True))
        finally:
            server.erase()
