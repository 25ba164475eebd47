"""The hub on a real database: it hears, and after its connection was cut it hears again and says so."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import psycopg
import pytest

from tests.web.desk_in_memory import NOW
from trinity.kit.ids import uuid7
from trinity.web.live import CHANNEL, RESNAPSHOT, TOPICS_PER_SUBSCRIBER_MAX, Hub, HubFull, notification

ACCOUNT = uuid7(NOW, 1)
OTHER = uuid7(NOW, 2)
SOON_S = 10.0


@pytest.fixture
async def hub(pg_admin_url: str) -> AsyncIterator[Hub]:
    """A hub that listens."""
    hub = Hub(pg_admin_url)
    running = asyncio.create_task(hub.run())
    yield hub
    hub.close()
    running.cancel()


async def send(url: str, account_id: UUID, topic: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("select pg_notify(%s, %s)", (CHANNEL, notification(account_id, topic)))


async def test_it_hears_its_own_account_s_topics(hub: Hub, pg_admin_url: str) -> None:
    with hub.subscribe(ACCOUNT, frozenset({"runs"})) as ear:
        assert await ear.wait(SOON_S) == {RESNAPSHOT}, "listening has begun: look again"
        for account_id, topic in ((OTHER, "runs"), (ACCOUNT, "sent"), (ACCOUNT, "runs")):
            await send(pg_admin_url, account_id, topic)
        assert await ear.wait(SOON_S) == {"runs"}


async def test_a_cut_connection_is_made_again_and_everybody_looks_again(hub: Hub, pg_admin_url: str) -> None:
    with hub.subscribe(ACCOUNT, frozenset({"runs"})) as ear:
        assert await ear.wait(SOON_S) == {RESNAPSHOT}
        async with await psycopg.AsyncConnection.connect(pg_admin_url, autocommit=True) as connection:
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%'"
            )
        assert await ear.wait(SOON_S) == {RESNAPSHOT}
        await send(pg_admin_url, ACCOUNT, "runs")
        assert await ear.wait(SOON_S) == {"runs"}


async def test_a_database_that_is_away_is_waited_for() -> None:
    hub = Hub("host=127.0.0.1 port=1 dbname=nothing connect_timeout=1")
    running = asyncio.create_task(hub.run())
    await asyncio.sleep(0.5)
    assert not running.done()
    assert not hub.is_listening
    hub.close()
    running.cancel()


async def test_a_page_cannot_ask_for_everything() -> None:
    topics = frozenset(str(n) for n in range(TOPICS_PER_SUBSCRIBER_MAX + 1))
    with pytest.raises(HubFull), Hub(None).subscribe(ACCOUNT, topics):
        pass


async def test_a_page_that_leaves_is_forgotten() -> None:
    hub = Hub(None)
    listening = hub.subscribe(ACCOUNT, frozenset({"runs"}))
    listening.__enter__()
    assert hub.subscriber_count == 1
    listening.__exit__(None, None, None)
    assert hub.subscriber_count == 0
    hub.hear(notification(ACCOUNT, "runs"))
