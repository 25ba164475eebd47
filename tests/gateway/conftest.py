"""A world for each test, with an account and a mailbox of its own, over one stand-in a session."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.postgres import TestServer
from tests.world import World, make_world, stand_in
from trinity.kit import barriers
from trinity.store.urls import with_database


@pytest.fixture(scope="session")
def gmail_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the stand-in keeps its books."""
    return tmp_path_factory.mktemp("gmail")


@pytest.fixture(scope="session")
def shared_gmail(gmail_dir: Path) -> Iterator[str]:
    """A Gmail stand-in of the whole session; its books grow."""
    with stand_in("gmail", gmail_dir) as url:
        yield url


@pytest.fixture
def gmail_url(shared_gmail: str) -> Iterator[str]:
    """The stand-in without any fault waiting, and no barrier hook left behind."""
    yield shared_gmail
    barriers.install(None)
    httpx.post(f"{shared_gmail}/_sandbox/faults", json={"clear": True}, timeout=5.0).raise_for_status()


@pytest.fixture
def admin_url(migrated_server: TestServer, database_url: str) -> str:
    """The superuser's address of the test's database."""
    return with_database(migrated_server.admin_url, database_url.rpartition("/")[2])


@pytest.fixture
async def world(database_url: str, gmail_url: str, admin_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """An account with a mailbox, an owner and a project."""
    name = f"Northwind{uuid4().hex[:8]}"
    async with make_world(
        database_url,
        gmail_url,
        tmp_path,
        name=name,
        address=f"desk@{name.lower()}.example",
        admin_url=admin_url,
        is_shared=True,
    ) as made:
        yield made
