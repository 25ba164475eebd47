"""Packets of real rows: what was really done verifies, and what was tampered with in the database does not."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.proof.stories import begin_run, packet_of, send
from tests.world import World
from trinity import audit, gateway
from trinity.errors import NotFound, Refused
from trinity.proof import Signer, graph, packets
from trinity_verify import Verdict, verify


def failing(verdict: Verdict) -> list[str]:
    """The counted steps that did not pass, with their reasons."""
    said_only = ("log", "passkeys")
    return [
        f"{one.name}: {one.reason}" for one in verdict.steps if one.verdict != "passed" and one.name not in said_only
    ]


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
    assert body["runs"][0]["package_sha256"] == "ab" * 32
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
    "envelope": ("envelopes", "update envelopes set canonical = canonical || ' '::bytea"),
    "payload": ("payloads", "update envelopes set payload = payload || 'x'::bytea"),
    "salt": ("payloads", "update envelopes set salt = sha256(salt)"),
    "typed payload": ("payloads", "update envelopes set typed_payload = '{}'"),
    "call state": ("events", "update tool_calls set state = 'cancelled'"),
    "operation": ("envelopes", "update tool_calls set operation = 'gmail.draft'"),
    "approval digest": ("approvals", "update approval_requests set envelope_digest = repeat('a', 64)"),
    "approval quorum": ("approvals", "update approval_requests set quorum = 0"),
    "approval use": ("approvals", "update approval_requests set spent_at = spent_at + interval '1 s'"),
    "statement": ("approvals", "update approval_decisions set statement = statement || ' '::bytea"),
    "approver": ("approvals", "update approval_decisions set approver_id = id"),
    "decision turned": ("approvals", "update approval_decisions set decision = 'reject'"),
    "decision gone": ("approvals", "delete from approval_decisions"),
    "request gone": ("approvals", "delete from approval_requests"),
    "step gone": ("attempts", "delete from attempts where step = 'drafts.create'"),
    "steps gone": ("receipts", "delete from attempts"),
    "step's bytes": ("attempts", "update attempts set intent = intent || '{\"payload_sha256\": \"00\"}'"),
    "step's answer": ("attempts", "update attempts set raw = 'x'"),
    "receipt's bytes": ("receipts", "update receipts set raw = raw || ' '::bytea"),
    "receipt gone": ("receipts", "delete from receipts where kind = 'sent'"),
    "record gone": ("records", "delete from receipts where kind = 'provider_record'"),
    "comparison": (
        "comparisons",
        "update receipts set facts = facts || '{\"differences\": [\"to\"]}' where kind = 'verification'",
    ),
    "event gone": ("events", "delete from audit_events where kind = 'approval.decided'"),
    "event's facts": ("events", "update audit_events set facts = '{}' where kind = 'tool_call.proposed'"),
    "event's time": ("sequence", "update audit_events set created_at = created_at - interval '1 s'"),
    "account": ("envelopes", "update envelopes set canonical = convert_to(replace(convert_from(canonical, 'utf8'),"
                " '\"account_id\":\"0', '\"account_id\":\"1'), 'utf8')"),
}  # fmt: skip
"""What somebody with the database in his hands may do, and the step that has to find it."""


@pytest.mark.parametrize("what", TAMPERINGS)
async def test_a_tampered_database_exports_a_packet_that_fails(world: World, log_key: Signer, what: str) -> None:
    made = await send(world)
    step_name, statement = TAMPERINGS[what]
    assert world.tamper(statement)[0]["count"] >= 1
    packet = await packet_of(world, "tool_call", made.tool_call_id, log_key)
    verdict = verify(packet, log_key.verifier_key)
    assert verdict.overall == "failed"
    assert step_name in {one.name for one in verdict.steps if one.verdict != "passed"}, failing(verdict)
    assert "could not be taken" not in str(failing(verdict))


async def test_a_packet_is_of_one_moment_whatever_happens_meanwhile(
    world: World, log_key: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await world.propose()
    read, readings = graph._read, 0

    async def read_and_be_overtaken(*arguments: Any) -> graph.Graph:
        nonlocal readings
        found = await read(*arguments)
        readings += 1
        if readings == 1:
            await world.approve(made)
        return found

    monkeypatch.setattr(graph, "_read", read_and_be_overtaken)
    packet = await packet_of(world, "tool_call", made.tool_call_id, log_key)
    assert failing(verify(packet, log_key.verifier_key)) == []
    assert json.loads(packet)["body"]["tool_calls"][0]["state"] == "ready"
    assert readings == 3


async def test_what_never_stands_still_is_refused(
    world: World, log_key: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await world.propose()
    read = graph._read

    async def read_and_be_overtaken(*arguments: Any) -> graph.Graph:
        found = await read(*arguments)
        async with world.tx() as tx:
            await audit.record(tx, world.owner, "x.noted", ("tool_call", made.tool_call_id), world.clock(), {})
        return found

    monkeypatch.setattr(graph, "_read", read_and_be_overtaken)
    with pytest.raises(Refused) as refusal:
        await packet_of(world, "tool_call", made.tool_call_id, log_key)
    assert refusal.value.code == "busy"


async def test_a_packet_that_would_be_too_large_is_refused(
    world: World, log_key: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await world.propose()
    monkeypatch.setattr(packets, "PACKET_BYTES_MAX", 1_000)
    with pytest.raises(Refused) as refusal:
        await packet_of(world, "tool_call", made.tool_call_id, log_key)
    assert refusal.value.code == "too_large"


async def test_more_events_than_one_page_are_all_there(
    world: World, log_key: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await send(world)
    monkeypatch.setattr(graph, "EVENTS_PAGE", 2)
    packet = await packet_of(world, "tool_call", made.tool_call_id, log_key)
    assert failing(verify(packet, log_key.verifier_key)) == []


async def test_a_packet_of_another_account_or_of_nothing_is_not_found(world: World, log_key: Signer) -> None:
    for kind in ("run", "tool_call"):
        with pytest.raises(NotFound):
            await packet_of(world, kind, uuid4(), log_key)
