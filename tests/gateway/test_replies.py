"""Answering a mail that arrived, and keeping what was sent in its conversation."""

from uuid import UUID, uuid4

import pytest

from tests.world import World
from trinity import crm, effects, gateway
from trinity.crm import NewMessage
from trinity.errors import Refused

THEIRS = "<CAF1@mail.customer.example>"


async def inbound(world: World, thread: str = "thread-1", wire: str = THEIRS, subject: str = "Your website") -> UUID:
    """A mail that came in, as the ingest keeps it."""
    async with world.tx() as tx:
        integration_id = await tx.value("select id from integrations where provider = 'gmail'")
        message = NewMessage(
            project_id=world.project_id,
            integration_id=integration_id,
            provider_thread_id=thread,
            provider_message_id=f"m-{uuid4().hex[:8]}",
            direction="in",
            wire_message_id=wire,
            subject=subject,
            from_addr="ada@customer.example",
            sent_at=world.clock(),
            reference_ids=("<first@mail.customer.example>", "not an id"),
        )
        return (await crm.record_message(tx, message, world.clock())).message_id


async def test_a_reply_joins_the_thread_of_a_mail_that_arrived(world: World) -> None:
    message_id = await inbound(world)
    made = await world.propose(operation="gmail.reply", in_reply_to=str(message_id), subject="Re: Your website")
    call = await world.call(made.tool_call_id)
    async with world.tx() as tx:
        stored = await effects.get_envelope(tx, made.tool_call_id)
        thread = await crm.get_message(tx, message_id)
    assert call.subject_id == thread.thread_id
    assert stored.parsed().resource["thread_id"] == "thread-1"
    head = stored.payload.decode().partition("\r\n\r\n")[0]
    assert f"In-Reply-To: {THEIRS}" in head
    assert "not an id" not in head
    assert "<first@mail.customer.example>" in head


async def test_a_reply_keeps_the_subject(world: World) -> None:
    message_id = await inbound(world)
    with pytest.raises(Refused) as refused:
        await world.propose(operation="gmail.reply", in_reply_to=str(message_id), subject="Something else")
    assert refused.value.details["reason"] == "subject_mismatch"


async def test_a_strangers_message_id_that_is_none_is_refused(world: World) -> None:
    message_id = await inbound(world, wire="x\r\nBcc: eve@elsewhere.example")
    with pytest.raises(Refused) as refused:
        await world.propose(operation="gmail.reply", in_reply_to=str(message_id))
    assert refused.value.details["reason"] == "invalid_reference"


async def test_nobody_answers_what_is_not_there(world: World) -> None:
    with pytest.raises(Refused) as refused:
        await world.propose(operation="gmail.reply", in_reply_to=str(uuid4()))
    assert refused.value.code == "thread_unknown"


async def test_a_verified_mail_stands_in_its_conversation_once(world: World) -> None:
    made = await world.approved()
    await world.drive(made.tool_call_id)
    await gateway.verify(world.rails, world.account_id, made.tool_call_id)
    await gateway.verify(world.rails, world.account_id, made.tool_call_id)
    async with world.tx() as tx:
        (thread,) = await crm.list_threads(tx)
        (message,) = await crm.list_messages(tx, thread.id)
        (receipt,) = [
            one for one in await effects.list_receipts(tx, made.tool_call_id) if one.kind == "provider_record"
        ]
    assert (message.direction, message.tool_call_id) == ("out", made.tool_call_id)
    assert message.provider_message_id == receipt.facts["message_id"]
    answer = await world.propose("answer", operation="gmail.reply", in_reply_to=str(made.tool_call_id))
    assert (await world.call(answer.tool_call_id)).subject_id == thread.id


async def test_a_draft_is_in_no_conversation(world: World) -> None:
    made = await world.propose(operation="gmail.draft")
    await world.drive(made.tool_call_id)
    await gateway.verify(world.rails, world.account_id, made.tool_call_id)
    async with world.tx() as tx:
        assert await crm.list_threads(tx) == []
