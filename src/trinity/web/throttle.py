"""Slow guessing down: so many failures in a window, counted per e-mail address and per remote address."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

from trinity.errors import Refused

FAILURES_PER_EMAIL_MAX = 10
FAILURES_PER_REMOTE_MAX = 50
WINDOW_S = 300.0
SLOTS = 4
"""How many passwords are checked at once: each check takes memory and time on purpose."""
KEYS_MAX = 10_000
"""The most keys remembered; the oldest are forgotten first."""


class Meter:
    """How often something happened of late, by key, in one process's memory.

    Several web processes multiply a limit, which stays small enough.
    """

    def __init__(self, clock: Callable[[], datetime], window_s: float = WINDOW_S) -> None:
        self._clock = clock
        self._window = timedelta(seconds=window_s)
        self._moments: OrderedDict[str, list[datetime]] = OrderedDict()

    def count(self, key: str) -> int:
        """How often within the window up to now."""
        return len(self._recent(key))

    def add(self, key: str) -> None:
        """It happened once more."""
        self._moments[key] = [*self._recent(key), self._clock()]
        self._moments.move_to_end(key)
        while len(self._moments) > KEYS_MAX:
            self._moments.popitem(last=False)

    def _recent(self, key: str) -> list[datetime]:
        floor = self._clock() - self._window
        return [moment for moment in self._moments.get(key, ()) if moment > floor]


class Throttle:
    """Failures to sign in."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.slots = asyncio.Semaphore(SLOTS)
        self._failures = Meter(clock)

    def demand(self, email: str, remote: str) -> None:
        """Refuse (429) once a window's failures are used up."""
        too_many = (
            self._failures.count(f"e:{email}") >= FAILURES_PER_EMAIL_MAX
            or self._failures.count(f"r:{remote}") >= FAILURES_PER_REMOTE_MAX
        )
        if too_many:
            raise Refused("too_many_attempts", "Too many attempts. Wait five minutes.", status=429)

    def failed(self, email: str, remote: str) -> None:
        """Count one failure."""
        self._failures.add(f"e:{email}")
        self._failures.add(f"r:{remote}")
