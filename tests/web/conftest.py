"""An app on a desk in memory, and a client that is signed in."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import httpx
import pytest

from tests.web.desk_in_memory import EMAIL, PASSWORD, DeskInMemory
from trinity.web.app import build_app
from trinity.web.config import WebConfig
from trinity.web.csrf import csrf_token
from trinity.web.live import Hub

ORIGIN = "http://127.0.0.1:8000"
OPENING_S = 0.15
type Client = httpx.AsyncClient


@pytest.fixture
def desk() -> DeskInMemory:
    """What the app answers from."""
    return DeskInMemory()


@pytest.fixture
def config() -> WebConfig:
    """Plain HTTP on loopback, one stand-in in use."""
    return WebConfig(ORIGIN, b"k" * 32, "http://127.0.0.1:8025")


@pytest.fixture
def hub() -> Hub:
    """A hub without a database; tests speak into it."""
    return Hub(None)


@pytest.fixture
async def client(desk: DeskInMemory, config: WebConfig, hub: Hub) -> AsyncIterator[Client]:
    """A browser without a session that says where its requests come from."""
    app = build_app(config, desk, hub)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(cast(Any, app)), base_url=ORIGIN) as client:
        client.headers["origin"] = ORIGIN
        yield client


@pytest.fixture
async def signed_in(client: Client, config: WebConfig) -> Client:
    """The same browser with a session, sending the CSRF header as our own client does."""
    answer = await client.post("/sign-in", data={"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 303
    client.headers["x-csrf-token"] = csrf_token(config, client.cookies[config.cookie_name])
    return client


async def stream_until_closed(client: Client, hub: Hub, path: str, *while_open: Callable[[], object]) -> str:
    """What a page's stream says while the given things happen, up to the hub's end."""
    streaming = asyncio.create_task(client.get(path, headers={"accept": "text/event-stream"}))
    for happens in while_open:
        await asyncio.sleep(OPENING_S)
        happens()
    await asyncio.sleep(OPENING_S)
    hub.close()
    return (await asyncio.wait_for(streaming, 10)).text
