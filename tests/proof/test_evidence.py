"""Stored packets and the seven properties that pages show."""

from tests.proof.stories import packet_of, send
from tests.world import World
from trinity.gateway import PROPERTIES
from trinity.proof import Check, Signer, checks, latest_packet, store_packet
from trinity_verify import verify


async def checks_of(world: World, made_id: object) -> dict[str, Check]:
    """The checks by name."""
    async with world.tx() as tx:
        found = await checks(tx, made_id)  # type: ignore[arg-type]
    assert [one.name for one in found] == list(PROPERTIES)
    assert all(one.detail for one in found)
    return {one.name: one for one in found}


async def test_what_was_not_checked_yet_is_said_to_be_missing(world: World) -> None:
    made = await world.propose()
    found = await checks_of(world, made.tool_call_id)
    assert {one.state for one in found.values()} == {"missing"}


async def test_a_verified_effect_with_a_verified_packet_has_all_seven(world: World, log_key: Signer) -> None:
    made = await send(world)
    states = {name: one.state for name, one in (await checks_of(world, made.tool_call_id)).items()}
    assert states == dict.fromkeys(PROPERTIES, "ok") | {"proof-packeted": "missing"}
    packet = await packet_of(world, "tool_call", made.tool_call_id, log_key)
    async with world.tx() as tx:
        verdict = verify(packet, log_key.verifier_key).overall
        await store_packet(tx, "tool_call", made.tool_call_id, packet, verdict, world.clock())
    assert {one.state for one in (await checks_of(world, made.tool_call_id)).values()} == {"ok"}


async def test_a_property_that_does_not_hold_has_failed(world: World) -> None:
    made = await send(world)
    fact = '{"properties": {"exact": {"is_held": false, "detail": "Different: to."}}}'
    world.tamper("update receipts set facts = %(fact)s where kind = 'verification'", fact=fact)
    found = await checks_of(world, made.tool_call_id)
    assert (found["exact"].state, found["exact"].detail) == ("failed", "Different: to.")
    assert found["timely"].state == "missing"


async def test_the_newest_packet_counts_and_comes_back_byte_for_byte(world: World) -> None:
    made = await world.propose()
    async with world.tx() as tx:
        assert await latest_packet(tx, "tool_call", made.tool_call_id) is None
        await store_packet(tx, "tool_call", made.tool_call_id, b"\x00old", "verified", world.clock())
        await store_packet(tx, "tool_call", made.tool_call_id, b"\xffnew", "failed", world.clock())
    async with world.tx() as tx:
        found = await latest_packet(tx, "tool_call", made.tool_call_id)
        assert await latest_packet(tx, "run", made.tool_call_id) is None
    assert found is not None
    assert (found.body, found.verdict, found.kind, found.subject_id) == (
        b"\xffnew",
        "failed",
        "tool_call",
        made.tool_call_id,
    )
    packeted = (await checks_of(world, made.tool_call_id))["proof-packeted"]
    assert (packeted.state, "failed" in packeted.detail) == ("failed", True)


async def test_another_account_sees_no_packet(world: World) -> None:
    made = await world.propose()
    async with world.tx() as tx:
        await store_packet(tx, "tool_call", made.tool_call_id, b"{}", "verified", world.clock())
    async with world.tx(made.tool_call_id) as tx:
        assert await latest_packet(tx, "tool_call", made.tool_call_id) is None
