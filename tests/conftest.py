"""What every test stands on: a real migrated PostgreSQL and a real browser.

Sockets to anywhere but this machine are shut by pytest-socket (its options stand in pyproject.toml).
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.postgres import TestServer, throwaway_server
from trinity import host

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--only-postgres`: for a second run on another server."""
    parser.addoption("--only-postgres", action="store_true", help="run only tests that stand on PostgreSQL")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests that use a server of `tests.postgres`, whether by fixture or by their own hand."""
    if not config.getoption("--only-postgres"):
        return
    kept = [item for item in items if stands_on_postgres(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def stands_on_postgres(item: pytest.Item) -> bool:
    """Whether a test asks for the session's server, or is marked as starting its own."""
    return "pg_server" in getattr(item, "fixturenames", ()) or item.get_closest_marker("postgres") is not None


@pytest.fixture(scope="session")
def pg_server() -> Iterator[TestServer]:
    """The session's throwaway PostgreSQL, empty."""
    with throwaway_server() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_server(pg_server: TestServer) -> TestServer:
    """The same server with a migrated template database."""
    pg_server.make_template()
    return pg_server


@pytest.fixture
def pg_admin_url(pg_server: TestServer) -> Iterator[str]:
    """The superuser's address of an empty database of the test's own."""
    with pg_server.database() as url:
        yield url


@pytest.fixture
def database_url(migrated_server: TestServer) -> Iterator[str]:
    """The owner's address of a migrated database of the test's own."""
    with migrated_server.migrated_database() as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """A headless Chromium: the one that TRINITY_CHROMIUM names, or Playwright's own."""
    from playwright.sync_api import Error, sync_playwright

    arguments = ["--no-sandbox"] if host.is_root() else []
    path = os.environ.get("TRINITY_CHROMIUM") or None
    with sync_playwright() as playwright:
        try:
            launched = playwright.chromium.launch(executable_path=path, args=arguments)
        except Error as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(f"no Chromium (run tools/chromium): {error}")
        yield launched
        launched.close()
