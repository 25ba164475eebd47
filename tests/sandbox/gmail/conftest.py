"""One stand-in for the whole of these tests, and a mailbox of its own for each."""

from collections.abc import Iterator

import pytest

from tests.sandbox.gmail.standin import Mailbox, StandIn


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """The stand-in, running."""
    found = StandIn(tmp_path_factory.mktemp("gmail"))
    found.start()
    yield found
    found.end()


@pytest.fixture
def mailbox(standin: StandIn) -> Iterator[Mailbox]:
    """An empty mailbox; faults that a test left waiting are cleared."""
    yield standin.mailbox()
    standin.control("faults", clear=True)
