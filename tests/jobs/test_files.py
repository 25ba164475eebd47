"""The nightly look at files: what was changed or lost is found without anybody asking for it."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.world import World
from trinity import sources
from trinity.jobs.files import CheckFiles
from trinity.jobs.station import GeneralStation, set_station
from trinity.modelrouter import ModelRouter
from trinity.proof.keys import generate, signer
from trinity.providers.storage.content import key_of
from trinity.sources import Artifact, NewArtifact
from trinity.sources.artifact_queries import sample_artifacts


@pytest.fixture(autouse=True)
def no_station() -> Iterator[None]:
    """What a test says that this process is counts for that test."""
    yield
    set_station(None)


async def add(world: World, text: str) -> Artifact:
    async with world.tx() as tx:
        new = NewArtifact(world.project_id, "brief.txt", "text/plain", text.encode(), "operator")
        made = await sources.add_artifact(tx, sources.open_store(world.settings), world.owner, new, world.clock())
        return await sources.get_artifact(tx, made)


async def test_changed_and_lost_files_of_any_account_become_incidents_once(
    open_world: Callable[..., Awaitable[World]],
) -> None:
    first, second = await open_world(), await open_world()
    router = ModelRouter(first.app.db, first.http, first.clock)
    set_station(GeneralStation(first.app, "", None, Path("/"), signer(generate("test.example/log")[0]), router))
    store = sources.open_store(first.settings)
    changed, lost = await add(first, "changed"), await add(second, "lost")
    await add(second, "whole")
    await store._objects.replace(key_of("quarantined", changed.sha256), b"CHANGED")
    (first.settings.home / "artifacts" / key_of("quarantined", lost.sha256)).unlink()
    no_job: Any = None
    for _ in range(2):
        await CheckFiles().process(no_job)
    assert await first.incidents() == ["artifact_corrupted"]
    assert await second.incidents() == ["artifact_corrupted"]


async def test_the_sample_is_another_each_day(world: World) -> None:
    for number in range(12):
        await add(world, f"file {number}")
    today = world.clock().date()
    async with world.tx() as tx:
        picked = [[one.id for one in await sample_artifacts(tx, today.replace(day=day), 4)] for day in (1, 1, 2, 3)]
    assert picked[0] == picked[1]
    assert len({tuple(one) for one in picked}) == 3
