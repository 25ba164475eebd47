"""The hub: one LISTEN connection per process, fanned out to the open pages.

A notification carries ids only (`{"a": account, "t": topic}`); a page that hears one reads the database
again. Nothing is ever dropped silently: a subscriber's pending topics are a set bounded by what it
subscribed to, and a lost connection marks every subscriber as due for a fresh snapshot.
"""

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import psycopg

from trinity.kit.canonical import NotCanonical, parse_strict

CHANNEL = "trinity_live"
RESNAPSHOT = "resnapshot"
"""The topic that every subscriber hears when notifications may have been missed."""
TOPICS_PER_SUBSCRIBER_MAX = 32
SUBSCRIBERS_MAX = 5_000
PAYLOAD_BYTES_MAX = 8_000
BACKOFF_FIRST_S = 0.2
BACKOFF_MAX_S = 10.0
LISTEN_CHECK_S = 20.0
"""How long the LISTEN connection may be silent before it is asked whether it still lives."""

_log = logging.getLogger(__name__)


class HubFull(RuntimeError):
    """More open pages than this process takes; the browser comes back later."""


class Subscription:
    """One page's ear. `wait` returns what happened since the last call, each topic once."""

    def __init__(self, account_id: UUID, topics: frozenset[str]) -> None:
        self.account_id = account_id
        self.topics = topics
        self._pending: set[str] = set()
        self._event = asyncio.Event()

    def mark(self, topic: str) -> None:
        """Note that something happened; telling twice costs nothing."""
        self._pending.add(topic)
        self._event.set()

    async def wait(self, timeout_s: float) -> frozenset[str]:
        """The topics that changed, or an empty set after `timeout_s` seconds of silence."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), timeout_s)
        self._event.clear()
        changed = frozenset(self._pending)
        self._pending.clear()
        return changed


class Hub:
    """The process's ear on the database. `run` is a task of the app's lifespan."""

    def __init__(self, conninfo: str | None, *, channel: str = CHANNEL) -> None:
        self._conninfo = conninfo
        self._channel = channel
        self._subscribers: dict[UUID, set[Subscription]] = {}
        self._count = 0
        self._closing = asyncio.Event()
        self.is_listening = False

    @property
    def subscriber_count(self) -> int:
        """How many pages listen now."""
        return self._count

    @property
    def is_closing(self) -> bool:
        """True once the process is shutting down: streams say good-bye and end."""
        return self._closing.is_set()

    @contextlib.contextmanager
    def subscribe(self, account_id: UUID, topics: frozenset[str]) -> Iterator[Subscription]:
        """Listen while the block runs. Subscribe first, then take the snapshot: then nothing is missed."""
        if len(topics) > TOPICS_PER_SUBSCRIBER_MAX or self._count >= SUBSCRIBERS_MAX:
            raise HubFull
        subscription = Subscription(account_id, topics)
        self._subscribers.setdefault(account_id, set()).add(subscription)
        self._count += 1
        try:
            yield subscription
        finally:
            self._count -= 1
            mine = self._subscribers[account_id]
            mine.discard(subscription)
            if not mine:
                del self._subscribers[account_id]

    def hear(self, payload: str) -> None:
        """Fan one notification out. Anything that is not ours is logged and means: look again."""
        try:
            value = parse_strict(payload.encode(), bytes_max=PAYLOAD_BYTES_MAX)
            assert isinstance(value, dict)
            account_id, topic = UUID(str(value["a"])), str(value["t"])
        except (NotCanonical, KeyError, ValueError, AssertionError):
            _log.warning("live: a notification that does not parse")
            self.mark_all()
            return
        for subscription in self._subscribers.get(account_id, ()):
            if topic in subscription.topics:
                subscription.mark(topic)

    def mark_all(self) -> None:
        """Every page reads the database again."""
        for subscriptions in self._subscribers.values():
            for subscription in subscriptions:
                subscription.mark(RESNAPSHOT)

    def close(self) -> None:
        """Wake every stream so that it ends."""
        self._closing.set()
        self.mark_all()

    async def run(self) -> None:
        """Listen for ever; after a lost connection come back with growing pauses and resnapshot."""
        if self._conninfo is None:
            return
        pause_s = BACKOFF_FIRST_S
        while not self.is_closing:
            try:
                async for payload in self._payloads(self._conninfo):
                    pause_s = BACKOFF_FIRST_S
                    if payload is None:
                        self.mark_all()
                    else:
                        self.hear(payload)
            except (psycopg.Error, OSError) as error:
                _log.warning("live: LISTEN lost (%s), again in %.1f s", type(error).__name__, pause_s)
            self.is_listening = False
            await asyncio.sleep(pause_s * random.uniform(0.7, 1.3))  # noqa: S311 (spread, not secrecy)
            pause_s = min(pause_s * 2, BACKOFF_MAX_S)

    async def _payloads(self, conninfo: str) -> AsyncIterator[str | None]:
        """None once when listening has begun (again), then each notification's payload."""
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
            await connection.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(self._channel)))
            self.is_listening = True
            yield None
            while True:
                async for notice in connection.notifies(timeout=LISTEN_CHECK_S):
                    yield notice.payload
                await connection.execute("SELECT 1")


def notification(account_id: UUID, topic: str) -> str:
    """The payload that says that a topic of an account has changed."""
    return json.dumps({"a": str(account_id), "t": topic}, separators=(",", ":"))
