"""Packets of real rows: what was really done verifies, and what was tampered with in the database does not."""

import json
from uuid import uuid4

import pytest

from tests.proof.stories import begin_run, packet_of, send
from tests.world import World
from trinity import gateway
from trinity.errors import NotFound
from trinity.proof import Signer
from trinity_verify import Verdict, verify


def failing(verdict: Verdict) -> list[str]:
    """The counted steps that did not pass, with their reasons."""
    said_only = ("log", "passkeys")
    return [f"{one.name}: {one.reason}" for one in verdict.steps if one.verdict != "passed" and one.name not in said_only]


async def test_a_sent_mail_verifies_with_the_pinned_key_and_only_with_it(world: World, log_key: Signer) -> None:
    made = await send(world)
    packet = await packet_of(world, "tool_call", made.tool_call_id, log_key)
    verdict = verify(packet, log_key.verifier_key)
    assert failing(verdict) == []
    assert (verdict.overall, verdict.exit_code) == ("verified", 0)
    assert (verify(packet, None).overall, verify(packet, None).exit_code) == ("self_consistent", 1)


async def test_a_run_with_a_thread_and_a_draft_verifies(world: World, log_key: Signer) -> None:
    story = await begin_run(world)
    first = await story.send("first")
    await story.send("draft", "gmail.draft", subject="A note")
    reply = {"subject": "Re: Your website", "in_reply_to": str(first.tool_call_id)}
    await story.send("reply", "gmail.reply", **reply)
    await story.finish()
    packet = await packet_of(world, "run", story.run_id, log_key)
    assert failing(verify(packet, log_key.verifier_key)) == []
    body = json.loads(packet)["body"]
    assert [len(body[name]) for name in ("tool_calls", "sources", "drafts")] == [3, 2, 1]
    assert body["run"]["package_sha256"] == "ab" * 32
    assert b"Ignore all rules" not in packet


async def test_calls_that_never_acted_are_accounted_for(world: World, log_key: Signer) -> None:
    story = await begin_run(world)
    rejected, cancelled, edited = [await story.propose(name) for name in ("rejected", "cancelled", "edited")]
    await world.decide(rejected, "reject")
    await gateway.cancel(world.app, world.owner, cancelled.tool_call_id)
    assert edited.approval_id
    new = world.mail(text="Another text.")
    replaced = await gateway.edit(world.app, world.owner, edited.approval_id, new, "edited-2")
    await story.propose("waiting")
    packet = await packet_of(world, "run", story.run_id, log_key)
    assert failing(verify(packet, log_key.verifier_key)) == []
    states = {one["id"]: one["state"] for one in json.loads(packet)["body"]["tool_calls"]}
    assert states[str(edited.tool_call_id)] == "superseded"
    assert states[str(replaced.tool_call_id)] == "awaiting_approval"


async def test_an_effect_in_doubt_is_said_to_be_unknown_until_it_is_reconciled(world: World, log_key: Signer) -> None:
    made = await world.approved()
    await world.fault("accept_then_drop", "drafts/send")
    await world.advance(made.tool_call_id)
    assert (await world.call(made.tool_call_id)).state == "in_doubt"
    packet = await packet_of(world, "tool_call", made.tool_call_id, log_key)
    verdict = verify(packet, log_key.verifier_key)
    assert verdict.overall == "failed"
    assert {one.name for one in verdict.steps if one.verdict == "missing"} == {"receipts", "log", "passkeys"}
    assert any("not known yet" in one for one in verdict.says_missing)

    assert (await world.drive(made.tool_call_id)).state == "succeeded"
    await gateway.verify(world.rails, world.account_id, made.tool_call_id)
    settled = await packet_of(world, "tool_call", made.tool_call_id, log_key)
    assert failing(verify(settled, log_key.verifier_key)) == []


async def test_a_send_that_was_proven_absent_and_repeated_verifies(world: World, log_key: Signer) -> None:
    made = await world.approved()
    await world.fault("reject_500", "drafts/send")
    assert (await world.drive(made.tool_call_id)).state == "succeeded"
    await gateway.verify(world.rails, world.account_id, made.tool_call_id)
    packet = await packet_of(world, "tool_call", made.tool_call_id, log_key)
    assert failing(verify(packet, log_key.verifier_key)) == []
    steps = [(one["step"], one["outcome"]) for one in json.loads(packet)["body"]["tool_calls"][0]["attempts"]]
    assert ("reconcile", "absent") in steps
    assert len(await world.sent_as_approved(made)) == 1


async def test_a_sent_mail_that_was_not_compared_yet_does_not_verify(world: World, log_key: Signer) -> None:
    made = await world.approved()
    await world.drive(made.tool_call_id)
    packet = await packet_of(world, "tool_call", made.tool_call_id, log_key)
    verdict = verify(packet, log_key.verifier_key)
    assert verdict.overall == "failed"
    assert {"records", "comparisons"} <= {one.name for one in verdict.steps if one.verdict == "missing"}
    assert sum("missing" in one or "not compared" in one for one in verdict.says_missing) == 2


TAMPERINGS = {
    "envelope": "update envelopes set canonical = canonical || ' '::bytea",
    "payload": "update envelopes set payload = payload || 'x'::bytea",
    "salt": "update envelopes set salt = sha256(salt)",
    "typed payload": "update envelopes set typed_payload = '{}'",
    "call state": "update tool_calls set state = 'cancelled'",
    "approval digest": "update approval_requests set envelope_digest = repeat('a', 64)",
    "approval quorum": "update approval_requests set quorum = 0",
    "approval use": "update approval_requests set spent_at = spent_at + interval '1 s'",
    "statement": "update approval_decisions set statement = statement || ' '::bytea",
    "approver": "update approval_decisions set approver_id = id",
    "decision gone": "delete from approval_decisions",
    "request gone": "delete from approval_requests",
    "step gone": "delete from attempts where step = 'drafts.create'",
    "steps gone": "delete from attempts",
    "step's bytes": "update attempts set intent = intent || '{\"payload_sha256\": \"00\"}'",
    "step's answer": "update attempts set raw = 'x'",
    "receipt's bytes": "update receipts set raw = raw || ' '::bytea",
    "receipt gone": "delete from receipts where kind = 'sent'",
    "record gone": "delete from receipts where kind = 'provider_record'",
    "comparison": "update receipts set facts = facts || '{\"differences\": [\"to\"]}' where kind = 'verification'",
    "event gone": "delete from audit_events where kind = 'approval.decided'",
    "event's facts": "update audit_events set facts = '{}' where kind = 'tool_call.proposed'",
    "event's time": "update audit_events set created_at = created_at - interval '1 s' where kind = 'tool_call.claimed'",
}


@pytest.mark.parametrize("statement", TAMPERINGS.values(), ids=TAMPERINGS)
async def test_a_tampered_database_exports_a_packet_that_fails(world: World, log_key: Signer, statement: str) -> None:
    made = await send(world)
    assert world.tamper(statement)[0]["count"] >= 1
    packet = await packet_of(world, "tool_call", made.tool_call_id, log_key)
    verdict = verify(packet, log_key.verifier_key)
    assert verdict.overall == "failed"
    assert failing(verdict)


async def test_a_packet_of_another_account_or_of_nothing_is_not_found(world: World, log_key: Signer) -> None:
    for kind in ("run", "tool_call"):
        with pytest.raises(NotFound):
            await packet_of(world, kind, uuid4(), log_key)
