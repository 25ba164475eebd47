"""A visitor of an account's public pages, over a real database; the app's clock is the world's."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx

from tests.world import PASSWORD, World
from trinity.web import public_forms
from trinity.web.app import build_app
from trinity.web.config import WebConfig
from trinity.web.context_desk import ContextDesk
from trinity.web.live import Hub
from trinity.web.public_forms import FILL_MIN_S

ORIGIN = "http://127.0.0.1:8000"
STAMP = re.compile(r'name="stamp" value="([^"]+)"')


@asynccontextmanager
async def visiting(world: World, remote: str = "192.0.2.1") -> AsyncIterator[httpx.AsyncClient]:
    """A client without a cookie, from some address."""
    config = WebConfig(ORIGIN, b"k" * 32, world.gmail_url)
    app = build_app(config, ContextDesk(world.app, None), Hub(None), house=world.app, clock=world.clock)
    transport = httpx.ASGITransport(cast(Any, app), client=(remote, 1))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN}) as client:
        yield client


@asynccontextmanager
async def signed_in(world: World, email: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """A client with the session of a member, the owner where no address is given."""
    async with visiting(world) as client:
        email = email or f"owner@{world.mailbox.partition('@')[2]}"
        answer = await client.post("/api/v1/login", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        client.headers["x-csrf-token"] = answer.json()["csrf_token"]
        yield client


async def slug_of(world: World) -> str:
    """The account's public address."""
    async with world.tx() as tx:
        return str(await tx.value("select slug from accounts"))


async def stamp_of(client: httpx.AsyncClient, path: str) -> str:
    """The stamp of a form as it is shown now."""
    page = await client.get(path)
    assert page.status_code == 200, page.text
    found = STAMP.search(page.text)
    assert found, page.text
    return found[1]


async def fill_in(
    world: World, client: httpx.AsyncClient, path: str, fields: dict[str, str], *, wait_s: float = FILL_MIN_S + 1
) -> httpx.Response:
    """Open a form, take one's time, and send it."""
    stamp = await stamp_of(client, path)
    world.clock.sleep(wait_s)
    return await client.post(path, data={"stamp": stamp, public_forms.TRAP_FIELD: "", **fields})
