"""One stand-in for all tests here; each clears what it left waiting."""

from collections.abc import Iterator

import pytest

from tests.sandbox.smtp.standin import SmtpStandIn


@pytest.fixture(scope="session")
def smtp_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmtpStandIn]:
    """The stand-in, running."""
    found = SmtpStandIn(tmp_path_factory.mktemp("smtp"))
    found.start()
    yield found
    found.end()


@pytest.fixture
def standin(smtp_process: SmtpStandIn) -> Iterator[SmtpStandIn]:
    """The stand-in without faults and logins."""
    yield smtp_process
    smtp_process.control("faults", clear=True)
    smtp_process.control("logins", logins={})
