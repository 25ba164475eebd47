"""Housekeeping: what is due is done for every account, whatever stands in the way of one."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.world import World
from trinity import gateway
from trinity.gateway import House
from trinity.jobs.station import GeneralStation, set_station
from trinity.jobs.workers import Housekeeping
from trinity.modelrouter import ModelRouter
from trinity.proof.keys import generate, signer


@pytest.fixture(autouse=True)
def no_station() -> Iterator[None]:
    """What a test says that this process is counts for that test."""
    yield
    set_station(None)


async def test_one_accounts_failure_is_its_own(
    open_world: Callable[..., Awaitable[World]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await open_world(), await open_world()
    for world in (first, second):
        await world.propose()
    late = first.clock.now.replace(year=datetime.now(UTC).year + 1)
    house = House(first.app.db, first.settings, lambda: late)
    router = ModelRouter(house.db, first.http, house.clock)
    set_station(GeneralStation(house, "", None, Path("/"), signer(generate("test.example/log")[0]), router))
    expire_due = gateway.expire_due
    no_job: Any = None

    async def failing(house: House, account_id: UUID) -> int:
        if account_id == first.account_id:
            raise RuntimeError("this account cannot be served")
        return await expire_due(house, account_id)

    monkeypatch.setattr(gateway, "expire_due", failing)
    with pytest.raises(ExceptionGroup) as error:
        await Housekeeping().process(no_job)
    assert [str(one) for one in error.value.exceptions] == ["this account cannot be served"]
    states = [row["state"] for row in first.tamper("select state from tool_calls where account_id = %(account)s")]
    assert states == ["awaiting_approval"]
    states = [row["state"] for row in second.tamper("select state from tool_calls where account_id = %(account)s")]
    assert states == ["expired"]
