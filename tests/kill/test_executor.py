"""The executor is killed at every point of a send: the mail goes out exactly once, every time.

Enumerated, not sampled: each barrier of the act, each of them again followed by a kill at each barrier of the
reconciliation. Cells are spread over lanes that run side by side, because most of the time is waiting.
"""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.kill.rig import Lane, Point, Zygote, lane
from tests.postgres import TestServer
from tests.world import stand_in

pytestmark = pytest.mark.kill

LANES = 12
STEPS = (
    "attempt.before_commit",
    "attempt.after_commit",
    "provider.before_call",
    "provider.after_call",
    "attempt_result.before_commit",
    "attempt_result.after_commit",
)

UNCLAIMED = [Point("claim.before_commit")]
ACTING = [Point(name) for name in ("claim.after_commit", "spend.before", "spend.after")]
ACTING += [Point(name, nth) for nth in (1, 2) for name in STEPS]
ACTING += [Point("settle.before_commit")]
SETTLED = [Point(name) for name in ("settle.after_commit", "verify.before_commit", "verify.after_commit")]
RECONCILING = [
    Point(name)
    for name in (
        "reconcile.before_take_over",
        "reconcile.after_take_over",
        "reconcile.after_look_up",
        "settle.before_commit",
        "settle.after_commit",
    )
]
ONE_STEP = [point for point in UNCLAIMED + ACTING + SETTLED if point.nth == 1 and not point.barrier.startswith("spend")]

type Cell = tuple[str, tuple[Point, ...]]

CELLS: list[Cell] = [("gmail.send", (point,)) for point in UNCLAIMED + ACTING + SETTLED]
CELLS += [("gmail.reply", (point,)) for point in UNCLAIMED + ACTING + SETTLED]
CELLS += [("gmail.draft", (point,)) for point in ONE_STEP]
CELLS += [("gmail.send", (first, second)) for first in ACTING for second in RECONCILING]
KILLS = sum(len(points) for _, points in CELLS)


def test_the_matrix_is_large_enough() -> None:
    assert KILLS >= 200


async def test_every_kill_of_the_executor_leaves_exactly_one_mail(
    migrated_server: TestServer, forks: Zygote, tmp_path: Path
) -> None:
    todo = list(enumerate(CELLS))
    todo.reverse()
    failures: list[str] = []
    kills = 0

    async def work(number: int) -> None:
        nonlocal kills
        async with AsyncExitStack() as stack:
            url = stack.enter_context(migrated_server.migrated_database())
            home = tmp_path / f"lane-{number}"
            gmail = stack.enter_context(stand_in("gmail", home / "gmail"))
            made = await stack.enter_async_context(lane(url, gmail, home, forks, f"Lane{number}"))
            await made.start("executor")
            first = await _send(made, "gmail.send", f"first-{number}", ())
            while todo:
                index, (operation, points) = todo.pop()
                try:
                    await _send(made, operation, f"cell-{index}", points, in_reply_to=first)
                except AssertionError as error:
                    failures.append(f"{operation} {points}: {error}")
                    await made.restart("executor")
            kills += made.kills

    async with asyncio.TaskGroup() as group:
        for number in range(LANES):
            group.create_task(work(number))
    assert not failures, "\n".join(failures)
    assert kills == KILLS


async def _send(made: Lane, operation: str, key: str, points: tuple[Point, ...], in_reply_to: str = "") -> str:
    """One call through its kills to its end, and the judgement. Returns the call's id."""
    changes: dict[str, Any] = {"in_reply_to": in_reply_to} if operation == "gmail.reply" else {}
    if points:
        made.arm(points[0])
    call = await made.world.propose(key, operation=operation, **changes)
    if call.approval_id:
        await made.world.approve(call)
    for index, _ in enumerate(points):
        await made.struck("executor")
        if index + 1 < len(points):
            made.arm(points[index + 1])
        await made.start("executor")
    ended = await made.settled(call)
    assert ended.state == "succeeded", (ended.state, ended.reasons)
    if operation == "gmail.draft":
        assert await made.sent_with(call) == []
        assert len(await made.drafts_with(call)) == 1
    else:
        assert len(await made.sent_with(call)) == 1
    return str(call.tool_call_id)
