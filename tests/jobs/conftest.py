"""A world for each test."""

from collections.abc import Awaitable, Callable

import pytest

from tests.world import World
from tests.worlds import cheap_passwords, gateway_database, gmail_dir, gmail_url, open_world, shared_gmail, world

__all__ = ["cheap_passwords", "gateway_database", "gmail_dir", "gmail_url", "open_world", "shared_gmail", "world"]


@pytest.fixture
async def other_world(open_world: Callable[..., Awaitable[World]]) -> World:
    """Another account, with a mailbox of its own."""
    return await open_world()
