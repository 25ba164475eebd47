"""Content: quarantined whatever its origin, released by a person alone."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.world import World
from trinity import sources
from trinity.errors import Refused
from trinity.kit.actor import Actor
from trinity.kit.canonical import digest_hex
from trinity.sources import NewSource
from trinity.sources.commands import BODY_BYTES_MAX
from trinity.sources.models import ORIGINS


async def refused(doing: Awaitable[object]) -> tuple[str, int]:
    with pytest.raises(Refused) as error:
        await doing
    return error.value.code, error.value.status


async def add(world: World, **changes: Any) -> UUID:
    plain: dict[str, Any] = {
        "project_id": world.project_id,
        "origin": "inbound_mail",
        "title": "A title",
        "text": "Grüße\n",
    }
    async with world.tx() as tx:
        return await sources.add_source(tx, world.owner, NewSource(**plain | changes), world.clock())


async def release(world: World, source_id: UUID, actor: Actor | None = None, *, is_released: bool = True) -> None:
    async with world.tx() as tx:
        await sources.decide_release(tx, actor or world.owner, source_id, is_released=is_released, now=world.clock())


async def test_there_is_no_trusted_origin(world: World) -> None:
    for origin in ORIGINS:
        source_id = await add(world, origin=origin)
        async with world.tx() as tx:
            found = await sources.get_source(tx, source_id)
        assert (found.release_state, found.sha256, found.text) == (
            "quarantined",
            digest_hex("Grüße\n".encode()),
            "Grüße\n",
        )
    async with world.tx() as tx:
        assert await sources.list_released(tx, world.project_id) == []
        assert len(await sources.list_sources(tx, world.project_id)) == len(ORIGINS)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"origin": "trusted"}, "invalid_origin"),
        ({"text": ""}, "invalid_source"),
        ({"text": "a\x00"}, "invalid_source"),
        ({"text": "\ud800"}, "invalid_source"),
        ({"text": "ü" * (BODY_BYTES_MAX // 2 + 1)}, "invalid_source"),
        ({"title": ""}, "invalid_source"),
        ({"title": "x" * 201}, "invalid_source"),
        ({"title": "a\x00"}, "invalid_source"),
        ({"title": "\udfff"}, "invalid_source"),
        ({"project_id": uuid4()}, "not_found"),
    ],
)
async def test_what_is_not_valid_is_refused(world: World, changes: dict[str, Any], code: str) -> None:
    assert (await refused(add(world, **changes)))[0] == code
    async with world.tx() as tx:
        assert await sources.list_sources(tx, world.project_id) == []


async def test_a_person_releases_an_agent_or_the_system_does_not(world: World) -> None:
    source_id = await add(world)
    for actor in (world.agent, Actor.system(world.account_id, "worker")):
        assert await refused(release(world, source_id, actor)) == ("person_required", 403)
    await release(world, source_id)
    await release(world, source_id)
    async with world.tx() as tx:
        (found,) = await sources.list_released(tx, world.project_id)
    assert (found.id, found.decided_by) == (source_id, world.owner_id)
    assert len(await world.events("source.released")) == 1
    assert await refused(release(world, source_id, is_released=False)) == ("already_decided", 409)
    assert await refused(release(world, uuid4())) == ("not_found", 404)


async def test_what_was_rejected_stays_so(world: World) -> None:
    source_id = await add(world)
    await release(world, source_id, is_released=False)
    assert await refused(release(world, source_id)) == ("already_decided", 409)
    async with world.tx() as tx:
        assert await sources.list_released(tx, world.project_id) == []


async def test_another_accounts_source_is_not_there(open_world: Callable[..., Awaitable[World]]) -> None:
    one, other = await open_world(), await open_world()
    source_id = await add(other)
    assert await refused(release(one, source_id)) == ("not_found", 404)
    assert (await refused(add(one, project_id=other.project_id)))[0] == "not_found"
