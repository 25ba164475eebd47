"""One worker process: Oban over its own small pool, the station of its role, and for the general one the door."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import httpx
import uvicorn
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from trinity import host
from trinity.gateway import House, Rails, SpentRegister
from trinity.gateway.house import EXECUTOR_QUEUE, GENERAL_QUEUE
from trinity.host import AGENT_USER
from trinity.jobs import oban_mends
from trinity.jobs.station import ExecutorStation, GeneralStation, Station, set_station
from trinity.mcp import build_door
from trinity.mcp.door import PREFIX
from trinity.modelrouter import ModelEndpoint, ModelRouter
from trinity.proof.keys import signer
from trinity.settings import Settings
from trinity.store.checks import assert_safe
from trinity.store.database import Database, Job

CONCURRENCY = {EXECUTOR_QUEUE: 8, GENERAL_QUEUE: 4}
WORKERS = (
    "trinity.jobs.workers",
    "trinity.jobs.models",
    "trinity.jobs.money",
    "trinity.jobs.checks",
    "trinity.jobs.mail",
    "trinity.jobs.files",
)
"""Every module that holds workers."""
WATCH_JOB = "trinity.jobs.mail.Watch"
WATCH_ATTEMPTS_MAX = 3
OBAN_POOL_MAX = 6
OBAN_NAME = "trinity"
"""One name for all processes, so that there is one leader and a cron entry is inserted once."""
DOOR_START_S = 10.0
SHUTDOWN_GRACE_S = 5.0
CONNECT_TIMEOUT_S = 5.0
KEEP_ALIVE_S = 2.0
"""Shorter than servers keep idle connections, so that a write does not meet one that is just being closed."""
SILENCE_BEATS = 4


def utc_now() -> datetime:
    """The clock of the real world."""
    return datetime.now(UTC)


@asynccontextmanager
async def working(
    settings: Settings, role: str, *, clock: Callable[[], datetime] = utc_now, is_fsync_demanded: bool = True
) -> AsyncIterator[None]:
    """Work as `general` or `executor` for as long as the block lasts."""
    url = settings.executor_database_url if role == "executor" else settings.app_database_url
    assert url is not None, "the caller derives the role's database address"
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(Database(url, name=role))
        await assert_safe(db, is_fsync_demanded=is_fsync_demanded)
        timeout = httpx.Timeout(settings.timings.provider_timeout_s, connect=CONNECT_TIMEOUT_S)
        limits = httpx.Limits(keepalive_expiry=KEEP_ALIVE_S)
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=timeout, limits=limits, trust_env=False))
        house = House(db, settings, clock)
        set_station(await _station(stack, house, role, http))
        await stack.enter_async_context(_oban(url, settings, role))
        if role == "executor" and settings.gmail_topic:
            async with db.transaction(None) as tx:
                await tx.enqueue(Job(WATCH_JOB, EXECUTOR_QUEUE, {}, None, WATCH_ATTEMPTS_MAX))
        yield


async def _station(stack: AsyncExitStack, house: House, role: str, http: httpx.AsyncClient) -> Station:
    settings = house.settings
    if role == "executor":
        register = SpentRegister(settings.spent_url)
        return ExecutorStation(Rails(house, http, register, settings.demand_encryption_key()))
    model = None
    if settings.nvidia_base_url:
        is_sandbox = settings.mode_of(settings.nvidia_base_url) == "sandbox"
        model = ModelEndpoint(
            settings.nvidia_base_url, settings.nvidia_api_key or "", settings.nvidia_model, is_sandbox
        )
    door_url = await stack.enter_async_context(_door(house, model, http))
    agent = await asyncio.to_thread(host.ensure_user, AGENT_USER) if host.is_root() else None
    workdir = settings.home / "runtime"
    workdir.mkdir(parents=True, exist_ok=True)
    router = ModelRouter(house.db, http, house.clock, {"nvidia": model} if model else {})
    return GeneralStation(house, door_url, agent, workdir, signer(settings.demand_log_key()), router)


@asynccontextmanager
async def _door(house: House, model: ModelEndpoint | None, http: httpx.AsyncClient) -> AsyncIterator[str]:
    """Serve the agents' door on loopback, in this process."""
    config = uvicorn.Config(
        build_door(house, model, http),
        host="127.0.0.1",
        port=house.settings.door_port,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(), name="agents' door")
    try:
        async with asyncio.timeout(DOOR_START_S):
            while not server.started:
                if task.done():
                    task.result()
                await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}{PREFIX}"
    finally:
        server.should_exit = True
        await task


class _Server(uvicorn.Server):
    """A server that leaves signals to the process that embeds it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing: the worker's own loop listens."""
        yield


@asynccontextmanager
async def _oban(url: str, settings: Settings, role: str) -> AsyncIterator[None]:
    timings = settings.timings
    oban_mends.install(
        leader_interval_s=max(timings.leader_s, oban_mends.LEADER_INTERVAL_MIN_S),
        producer_silence_s=timings.beat_s * SILENCE_BEATS,
    )
    from oban import Oban

    for name in WORKERS:
        # Importing a module of workers registers them and their cron entries.
        import_module(name)
    pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
        url, min_size=1, max_size=OBAN_POOL_MAX, open=False, check=AsyncConnectionPool.check_connection
    )
    queue = EXECUTOR_QUEUE if role == "executor" else GENERAL_QUEUE
    async with pool:
        oban = Oban(
            pool=pool,
            name=OBAN_NAME,
            queues={queue: CONCURRENCY[queue]},
            stager={"interval": timings.stage_s},
            lifeline={"interval": max(timings.rescue_after_s / 4, 0.1), "rescue_after": timings.rescue_after_s},
            refresher={"interval": timings.beat_s, "max_age": timings.beat_s * SILENCE_BEATS},
            shutdown_grace_period=SHUTDOWN_GRACE_S,
        )
        async with oban:
            yield
