"""PostgreSQL itself is killed, every process of it, at every point of a send. It comes back; so does the mail, once."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.kill.rig import Lane, Point, Zygote, lane
from tests.kill.test_executor import ACTING, RECONCILING, SETTLED, UNCLAIMED
from tests.postgres import BIN_DIR, QUICK_SETTINGS, SECRET_KEY, private_directory
from tests.world import stand_in
from trinity.store.embedded import EmbeddedServer
from trinity.store.migrate import migrate
from trinity.store.roles import ensure_database

pytestmark = [pytest.mark.kill, pytest.mark.postgres]

LANES = 4
POINTS = UNCLAIMED + ACTING + SETTLED
FOUND_AGAIN = RECONCILING[:3]


async def test_every_kill_of_postgres_leaves_exactly_one_mail(forks: Zygote, tmp_path: Path) -> None:
    todo: list[tuple[Point, ...]] = [(_in_postgres(point),) for point in POINTS]
    todo += [(Point("provider.after_call", 2), _in_postgres(point)) for point in FOUND_AGAIN]
    failures: list[str] = []
    one_at_a_time = asyncio.Lock()

    async def work(number: int) -> None:
        async with AsyncExitStack() as stack:
            directory = stack.enter_context(private_directory())
            server = EmbeddedServer(directory / "home", BIN_DIR)
            stack.callback(server.erase)
            async with one_at_a_time:
                owner_url = await asyncio.to_thread(_found, server)
            gmail = stack.enter_context(stand_in("gmail", tmp_path / f"gmail-{number}"))
            home = tmp_path / f"lane-{number}"
            made = await stack.enter_async_context(lane(owner_url, gmail, home, forks, f"Lane{number}"))
            made.data_dir = directory / "home" / "postgres" / "data"
            await made.start("executor")
            while todo:
                points = todo.pop()
                try:
                    await _send(made, server, f"cell-{len(todo)}", points)
                except AssertionError as error:
                    failures.append(f"{points}: {error}")
                    await asyncio.to_thread(server.start, QUICK_SETTINGS)
                    await made.restart("executor")

    async with asyncio.TaskGroup() as group:
        for number in range(LANES):
            group.create_task(work(number))
    assert not failures, "\n".join(failures)


async def _send(made: Lane, server: EmbeddedServer, key: str, points: tuple[Point, ...]) -> None:
    """The executor lives on; the database under it dies and is started again."""
    made.arm(points[0])
    call = await made.world.propose(key)
    await made.world.approve(call)
    for index, point in enumerate(points):
        if point.victim == "self":
            await made.struck("executor")
            made.arm(points[index + 1])
            await made.start("executor")
        else:
            await made.postgres_struck()
            await asyncio.to_thread(server.start, QUICK_SETTINGS)
    ended = await made.settled(call)
    assert ended.state == "succeeded", await made.trail(call)
    assert len(await made.sent_with(call)) == 1


def _in_postgres(point: Point) -> Point:
    return Point(point.barrier, point.nth, victim="postgres")


def _found(server: EmbeddedServer) -> str:
    """A new server with a migrated database. Alembic keeps its state in module globals: one at a time."""
    owner_url = ensure_database(server.start(QUICK_SETTINGS), SECRET_KEY)
    migrate(owner_url, SECRET_KEY)
    return owner_url
