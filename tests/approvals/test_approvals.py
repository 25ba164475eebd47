"""Approvals: a decision is a statement about one digest, and a request comes to one end."""

import json
from uuid import uuid4

import pytest

from tests.world import World
from trinity import approvals, effects, gateway
from trinity.approvals import NewDecision
from trinity.errors import NotFound
from trinity.kit.canonical import canonical_bytes, digest_hex, rfc3339


async def test_a_request_asks_about_the_envelopes_digest_until_it_expires(world: World) -> None:
    made = await world.propose()
    request = await world.request(made.approval_id)
    async with world.tx() as tx:
        envelope = (await effects.get_envelope(tx, made.tool_call_id)).parsed()
    assert (request.state, request.quorum, request.tier) == ("pending", 1, "external")
    assert request.envelope_digest == envelope.digest == made.envelope_digest
    assert rfc3339(request.expires_at) == envelope.expires_at


async def test_a_decision_is_kept_as_a_canonical_statement(world: World) -> None:

    made = await world.propose()
    assert made.approval_id is not None
    new = NewDecision("approve", made.envelope_digest, "Passt so. ✓")
    await gateway.decide(world.app, world.owner, made.approval_id, new)
    async with world.tx() as tx:
        (found,) = await approvals.list_decisions(tx, made.approval_id)
    said = json.loads(found.statement)
    assert canonical_bytes(said) == found.statement
    assert found.assertion is None
    assert {name: said[name] for name in ("envelope_digest", "decision", "approver_id", "role", "reason_sha256")} == {
        "envelope_digest": made.envelope_digest,
        "decision": "approve",
        "approver_id": str(world.owner_id),
        "role": "owner",
        "reason_sha256": digest_hex("Passt so. ✓".encode()),
    }
    assert said["request_id"] == str(made.approval_id) and said["tool_call_id"] == str(made.tool_call_id)
    (event,) = await world.events("approval.decided")
    assert isinstance(event.facts, dict)
    assert event.facts["statement_sha256"] == digest_hex(found.statement)


async def test_no_two_statements_are_the_same(world: World) -> None:
    made = await world.propose()
    world.tamper("update approval_requests set quorum = 2 where id = %(id)s", id=made.approval_id)
    second = await world.second_person("approver", f"second@{world.mailbox.partition('@')[2]}")
    await world.approve(made)
    await world.approve(made, actor=second)
    assert made.approval_id is not None
    async with world.tx() as tx:
        one, other = await approvals.list_decisions(tx, made.approval_id)
    assert json.loads(one.statement)["nonce"] != json.loads(other.statement)["nonce"]


@pytest.mark.parametrize("state", ["expired", "superseded", "cancelled"])
async def test_a_request_is_closed_once(world: World, state: str) -> None:
    made = await world.propose()
    async with world.tx() as tx:
        await approvals.close_request(tx, made.tool_call_id, state, world.clock())
        await approvals.close_request(tx, made.tool_call_id, "revoked", world.clock())
    assert (await world.request(made.approval_id)).state == state


async def test_requests_are_listed_newest_first_and_by_state(world: World) -> None:
    made = [await world.propose(f"key-{n}") for n in range(3)]
    await world.approve(made[1])
    async with world.tx() as tx:
        assert [one.id for one in await approvals.list_requests(tx)] == [one.approval_id for one in reversed(made)]
        (approved,) = await approvals.list_requests(tx, state="approved")
        assert approved.id == made[1].approval_id
        assert len(await approvals.list_requests(tx, limit=2)) == 2
        assert await approvals.list_requests(tx, state="nonsense") == []
        with pytest.raises(NotFound):
            await approvals.get_request(tx, uuid4())
