"""Two accounts of the same shape, for tests of what separates them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.postgres import TestServer
from tests.world import World, make_world, stand_in
from tests.worlds import cheap_passwords
from trinity.store.urls import with_database

__all__ = ["cheap_passwords"]


@pytest.fixture
async def twins(database_url: str, migrated_server: TestServer, tmp_path: Path) -> AsyncIterator[tuple[World, World]]:
    """Two accounts in one database, each with its own mailbox."""
    admin_url = with_database(migrated_server.admin_url, urlsplit(database_url).path[1:])
    async with AsyncExitStack() as stack:
        gmail_url = stack.enter_context(stand_in("gmail", tmp_path / "gmail"))
        made = [
            await stack.enter_async_context(
                make_world(
                    database_url,
                    gmail_url,
                    tmp_path,
                    name=f"Canary{which}",
                    address=f"desk@canary{which.lower()}.example",
                    admin_url=admin_url,
                )
            )
            for which in ("One", "Two")
        ]
        yield made[0], made[1]
