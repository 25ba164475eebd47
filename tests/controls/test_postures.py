"""Postures: the newest counts, tightening is immediate, loosening is not to be had."""

from collections.abc import Awaitable
from datetime import timedelta

import pytest

from tests.world import World
from trinity import controls
from trinity.controls.models import MODES
from trinity.errors import Refused


async def tighten(world: World, mode: str, reason: str = "Because.") -> object:
    async with world.tx() as tx:
        return await controls.tighten(tx, world.owner, mode, reason, world.clock())


async def mode_of(world: World) -> str:
    async with world.tx() as tx:
        return (await controls.get_posture(tx)).mode


async def refused(doing: Awaitable[object]) -> tuple[str, int]:
    with pytest.raises(Refused) as error:
        await doing
    return error.value.code, error.value.status


async def test_it_gets_tighter_and_never_looser(world: World) -> None:
    assert await mode_of(world) == "live"
    for n, mode in enumerate(MODES):
        await tighten(world, mode)
        assert await mode_of(world) == mode
        for looser in MODES[:n]:
            assert await refused(tighten(world, looser)) == ("loosening_needs_approval", 403)
    assert await mode_of(world) == "hold"
    assert len(await world.events("posture.set")) == len(MODES)


async def test_an_account_without_a_posture_is_on_hold(world: World) -> None:
    world.tamper("delete from postures where account_id = %(account)s")
    assert await mode_of(world) == "hold"


@pytest.mark.parametrize("back_s", [0.0, 5.0, 3600.0])
async def test_a_tightening_by_a_clock_that_is_behind_counts_all_the_same(world: World, back_s: float) -> None:
    await tighten(world, "draft_only")
    world.clock.now -= timedelta(seconds=back_s, milliseconds=1)
    await tighten(world, "hold")
    assert await mode_of(world) == "hold"


async def test_what_is_no_posture_or_no_reason_is_refused(world: World) -> None:
    for mode in ("", "LIVE", "off", "\x00"):
        assert await refused(tighten(world, mode)) == ("invalid_posture", 422)
    for reason in ("a\x00", "\ud800"):
        assert await refused(tighten(world, "hold", reason)) == ("invalid_reason", 422)
    assert await mode_of(world) == "live"


async def test_an_account_begins_once(world: World) -> None:
    async def begin() -> None:
        async with world.tx() as tx:
            await controls.begin(tx, world.owner, world.clock())

    assert await refused(begin()) == ("posture_set", 409)


async def test_the_answer_says_what_is_in_flight(world: World) -> None:
    made = await world.approved()
    world.tamper(
        "update tool_calls set state = 'executing', lease_expires_at = now() where id = %(id)s", id=made.tool_call_id
    )
    assert await tighten(world, "hold") == [made.tool_call_id]
