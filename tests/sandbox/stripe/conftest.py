"""One stand-in for the whole of these tests, an account of its own for each, and a receiver of webhooks."""

from collections.abc import Iterator

import pytest

from tests.sandbox.stripe.receiver import SECRET, Receiver
from tests.sandbox.stripe.standin import Caller, StandIn


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests run last: while Playwright's loop runs in this thread, no asyncio test can."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """The stand-in, running."""
    found = StandIn(tmp_path_factory.mktemp("stripe"))
    found.start()
    yield found
    found.end()


@pytest.fixture
def caller(standin: StandIn) -> Iterator[Caller]:
    """A key to an empty account; faults and settings that a test left are cleared."""
    yield standin.caller()
    standin.control("faults", clear=True)
    standin.control("webhooks", hold=False, order="oldest", copies=1, delay_s=0, retry_base_s=0.5)


@pytest.fixture
def receiver(caller: Caller) -> Iterator[Receiver]:
    """A receiver that gets every event of the caller's account, retried soon."""
    found = Receiver()
    caller.standin.control("webhook-endpoints", url=found.url, secret=SECRET, account=caller.account)
    caller.standin.control("webhooks", retry_base_s=0.05)
    yield found
    found.close()
