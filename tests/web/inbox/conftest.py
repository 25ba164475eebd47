"""A world for each test, our web app in front of it, its owner signed in, and an executor that runs when it is told."""

from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest

from tests.web.conftest import ORIGIN
from tests.world import PASSWORD, World
from tests.worlds import cheap_passwords, gateway_database, gmail_dir, gmail_url, open_world, shared_gmail, world
from trinity.web.app import build_app
from trinity.web.config import WebConfig
from trinity.web.context_desk import ContextDesk
from trinity.web.live import Hub

__all__ = ["cheap_passwords", "gateway_database", "gmail_dir", "gmail_url", "open_world", "shared_gmail", "world"]


@pytest.fixture
async def visitor(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a session."""
    config = WebConfig(ORIGIN, b"k" * 32, world.gmail_url)
    app = build_app(config, ContextDesk(world.app, None), Hub(None), house=world.app, clock=world.clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(cast(Any, app)), base_url=ORIGIN) as client:
        yield client


@pytest.fixture
async def owner(visitor: httpx.AsyncClient, world: World) -> httpx.AsyncClient:
    """The owner, signed in, with the token that changes need."""
    async with world.tx() as tx:
        email = await tx.value("select email from users where id = %(id)s", {"id": world.owner_id})
    answer = await visitor.post("/api/v1/login", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    visitor.headers["x-csrf-token"] = answer.json()["csrf_token"]
    visitor.headers["origin"] = ORIGIN
    return visitor
