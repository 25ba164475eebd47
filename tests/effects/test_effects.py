"""Effects: keys for ever, steps before they are taken, the fence of the lease's epoch."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from tests.world import World
from trinity import effects
from trinity.effects import StaleLease
from trinity.errors import NotFound
from trinity.gateway.claim import claim
from trinity.gateway.steps import Claimed
from trinity.kit.canonical import digest_hex


async def claimed(world: World) -> Claimed:
    made = await world.approved()
    found = await claim(world.rails.house, world.account_id, made.tool_call_id)
    assert isinstance(found, Claimed)
    return found


async def begin(world: World, call_id: UUID, epoch: int) -> UUID:
    async with world.tx() as tx:
        return await effects.begin_attempt(tx, call_id, epoch, (1, "drafts.create"), {"n": 1}, world.clock())


async def test_a_step_is_written_under_the_running_lease_alone(world: World) -> None:
    found = await claimed(world)
    await begin(world, found.call_id, found.epoch)
    for epoch in (found.epoch - 1, found.epoch + 1, 0, -1):
        with pytest.raises(StaleLease):
            await begin(world, found.call_id, epoch)
    with pytest.raises(StaleLease):
        await begin(world, uuid4(), found.epoch)
    world.clock.now = found.lease_end - timedelta(milliseconds=2)
    await begin(world, found.call_id, found.epoch)
    world.clock.now = found.lease_end
    with pytest.raises(StaleLease):
        await begin(world, found.call_id, found.epoch)
    async with world.tx() as tx:
        assert len(await effects.list_attempts(tx, found.call_id)) == 2


@pytest.mark.parametrize("state", ["ready", "succeeded", "denied", "cancelled", "awaiting_approval"])
async def test_a_step_needs_a_call_that_executes(world: World, state: str) -> None:
    found = await claimed(world)
    world.tamper("update tool_calls set state = %(state)s where id = %(id)s", state=state, id=found.call_id)
    with pytest.raises(StaleLease):
        await begin(world, found.call_id, found.epoch)


async def test_how_a_step_ended_is_written_once(world: World) -> None:
    found = await claimed(world)
    attempt_id = await begin(world, found.call_id, found.epoch)
    async with world.tx() as tx:
        (open_one,) = await effects.list_attempts(tx, found.call_id)
        await effects.finish_attempt(tx, attempt_id, "done", {"draft_id": "a"}, b"raw", world.clock())
        await effects.finish_attempt(tx, attempt_id, "unknown", {}, None, world.clock())
        (ended,) = await effects.list_attempts(tx, found.call_id)
    assert open_one.outcome is None
    assert (ended.outcome, ended.result, ended.raw) == ("done", {"draft_id": "a"}, b"raw")


async def test_steps_are_in_the_order_of_epochs_whatever_the_clocks_say(world: World) -> None:
    found = await claimed(world)
    first = await begin(world, found.call_id, found.epoch)
    world.tamper("update tool_calls set lease_epoch = lease_epoch + 1 where id = %(id)s", id=found.call_id)
    world.clock.now -= timedelta(seconds=20)
    second = await begin(world, found.call_id, found.epoch + 1)
    async with world.tx() as tx:
        assert [one.id for one in await effects.list_attempts(tx, found.call_id)] == [first, second]


async def test_a_key_belongs_to_its_first_content_project_and_operation(world: World) -> None:
    frame = (uuid4(), world.project_id, "gmail.send")

    async def reserve(digest: str, call: tuple[UUID, UUID, str]) -> tuple[UUID, str] | None:
        async with world.tx() as tx:
            return await effects.reserve_key(tx, "key", digest, call, world.clock())

    assert await reserve("a" * 64, frame) is None
    assert await reserve("b" * 64, (uuid4(), world.project_id, "gmail.send")) == (frame[0], "a" * 64)
    other = await reserve("a" * 64, (uuid4(), world.project_id, "gmail.draft"))
    assert other is not None and other[1] != "a" * 64
    elsewhere = await reserve("a" * 64, (uuid4(), uuid4(), "gmail.send"))
    assert elsewhere is not None and elsewhere[1] != "a" * 64


async def test_an_end_is_an_end(world: World) -> None:
    made = await world.propose()

    async def end(state: str) -> None:
        async with world.tx() as tx:
            await effects.end_call(tx, made.tool_call_id, state, [], world.clock())

    await end("cancelled")
    await end("rejected")
    assert (await world.call(made.tool_call_id)).state == "cancelled"
    with pytest.raises(AssertionError):
        await end("ready")


async def test_calls_are_found_by_state_and_operation(world: World) -> None:
    made = await world.propose("one")
    draft = await world.propose("two", operation="gmail.draft")
    async with world.tx() as tx:
        by_state = await effects.list_tool_calls(tx, states=["ready"])
        assert [one.id for one in by_state] == [draft.tool_call_id]
        by_operation = await effects.list_tool_calls(tx, operations=["gmail.send"])
        assert [one.id for one in by_operation] == [made.tool_call_id]
        assert len(await effects.list_tool_calls(tx, project_id=world.project_id)) == 2
        assert await effects.list_tool_calls(tx, project_id=uuid4()) == []
        assert len(await effects.list_tool_calls(tx, limit=1)) == 1
        for missing in (effects.get_tool_call, effects.get_envelope, effects.lock_call):
            with pytest.raises(NotFound):
                await missing(tx, uuid4())


async def test_a_receipt_is_kept_with_the_digest_of_what_is_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trinity.effects.commands.RAW_BYTES_MAX", 10)
    made = await world.propose()
    async with world.tx() as tx:
        await effects.write_receipt(tx, made.tool_call_id, "sent", {"message_id": "m"}, b"x" * 50, world.clock())
        (found,) = await effects.list_receipts(tx, made.tool_call_id)

    assert (len(found.raw), found.sha256) == (10, digest_hex(found.raw))
