"""The adapter's tests talk to the real stand-in process; every call they make is held against Google's document."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.providers.gmail.factory import a_client, check_call
from tests.sandbox.gmail.standin import Mailbox, StandIn
from trinity.providers.gmail.account import GmailClient


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """The stand-in, running."""
    found = StandIn(tmp_path_factory.mktemp("gmail"))
    found.start()
    yield found
    found.end()


@pytest.fixture
def mailbox(standin: StandIn) -> Iterator[Mailbox]:
    """An empty mailbox with an alias; faults that a test left waiting are cleared."""
    yield standin.mailbox(
        aliases=["hello@agency.example", {"address": "later@agency.example", "verification": "pending"}]
    )
    standin.control("faults", clear=True)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client that checks each call."""
    async with httpx.AsyncClient(event_hooks={"request": [check_call]}, verify=False) as client:
        yield client


@pytest.fixture
def client(mailbox: Mailbox, http: httpx.AsyncClient) -> GmailClient:
    """A client for the test's mailbox."""
    return a_client(mailbox, http)
