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


class Throttle:
    """Failures of one process. Several web processes multiply the limits, which stays small enough."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.slots = asyncio.Semaphore(SLOTS)
        self._failures: OrderedDict[str, list[datetime]] = OrderedDict()

    def demand(self, email: str, remote: str) -> None:
        """Refuse (429) once a window's failures are used up."""
        too_many = (
            len(self._recent(f"e:{email}")) >= FAILURES_PER_EMAIL_MAX
            or len(self._recent(f"r:{remote}")) >= FAILURES_PER_REMOTE_MAX
        )
        if too_many:
            raise Refused("too_many_attempts", "Too many attempts. Wait five minutes.", status=429)

    def failed(self, email: str, remote: str) -> None:
        """Count one failure."""
        for key in (f"e:{email}", f"r:{remote}"):
            self._failures[key] = [*self._recent(key), self._clock()]
            self._failures.move_to_end(key)
        while len(self._failures) > KEYS_MAX:
            self._failures.popitem(last=False)

    def _recent(self, key: str) -> list[datetime]:
        floor = self._clock() - timedelta(seconds=WINDOW_S)
        return [moment for moment in self._failures.get(key, ()) if moment > floor]
