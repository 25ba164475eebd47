"""One zygote for all kill tests."""

from collections.abc import Iterator

import pytest

from tests.kill.rig import Zygote, zygote


@pytest.fixture(scope="session")
def forks() -> Iterator[Zygote]:
    """The process that forks the product's own."""
    with zygote() as made:
        yield made
