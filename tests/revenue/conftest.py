"""A shop for each test over one Stripe stand-in, and our web app in front of it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import pytest

from tests.revenue.shop import Shop
from tests.sandbox.stripe.standin import StandIn
from tests.web.conftest import ORIGIN
from tests.world import World
from tests.worlds import cheap_passwords, gateway_database, gmail_dir, gmail_url, open_world, shared_gmail, world
from trinity.jobs.station import set_station
from trinity.web.app import build_app
from trinity.web.config import WebConfig
from trinity.web.context_desk import ContextDesk
from trinity.web.live import Hub

__all__ = ["cheap_passwords", "gateway_database", "gmail_dir", "gmail_url", "open_world", "shared_gmail", "world"]


@pytest.fixture(scope="session")
def stripe_standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """The Stripe stand-in, running."""
    found = StandIn(tmp_path_factory.mktemp("stripe"))
    found.start()
    yield found
    found.end()


@pytest.fixture
async def open_shop(
    open_world: Callable[..., Awaitable[World]], stripe_standin: StandIn, gmail_url: str
) -> AsyncIterator[Callable[[], Awaitable[Shop]]]:
    """Opens shops, each with accounts of its own."""

    async def make() -> Shop:
        sandboxes = f"{gmail_url},{stripe_standin.base_url}"
        made = await open_world(TRINITY_SANDBOX_ENDPOINTS=sandboxes, TRINITY_BASE_URL=ORIGIN)
        return await Shop(made, stripe_standin.caller()).open()

    yield make
    set_station(None)
    stripe_standin.control("faults", clear=True)


@pytest.fixture
async def shop(open_shop: Callable[[], Awaitable[Shop]]) -> Shop:
    """One shop."""
    return await open_shop()


@asynccontextmanager
async def visitor_of(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a session at the shop's web app."""
    config = WebConfig(ORIGIN, b"k" * 32, shop.world.gmail_url)
    app = build_app(config, ContextDesk(shop.world.app, None), Hub(None), house=shop.world.app, clock=shop.world.clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(cast(Any, app)), base_url=ORIGIN) as client:
        yield client


@pytest.fixture
async def visitor(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a session at the shop's web app."""
    async with visitor_of(shop) as client:
        yield client
