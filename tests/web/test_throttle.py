"""Guessing is slow, per address and per remote, and forgiven after a while."""

from datetime import datetime, timedelta

import pytest

from tests.web.desk_in_memory import NOW
from trinity.errors import Refused
from trinity.web.throttle import (
    FAILURES_PER_EMAIL_MAX,
    FAILURES_PER_REMOTE_MAX,
    KEYS_MAX,
    WINDOW_S,
    Throttle,
)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def test_an_address_is_slowed_down_and_forgiven() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for n in range(FAILURES_PER_EMAIL_MAX):
        throttle.demand("a", f"remote {n}")
        throttle.failed("a", f"remote {n}")
    with pytest.raises(Refused) as refused:
        throttle.demand("a", "another remote")
    assert (refused.value.code, refused.value.status) == ("too_many_attempts", 429)
    throttle.demand("b", "another remote")
    clock.now += timedelta(seconds=WINDOW_S + 1)
    throttle.demand("a", "another remote")


def test_a_remote_that_tries_many_addresses_is_slowed_down() -> None:
    throttle = Throttle(Clock())
    for n in range(FAILURES_PER_REMOTE_MAX):
        throttle.failed(f"address {n}", "r")
    with pytest.raises(Refused):
        throttle.demand("a new address", "r")


def test_it_remembers_a_bounded_number() -> None:
    throttle = Throttle(Clock())
    for n in range(KEYS_MAX):
        throttle.failed(f"address {n}", f"remote {n}")
    assert len(throttle._failures._moments) == KEYS_MAX
