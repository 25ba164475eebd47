"""One mail, from the proposal to the provider's record of it."""

from tests.world import World
from trinity import effects, gateway
from trinity.kit.canonical import digest_hex


async def test_an_approved_mail_is_sent_once_and_exactly(world: World) -> None:
    made = await world.propose()
    assert made.state == "awaiting_approval"
    await world.approve(made)
    assert isinstance(await world.advance(made.tool_call_id), gateway.Later), "the undo window is running"
    assert await world.sent() == []
    world.clock.sleep(31)
    assert await world.advance(made.tool_call_id) is None
    await world.advance(made.tool_call_id)
    call = await world.call(made.tool_call_id)
    assert (call.state, call.proof_state) == ("succeeded", "pending_receipt")
    (sent,) = await world.sent()
    async with world.tx() as tx:
        stored = await effects.get_envelope(tx, made.tool_call_id)
    assert sent["sha256_submitted"] == digest_hex(stored.payload)
    await gateway.verify(world.rails, world.account_id, made.tool_call_id)
    async with world.tx() as tx:
        receipts = {one.kind: one for one in await effects.list_receipts(tx, made.tool_call_id)}
    assert all(one["is_held"] for one in receipts["verification"].facts["properties"].values()), receipts[
        "verification"
    ].facts
