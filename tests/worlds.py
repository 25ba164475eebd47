"""Fixtures of a world for each test: an account and a mailbox of its own, over one stand-in a module.

A conftest that wants them imports them.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from argon2 import PasswordHasher

from tests.paid import Shop
from tests.postgres import TestServer
from tests.sandbox.stripe.standin import StandIn
from tests.world import World, make_world, stand_in
from trinity.accounts import passwords
from trinity.kit import barriers
from trinity.store.urls import with_database


@pytest.fixture(scope="module")
def gmail_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the stand-in keeps its books."""
    return tmp_path_factory.mktemp("gmail")


@pytest.fixture(scope="module")
def shared_gmail(gmail_dir: Path) -> Iterator[str]:
    """A Gmail stand-in of a whole module; its books grow."""
    with stand_in("gmail", gmail_dir) as url:
        yield url


@pytest.fixture
def gmail_url(shared_gmail: str) -> Iterator[str]:
    """The stand-in without any fault waiting, and no barrier hook left behind."""
    yield shared_gmail
    barriers.install(None)
    httpx.post(f"{shared_gmail}/_sandbox/faults", json={"clear": True}, timeout=5.0).raise_for_status()


@pytest.fixture(scope="session")
def gateway_database(migrated_server: TestServer) -> Iterator[tuple[str, str]]:
    """One migrated database for all tests of the gateway: the owner's address and the superuser's."""
    with migrated_server.migrated_database() as url:
        yield url, with_database(migrated_server.admin_url, urlsplit(url).path.removeprefix("/"))


@pytest.fixture
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same hash with small parameters: every world has an owner, and no test of these is about guessing."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
async def open_world(
    gateway_database: tuple[str, str], gmail_url: str, tmp_path: Path, cheap_passwords: None
) -> AsyncIterator[Callable[..., Awaitable[World]]]:
    """Opens accounts, each with a mailbox, an owner and a project of its own; keywords are settings."""
    async with AsyncExitStack() as stack:

        async def make(**environ: str) -> World:
            name = f"Northwind{uuid4().hex[:8]}"
            return await stack.enter_async_context(
                make_world(
                    gateway_database[0],
                    gmail_url,
                    tmp_path,
                    name=name,
                    address=f"desk@{name.lower()}.example",
                    admin_url=gateway_database[1],
                    is_shared=True,
                    **environ,
                )
            )

        yield make


@pytest.fixture
async def world(open_world: Callable[..., Awaitable[World]]) -> World:
    """One account with a mailbox, an owner and a project."""
    return await open_world()


@pytest.fixture(scope="module")
def stripe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """A Stripe stand-in of a whole module; its books grow, each world has an account of its own."""
    made = StandIn(tmp_path_factory.mktemp("stripe"))
    made.start()
    yield made
    made.end()


@pytest.fixture
async def shop(open_world: Callable[..., Awaitable[World]], gmail_url: str, stripe: StandIn) -> AsyncIterator[Shop]:
    """A world that is connected to Stripe, and no fault waiting."""
    world = await open_world(TRINITY_SANDBOX_ENDPOINTS=f"{gmail_url},{stripe.base_url}")
    made = Shop(world, stripe, stripe.caller())
    await made.connect()
    yield made
    stripe.control("faults", clear=True)
