"""The general worker is killed on the way from a payment to a proposal: one run an order, one mail, nothing lost."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from tests.agency.people import Customer, customer, decide
from tests.kill.rig import Lane, Point, Zygote, lane
from tests.postgres import TestServer
from tests.world import stand_in
from trinity import agency
from trinity.proof.keys import generate
from trinity.store.database import Job
from trinity.store.urls import with_database

pytestmark = pytest.mark.kill

WAIT_S = 60.0
BEFORE_RELEASE = ("order_run.before_commit", "order_run.after_commit")
AFTER_RELEASE = (
    "source_decided.before_commit",
    "source_decided.after_commit",
    "run.after_start",
    "propose.after_commit",
    "run.before_finish",
)


@pytest.fixture
async def works(database_url: str, migrated_server: TestServer, forks: Zygote, tmp_path: Path) -> AsyncIterator[Lane]:
    """A lane with a general worker and both stand-ins."""
    with stand_in("gmail", tmp_path / "gmail") as gmail, stand_in("model", tmp_path / "model") as model:
        more = {
            "TRINITY_LOG_KEY": generate("trinity.test/log")[0],
            "NVIDIA_BASE_URL": f"{model}/v1",
            "NVIDIA_MODEL": "embedded-rules",
        }
        async with lane(database_url, gmail, tmp_path / "lane", forks, "Works", **more) as made:
            made.world.admin_url = with_database(migrated_server.admin_url, urlsplit(database_url).path[1:])
            await made.start("general")
            yield made


async def paid(works: Lane, number: int) -> Customer:
    """An order, and the job that follows from its payment."""
    made = await customer(works.world, email=f"ada{number}@customer.example", number=number)
    args = {"account_id": str(works.world.account_id), "order_id": str(made.order_id)}
    async with works.world.tx() as tx:
        await tx.enqueue(Job("trinity.jobs.models.OrderPaid", "general", args, None, 20))
    return made


async def run_in(works: Lane, order_id: UUID, is_there: Callable[[str], bool]) -> agency.Run:
    """The order's one run, as soon as its state is one that is waited for."""
    async with asyncio.timeout(WAIT_S):
        while True:
            async with works.world.tx() as tx:
                found = [run for run in await agency.list_runs(tx) if run.order_id == order_id]
            assert len(found) <= 1, "one run an order"
            if found and is_there(found[0].state):
                return found[0]
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("first", [True, False], ids=["payment", "release"])
async def test_an_order_survives_the_general_worker(works: Lane, first: bool) -> None:
    for number, barrier in enumerate(BEFORE_RELEASE if first else AFTER_RELEASE, start=1):
        if first:
            works.arm(Point(barrier))
        made = await paid(works, number)
        if first:
            await works.struck("general")
            await works.start("general")
        held = await run_in(works, made.order_id, lambda state: state == "held")
        assert held.order_number == number
        if not first:
            works.arm(Point(barrier))
        await decide(works.world, made.source_id)
        if not first:
            await works.struck("general")
            await works.start("general")
        run = await run_in(works, made.order_id, lambda state: state in ("waiting", "completed", "failed", "stopped"))
        assert run.state == "waiting", (barrier, run.outcome)
        async with works.world.tx() as tx:
            calls = await tx.value("select count(*) from tool_calls where run_id = %(r)s", {"r": run.id})
            drafts = await agency.list_drafts(tx, run.id)
        assert calls == 1, barrier
        assert len({(one.title, one.sha256) for one in drafts}) == len(drafts) == 2, barrier
    assert works.kills == len(BEFORE_RELEASE if first else AFTER_RELEASE)
