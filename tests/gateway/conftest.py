"""A world for each test, over one stand-in a session."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.world import World, make_world, stand_in


@pytest.fixture
def gmail_url(tmp_path: Path) -> Iterator[str]:
    """A Gmail stand-in with empty books."""
    with stand_in("gmail", tmp_path / "gmail") as url:
        yield url


@pytest.fixture
async def world(database_url: str, gmail_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """An account with a mailbox, an owner and a project."""
    async with make_world(database_url, gmail_url, tmp_path) as made:
        yield made
