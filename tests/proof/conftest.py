"""A world whose effects are real rows and a real stand-in's mails, and a log key to sign packets with."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.postgres import TestServer
from tests.revenue.conftest import open_shop, stripe_standin
from tests.world import World, make_world, stand_in
from tests.worlds import cheap_passwords, gateway_database, gmail_dir, gmail_url, open_world, shared_gmail
from trinity.proof.keys import Signer, generate, signer
from trinity.store.urls import with_database

__all__ = [
    "cheap_passwords",
    "gateway_database",
    "gmail_dir",
    "gmail_url",
    "open_shop",
    "open_world",
    "shared_gmail",
    "stripe_standin",
]


@pytest.fixture(scope="session")
def proof_gmail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Gmail stand-in for all tests of proof."""
    with stand_in("gmail", tmp_path_factory.mktemp("gmail")) as url:
        yield url


@pytest.fixture
async def world(
    migrated_server: TestServer, database_url: str, proof_gmail: str, tmp_path: Path
) -> AsyncIterator[World]:
    """An account with a mailbox, an owner and a project, and the superuser's address for tampering."""
    name = f"Proof{uuid4().hex[:8]}"
    admin_url = with_database(migrated_server.admin_url, urlsplit(database_url).path.lstrip("/"))
    address = f"desk@{name.lower()}.example"
    async with make_world(
        database_url, proof_gmail, tmp_path, name=name, address=address, admin_url=admin_url, is_shared=True
    ) as made:
        yield made


@pytest.fixture(scope="session")
def log_key() -> Signer:
    """A log key of the session's own."""
    return signer(generate("proof.example/log")[0])
