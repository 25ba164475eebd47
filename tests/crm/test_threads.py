"""Threads: each message once, the newest decides how a conversation stands."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.world import World
from trinity import crm
from trinity.crm import NewContact, NewMessage, Recorded
from trinity.errors import Refused
from trinity.kit.actor import Actor


async def integration_of(world: World) -> UUID:
    async with world.tx() as tx:
        found = await tx.value("select id from integrations limit 1")
    assert isinstance(found, UUID)
    return found


async def record(world: World, number: int, direction: str, at: datetime, **changes: Any) -> Recorded:
    plain: dict[str, Any] = {
        "project_id": world.project_id,
        "integration_id": await integration_of(world),
        "provider_thread_id": "t-1",
        "provider_message_id": f"m-{number}",
        "direction": direction,
        "wire_message_id": f"<{number}@shop.example>",
        "subject": "Re: Your website",
        "from_addr": "ada@shop.example",
        "sent_at": at,
        "reference_ids": ("<0@shop.example>",),
    }
    async with world.tx() as tx:
        return await crm.record_message(tx, NewMessage(**plain | changes), world.clock())


async def state(world: World, thread_id: UUID) -> str:
    async with world.tx() as tx:
        return (await crm.get_thread(tx, thread_id)).state


async def test_a_conversation_goes_to_and_fro(world: World) -> None:
    start = world.clock()
    first = await record(world, 1, "out", start)
    thread = first.thread_id
    assert (first.is_new, await state(world, thread)) == (True, "waiting")
    again = await record(world, 1, "out", start)
    assert again == Recorded(thread, first.message_id, is_new=False)
    await record(world, 2, "in", start + timedelta(minutes=2))
    assert await state(world, thread) == "open"
    await record(world, 3, "out", start + timedelta(minutes=3))
    assert await state(world, thread) == "answered"
    await record(world, 4, "in", start + timedelta(minutes=4), kind="auto_reply")
    assert await state(world, thread) == "answered"
    await record(world, 5, "in", start + timedelta(minutes=1))
    assert await state(world, thread) == "answered", "an old mail that is reported late asks for nothing"
    async with world.tx() as tx:
        messages = await crm.list_messages(tx, thread)
        found = await crm.find_thread(tx, await integration_of(world), "t-1")
        assert await crm.get_message(tx, first.message_id) == messages[0]
    assert [one.provider_message_id for one in messages] == ["m-1", "m-5", "m-2", "m-3", "m-4"]
    assert messages[0].reference_ids == ["<0@shop.example>"]
    assert found is not None
    assert (found.count, found.last_at) == (5, start + timedelta(minutes=4))


async def test_a_thread_learns_whose_it_is_and_keeps_it(world: World) -> None:
    start = world.clock()
    one = await record(world, 1, "in", start)
    async with world.tx() as tx:
        system = Actor.system(world.account_id, "tests")
        ada = await crm.meet(tx, system, NewContact(world.project_id, "ada@shop.example", "Ada"), world.clock())
        ben = await crm.meet(tx, system, NewContact(world.project_id, "ben@shop.example", "Ben"), world.clock())
    await record(world, 2, "in", start, contact_id=ada.id)
    await record(world, 3, "in", start, contact_id=ben.id)
    async with world.tx() as tx:
        assert (await crm.get_thread(tx, one.thread_id)).contact_email == "ada@shop.example"
        assert [t.id for t in await crm.list_threads(tx, contact_id=ada.id, state="open")] == [one.thread_id]
        assert await crm.list_threads(tx, contact_id=ben.id) == []
        await crm.set_thread_state(tx, one.thread_id, "closed")
        assert await crm.list_threads(tx, state="open") == []


async def test_what_we_sent_is_on_the_timeline_once(world: World) -> None:
    start = world.clock()
    async with world.tx() as tx:
        system = Actor.system(world.account_id, "tests")
        ada = await crm.meet(tx, system, NewContact(world.project_id, "ada@shop.example", "Ada"), world.clock())
    first = await record(world, 1, "out", start, contact_id=ada.id)
    await record(world, 1, "out", start, contact_id=ada.id)
    await record(world, 2, "in", start, contact_id=ada.id)
    await record(world, 3, "out", start)
    async with world.tx() as tx:
        lines = await crm.timeline(tx, ada.id)
    assert [(one.kind, one.subject_kind, one.subject_id) for one in lines] == [
        ("mail_sent", "thread", first.thread_id)
    ] * 2


NO_MESSAGE: list[dict[str, Any]] = [
    {"direction": "up"},
    {"kind": "spam"},
    {"subject": "x" * 1001},
    {"wire_message_id": "\x00"},
    {"reference_ids": ("<a>",) * 101},
    {"provider_message_id": "x" * 1001},
]


async def test_what_is_no_message_is_refused(world: World) -> None:
    for changes in NO_MESSAGE:
        with pytest.raises(Refused) as error:
            await record(world, 1, **{"direction": "in", "at": world.clock(), **changes})
        assert error.value.code == "invalid_message", changes
    async with world.tx() as tx:
        assert await crm.list_threads(tx) == []
