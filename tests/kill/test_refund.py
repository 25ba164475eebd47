"""The executor is killed at every point of a refund: by Stripe's own books the money goes back exactly once."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.kill.rig import Lane, Point, Zygote, lane
from tests.paid import Shop
from tests.postgres import TestServer
from tests.sandbox.stripe.standin import StandIn
from tests.world import stand_in

pytestmark = pytest.mark.kill

LANES = 6
POINTS = (
    "claim.before_commit",
    "claim.after_commit",
    "spend.before",
    "spend.after",
    "attempt.before_commit",
    "attempt.after_commit",
    "provider.before_call",
    "provider.after_call",
    "attempt_result.before_commit",
    "attempt_result.after_commit",
    "settle.before_commit",
    "settle.after_commit",
)
AGAIN = ("reconcile.after_take_over", "reconcile.after_look_up", "settle.before_commit")
CELLS: list[tuple[str, ...]] = [(point,) for point in POINTS]
CELLS += [(first, second) for first in ("spend.after", "provider.after_call") for second in AGAIN]


async def test_every_kill_of_the_executor_leaves_exactly_one_refund(
    migrated_server: TestServer, forks: Zygote, tmp_path: Path
) -> None:
    todo = list(enumerate(CELLS))
    failures: list[str] = []
    kills = 0

    async def work(number: int, gmail: str, stripe: StandIn) -> None:
        nonlocal kills
        async with AsyncExitStack() as stack:
            url = stack.enter_context(migrated_server.migrated_database())
            home = tmp_path / f"lane-{number}"
            endpoints = f"{gmail},{stripe.base_url}"
            more = {"STRIPE_API_BASE": stripe.base_url, "TRINITY_SANDBOX_ENDPOINTS": endpoints}
            made = await stack.enter_async_context(lane(url, gmail, home, forks, f"Refund{number}", **more))
            shop = Shop(made.world, stripe, stripe.caller())
            await shop.connect()
            await made.start("executor")
            while todo:
                index, points = todo.pop()
                try:
                    await _refund(made, shop, f"cell-{index}", points)
                except AssertionError as error:
                    failures.append(f"{points}: {error}")
                    await made.restart("executor")
            kills += made.kills

    stripe = StandIn(tmp_path / "stripe")
    stripe.start()
    try:
        with stand_in("gmail", tmp_path / "gmail") as gmail:
            async with asyncio.TaskGroup() as group:
                for number in range(LANES):
                    group.create_task(work(number, gmail, stripe))
    finally:
        stripe.end()
    assert not failures, "\n".join(failures)
    assert kills == sum(map(len, CELLS))


async def _refund(made: Lane, shop: Shop, key: str, points: tuple[str, ...]) -> None:
    """One refund through its kills to its end, and the judgement."""
    order_id = await shop.order()
    call = await shop.propose_refund(order_id, 1000, key=key)
    made.arm(Point(points[0]))
    await made.world.approve(call)
    for index, _ in enumerate(points):
        await made.struck("executor")
        if index + 1 < len(points):
            made.arm(Point(points[index + 1]))
        await made.start("executor")
    ended = await made.settled(call)
    assert ended.state == "succeeded", (ended.state, ended.reasons)
    given_back = [one for one in shop.refunds() if one["metadata"].get("trinity_tool_call") == str(call.tool_call_id)]
    assert [one["amount"] for one in given_back] == [1000]
