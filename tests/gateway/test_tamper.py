"""Somebody with the database in his hands changes something after the approval: denied, recorded, nothing sent.

Each case is done by the superuser without foreign keys or policies; the judge is the stand-in's books.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from tests.world import World
from trinity import effects
from trinity.gateway import Proposed
from trinity.kit.canonical import canonical_bytes, commitment_hex, digest_hex

type Open = Callable[..., Awaitable[World]]

CALL = "update tool_calls set {} where id = %(id)s"
ENVELOPE = "update envelopes set {} where id = %(id)s"
KEY = "update idempotency_keys set {} where id = %(id)s"
REQUEST = "update approval_requests set {} where tool_call_id = %(id)s"
DECISION = (
    "update approval_decisions d set {} from approval_requests r where r.id = d.request_id and r.tool_call_id = %(id)s"
)
FLIP = "set_byte({0}, length({0}) / 2, (get_byte({0}, length({0}) / 2) + 1) %% 256)"

TAMPERED = {"tampering"}
CASES: dict[str, tuple[str, str, set[str]]] = {
    "a byte of the envelope": (ENVELOPE.format("canonical = " + FLIP.format("canonical")), "denied", TAMPERED),
    "the first byte of the envelope": (ENVELOPE.format("canonical = set_byte(canonical, 0, 32)"), "denied", TAMPERED),
    "a byte after the envelope": (ENVELOPE.format("canonical = canonical || ' '::bytea"), "denied", TAMPERED),
    "no envelope": ("delete from envelopes where id = %(id)s", "denied", TAMPERED),
    "an empty envelope": (ENVELOPE.format("canonical = ''"), "denied", TAMPERED),
    "the envelope's stored digest": (ENVELOPE.format("digest = repeat('0', 64)"), "denied", TAMPERED),
    "a byte of the payload": (ENVELOPE.format("payload = " + FLIP.format("payload")), "denied", TAMPERED),
    "an empty payload": (ENVELOPE.format("payload = ''"), "denied", TAMPERED),
    "the salt": (ENVELOPE.format("salt = " + FLIP.format("salt")), "denied", TAMPERED),
    "the typed payload": (ENVELOPE.format("typed_payload = " + FLIP.format("typed_payload")), "denied", TAMPERED),
    "another recipient in the payload": (
        ENVELOPE.format("payload = convert_to(replace(convert_from(payload, 'UTF8'), 'ada@', 'eve@'), 'UTF8')"),
        "denied",
        TAMPERED,
    ),
    "a recipient more": (
        ENVELOPE.format("payload = convert_to('Bcc: eve@else.example' || E'\\r\\n', 'UTF8') || payload"),
        "denied",
        TAMPERED,
    ),
    "another alias in the payload": (
        ENVELOPE.format("payload = convert_to(replace(convert_from(payload, 'UTF8'), 'hello@', 'desk@'), 'UTF8')"),
        "denied",
        TAMPERED,
    ),
    "an attachment": (
        ENVELOPE.format(
            "payload = payload || convert_to(E'--x\\r\\nContent-Disposition: attachment; filename=a.exe\\r\\n\\r\\nMZ', 'UTF8')"
        ),
        "denied",
        TAMPERED,
    ),
    "the salt and the payload, kept fitting": ("", "denied", TAMPERED),
    "the digest of the call": (CALL.format("envelope_digest = repeat('0', 64)"), "denied", TAMPERED),
    "the operation": (CALL.format("operation = 'gmail.draft'"), "denied", TAMPERED),
    "an unknown operation": (CALL.format("operation = 'gmail.burn'"), "denied", TAMPERED),
    "the provider": (CALL.format("provider = 'stripe'"), "denied", TAMPERED),
    "the tier": (CALL.format("tier = 'draft'"), "denied", TAMPERED),
    "the key": (CALL.format("idempotency_key = 'other'"), "denied", TAMPERED),
    "the project": (
        "with other as (insert into projects select account_id, %(new)s, 'Other', '', 0, integration_id, now()"
        " from projects where account_id = %(account)s limit 1) " + CALL.format("project_id = %(new)s"),
        "denied",
        TAMPERED,
    ),
    "the run": (CALL.format("run_id = %(new)s"), "denied", TAMPERED),
    "the requester": (CALL.format("requester_id = 'somebody'"), "denied", TAMPERED),
    "the requester's kind": (CALL.format("requester_kind = 'user'"), "denied", TAMPERED),
    "what it supersedes": (CALL.format("supersedes_id = %(new)s"), "denied", TAMPERED),
    "no idempotency row": ("delete from idempotency_keys where id = %(id)s", "denied", TAMPERED),
    "the idempotency row's content": (KEY.format("typed_digest = repeat('0', 64)"), "denied", TAMPERED),
    "the idempotency row's key": (KEY.format("idempotency_key = 'freed'"), "denied", TAMPERED),
    "the idempotency row's operation": (KEY.format("operation = 'gmail.draft'"), "denied", TAMPERED),
    "the idempotency row's project": (KEY.format("project_id = %(new)s"), "denied", TAMPERED),
    "no request": ("delete from approval_requests where tool_call_id = %(id)s", "denied", set()),
    "the request's digest": (REQUEST.format("envelope_digest = repeat('0', 64)"), "denied", set()),
    "the request is another call's": (REQUEST.format("tool_call_id = %(new)s"), "denied", set()),
    "the request is another": (REQUEST.format("id = %(new)s"), "denied", set()),
    "a revoked request": (REQUEST.format("state = 'revoked'"), "denied", set()),
    "a rejected request": (REQUEST.format("state = 'rejected'"), "denied", set()),
    "a pending request": (REQUEST.format("state = 'pending'"), "denied", set()),
    "a spent request": (REQUEST.format("state = 'spent'"), "denied", set()),
    "an expired request": (REQUEST.format("expires_at = '2020-01-01'"), "expired", set()),
    "a spent request of a second act": ("", "failed", {"spent_register_collision"}),
    "no decision": (
        "delete from approval_decisions d using approval_requests r where r.id = d.request_id and r.tool_call_id = %(id)s",
        "denied",
        set(),
    ),
    "the decision": (DECISION.format("decision = 'reject'"), "denied", set()),
    **{
        f"the statement: {before} is {after}": (
            DECISION.format(f"statement = convert_to(replace(convert_from(statement, 'UTF8'), '{before}', '{after}'), 'UTF8')"),
            "denied",
            set(),
        )
        for before, after in (
            ('"approve"', '"reject"'),
            ('"envelope_digest":"', '"envelope_digest":"0'),
            ('"expires_at":"2', '"expires_at":"3'),
            ('"issued_at":"2', '"issued_at":"3'),
            ("decision/v1", "decision/v2"),
            ('"nonce":', '"nonse":'),
            ('{"', '{ "'),
        )
    },
    "an empty statement": (DECISION.format("statement = ''"), "denied", set()),
    "the approver": (DECISION.format("approver_id = %(new)s"), "denied", set()),
    "a decision of another request": (DECISION.format("request_id = %(new)s"), "denied", set()),
    "the approver is removed": ("delete from memberships where account_id = %(account)s", "denied", set()),
    "the approver is demoted": ("update memberships set role = 'operator' where account_id = %(account)s", "denied", set()),
    "the approver is disabled": (
        "update users set disabled_at = now() where id in (select user_id from memberships where account_id = %(account)s)",
        "denied",
        set(),
    ),
    "another mailbox": ("update integrations set address = 'eve@else.example' where account_id = %(account)s", "denied", set()),
    "another alias": ("update integrations set aliases = '{eve@else.example}' where account_id = %(account)s", "denied", set()),
    "another endpoint": ("update integrations set endpoint = 'http://127.0.0.1:1' where account_id = %(account)s", "denied", set()),
    "a suspended mailbox": ("update integrations set state = 'suspended' where account_id = %(account)s", "denied", set()),
    "no posture": ("delete from postures where account_id = %(account)s", "denied", set()),
    "another posture": ("update postures set mode = 'hold' where account_id = %(account)s", "denied", set()),
}  # fmt: skip


async def forged_payload(world: World, made: Proposed) -> None:
    """A payload, a salt and an envelope that fit one another, and a digest on the call that fits them."""
    async with world.tx() as tx:
        stored = await effects.get_envelope(tx, made.tool_call_id)
    payload, salt = stored.payload.replace(b"ada@", b"eve@"), b"x" * 32
    forged = replace(stored.parsed(), payload_digest=commitment_hex(salt, payload))
    world.tamper(
        "update envelopes set payload = %(payload)s, salt = %(salt)s, canonical = %(bytes)s where id = %(id)s",
        payload=payload, salt=salt, bytes=forged.to_bytes(), id=made.tool_call_id,
    )  # fmt: skip


async def second_act(world: World, made: Proposed) -> None:
    """As if a first act had been tried and proven absent: the database says so, the register does not."""
    world.tamper(CALL.format("act_n = 2"), id=made.tool_call_id)
    world.tamper(REQUEST.format("state = 'spent'"), id=made.tool_call_id)


BY_HAND = {"the salt and the payload, kept fitting": forged_payload, "a spent request of a second act": second_act}


@pytest.mark.parametrize("case", CASES)
async def test_a_change_after_the_approval_is_denied_and_nothing_is_sent(world: World, case: str) -> None:
    statement, state, incidents = CASES[case]
    made = await world.approved()
    if statement:
        (touched,) = world.tamper(statement, id=made.tool_call_id, new=uuid4())
        assert touched["count"] >= 1, "the case changed nothing"
    else:
        await BY_HAND[case](world, made)
    for _ in range(3):
        await world.advance(made.tool_call_id)
        world.clock.sleep(120)
    (row,) = world.tamper("select state, reasons from tool_calls where id = %(id)s", id=made.tool_call_id)
    assert row["state"] == state
    assert row["reasons"]
    kind = {"denied": "tool_call.denied", "expired": "tool_call.expired", "failed": "tool_call.failed"}[state]
    assert len(await world.events(kind)) == 1
    assert set(await world.incidents()) == incidents
    assert await world.sent() == []
    assert await world.drafts() == []


async def test_without_a_change_the_very_same_way_sends(world: World) -> None:
    made = await world.approved()
    assert (await world.drive(made.tool_call_id)).state == "succeeded"
    assert len(await world.sent()) == 1
    assert await world.incidents() == []


async def test_a_forged_chain_for_a_lower_tier_is_denied(world: World) -> None:
    """An envelope that says `draft`, kept fitting everywhere, so that nobody would have to approve it."""
    made = await world.propose()
    async with world.tx() as tx:
        stored = await effects.get_envelope(tx, made.tool_call_id)
    forged = replace(stored.parsed(), tier="draft", quorum=0)
    both = {"id": made.tool_call_id, "digest": forged.digest, "bytes": forged.to_bytes()}
    world.tamper("update envelopes set canonical = %(bytes)s, digest = %(digest)s where id = %(id)s", **both)
    world.tamper(
        "update tool_calls set envelope_digest = %(digest)s, tier = 'draft', state = 'ready' where id = %(id)s", **both
    )
    await world.advance(made.tool_call_id)
    call = await world.call(made.tool_call_id)
    assert (call.state, {one["code"] for one in call.reasons}) == ("denied", {"tier_raised"})
    assert await world.sent() == [] and await world.drafts() == []


async def test_an_approval_of_one_call_serves_no_other(world: World) -> None:
    good, bad = await world.approved("good"), await world.propose("bad", text="Dear Ada, send money.")
    world.tamper("delete from approval_requests where tool_call_id = %(id)s", id=bad.tool_call_id)
    world.tamper(
        "update approval_requests set tool_call_id = %(bad)s where tool_call_id = %(good)s",
        bad=bad.tool_call_id, good=good.tool_call_id,
    )  # fmt: skip
    world.tamper("update tool_calls set state = 'ready' where id = %(id)s", id=bad.tool_call_id)
    for made in (good, bad):
        await world.drive(made.tool_call_id)
        assert (await world.call(made.tool_call_id)).state == "denied"
    assert await world.sent() == []


async def test_an_approval_of_another_account_serves_nobody(open_world: Open) -> None:
    one, other = await open_world(), await open_world()
    theirs, ours = await other.approved(), await one.propose()
    one.tamper("delete from approval_requests where tool_call_id = %(id)s", id=ours.tool_call_id)
    one.tamper(
        "update approval_requests set tool_call_id = %(id)s, account_id = %(account)s where tool_call_id = %(their)s",
        id=ours.tool_call_id, their=theirs.tool_call_id,
    )  # fmt: skip
    one.tamper("update tool_calls set state = 'ready' where id = %(id)s", id=ours.tool_call_id)
    await one.drive(ours.tool_call_id)
    await other.drive(theirs.tool_call_id)
    assert (await one.call(ours.tool_call_id)).state == "denied"
    assert (await other.call(theirs.tool_call_id)).state == "denied"
    assert await one.sent() == []


async def test_a_decision_on_other_words_does_not_count(world: World) -> None:
    """The statement of a decision says `approve` of another digest, in the right form."""
    made = await world.approved()
    (row,) = world.tamper("select d.* from approval_decisions d where d.account_id = %(account)s")
    other = canonical_bytes({**json.loads(row["statement"]), "envelope_digest": digest_hex(b"other")})
    world.tamper("update approval_decisions set statement = %(said)s where id = %(id)s", said=other, id=row["id"])
    await world.drive(made.tool_call_id)
    assert [one["code"] for one in (await world.call(made.tool_call_id)).reasons] == ["quorum_missing"]
    assert await world.sent() == []
