"""Proposing: typed, bound, once per key; refused with a code and a record, or not written at all."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from tests.world import World
from trinity import agency, audit, effects, gateway
from trinity.agency import NewRun
from trinity.errors import Blocked, NotFound, Refused
from trinity.gateway import Proposal
from trinity.gateway.propose import CALLS_PER_RUN_MAX, DENIALS_RECORDED_MAX
from trinity.kit.actor import Actor
from trinity.kit.canonical import canonical_bytes, commitment_hex, digest_hex
from trinity.providers.gmail.view import view


async def count(world: World) -> int:
    async with world.tx() as tx:
        return int(await tx.value("select count(*) from tool_calls") + await tx.value("select count(*) from envelopes"))


async def test_what_is_bound_is_what_stands_there(world: World) -> None:
    made = await world.propose(bcc=[{"addr": "hidden@else.example"}])
    async with world.tx() as tx:
        stored = await effects.get_envelope(tx, made.tool_call_id)
    envelope = stored.parsed()
    assert envelope.digest == stored.digest == made.envelope_digest == digest_hex(stored.canonical)
    assert envelope.payload_digest == commitment_hex(stored.salt, stored.payload)
    assert envelope.typed_digest == digest_hex(stored.typed_payload)
    assert stored.typed_payload == canonical_bytes(world.mail(bcc=[{"addr": "hidden@else.example"}]))
    assert (envelope.mode, envelope.tier, envelope.quorum) == ("sandbox", "external", 1)
    assert envelope.requester == {"kind": "agent", "id": "test-agent"}
    shown = view(stored.payload)
    assert [one.addr for one in (*shown.to, *shown.cc, *shown.bcc)] == ["ada@customer.example", "hidden@else.example"]
    assert (made.state, made.tier, made.is_new) == ("awaiting_approval", "external", True)
    assert await world.sent() == [] and await world.drafts() == []


async def test_a_key_means_one_content_for_ever(world: World) -> None:
    first = await world.propose("once")
    again = await world.propose("once")
    assert again == replace(first, is_new=False)
    for changes in (
        {"text": "Dear Ada,\n\nmay we send you a second look?"},
        {"cc": [{"addr": "x@y.example"}]},
        {"bcc": None},
    ):
        with pytest.raises(Refused) as refused:
            await world.propose("once", **changes)
        assert refused.value.code in ("idempotency_conflict", "invalid_payload")
    with pytest.raises(Refused) as refused:
        await world.propose("once", operation="gmail.draft")
    assert refused.value.code == "idempotency_conflict"
    await world.approve(first)
    assert (await world.propose("once")).state == "ready"
    assert await count(world) == 2


async def test_the_same_content_spelled_otherwise_is_the_same(world: World) -> None:
    first = await world.propose("once")
    turned = dict(reversed(world.mail().items()))
    made = await gateway.propose(world.app, world.agent, Proposal(world.project_id, "gmail.send", "once", turned))
    assert made == replace(first, is_new=False)


async def test_an_absent_field_and_its_default_are_not_the_same_content(world: World) -> None:
    await world.propose("once")
    mail = world.mail()
    del mail["cc"]
    with pytest.raises(Refused, match="something else"):
        await gateway.propose(world.app, world.agent, Proposal(world.project_id, "gmail.send", "once", mail))


async def test_fifty_at_once_with_one_key_are_one_call(world: World) -> None:
    made = await asyncio.gather(*(world.propose("race") for _ in range(50)))
    assert len({one.tool_call_id for one in made}) == 1
    assert sum(one.is_new for one in made) == 1
    assert await count(world) == 2
    assert len(await world.events("tool_call.proposed")) == 1


async def test_fifty_at_once_with_one_key_and_two_contents_are_one_call_and_conflicts(world: World) -> None:
    texts = ["Dear Ada, yes?", "Dear Ada, no?"]
    ended = await asyncio.gather(*(world.propose("race", text=texts[n % 2]) for n in range(50)), return_exceptions=True)
    made = [one for one in ended if isinstance(one, gateway.Proposed)]
    refused = [one for one in ended if isinstance(one, Refused)]
    assert (len(made), len(refused)) == (25, 25)
    assert {one.code for one in refused} == {"idempotency_conflict"}
    assert len({one.tool_call_id for one in made}) == 1


ADDR = {"addr": "ada@customer.example", "name": "Ada"}
BAD: list[tuple[str, dict[str, Any]]] = [
    ("unknown field", {"priority": "high"}),
    ("no recipients", {"to": []}),
    ("a recipient as text", {"to": ["ada@customer.example"]}),
    ("recipients as text", {"to": "ada@customer.example"}),
    ("a recipient with another field", {"to": [ADDR | {"type": "x"}]}),
    ("two in one", {"to": [{"addr": "a@b.example, c@d.example"}]}),
    ("a name in the address", {"to": [{"addr": "ceo@good.example <evil@bad.example>"}]}),
    ("an address in the name", {"to": [{"addr": "evil@bad.example", "name": "ceo@good.example"}]}),
    ("one recipient twice", {"to": [ADDR, ADDR]}),
    ("one recipient in two lists", {"to": [ADDR], "bcc": [{"addr": "ADA@customer.example"}]}),
    ("a turned name", {"to": [ADDR | {"name": "\u202emoc.live"}]}),
    ("a hidden character in the name", {"to": [ADDR | {"name": "A\u200bda"}]}),
    ("a turned subject", {"subject": "\u202eolleh"}),
    ("a tag character in the subject", {"subject": "Hello\U000e0041"}),
    ("no at", {"to": [{"addr": "ada.customer.example"}]}),
    ("a Cyrillic letter", {"to": [{"addr": "ada@exаmple.com"}]}),
    ("full width", {"to": [{"addr": "ada＠customer.example"}]}),
    ("a line break in the address", {"to": [{"addr": "ada@customer.example\r\nBcc: x@y.example"}]}),
    ("a line break in the name", {"to": [ADDR | {"name": "Ada\nBcc: x@y.example"}]}),
    ("a line break in the subject", {"subject": "Hello\r\nBcc: x@y.example"}),
    ("an empty subject", {"subject": ""}),
    ("a long subject", {"subject": "x" * 501}),
    ("an empty text", {"text": ""}),
    ("a long text", {"text": "x" * 100_001}),
    ("a NUL", {"text": "a\x00b"}),
    ("a lone surrogate", {"text": "a\ud800b"}),
    ("a carriage return", {"text": "a\rb"}),
    ("a number as subject", {"subject": 5}),
    ("null as text", {"text": None}),
    ("true as subject", {"subject": True}),
    ("a float", {"subject": 1.0}),
    ("a big integer", {"subject": 2**60}),
    ("bytes", {"text": b"bytes"}),
    ("an attachment that is no id", {"attachments": ["6f3d2b8c"]}),
    ("too many recipients", {"cc": [{"addr": f"a{n}@customer.example"} for n in range(51)]}),
    ("too deep", {"cc": [[[[[]]]]] * 1}),
    ("another mailbox", {"mailbox": "else@northwind.example"}),
    ("an unknown alias", {"from_alias": "ceo@northwind.example"}),
    ("a reply to nonsense", {"in_reply_to": "no"}),
    ("a reply to 36 dashes", {"in_reply_to": "-" * 36}),
    ("a reply to nothing", {"in_reply_to": str(uuid4())}),
]  # fmt: skip


async def test_what_is_not_valid_is_refused_with_a_code_and_writes_nothing(world: World) -> None:
    for n, (what, changes) in enumerate(BAD):
        (ended,) = await asyncio.gather(world.propose(f"bad-{n}", **changes), return_exceptions=True)
        assert isinstance(ended, Refused), f"{what} was taken, or crashed: {ended!r}"
        assert ended.status == 422, what
        assert ended.code in ("invalid_payload", "mailbox_unknown", "alias_unknown", "thread_unknown"), what
    values: list[object] = [None, [], "text", 5, True, {}]
    for value in values:
        with pytest.raises(Refused) as refused:
            await gateway.propose(world.app, world.agent, Proposal(world.project_id, "gmail.send", "v", value))
        assert (refused.value.code, refused.value.status) == ("invalid_payload", 422)
    async with world.tx() as tx:
        assert await tx.value("select count(*) from idempotency_keys") == 0
        jobs = "select count(*) from oban_jobs where args->>'account_id' = %(a)s"
        assert await tx.value(jobs, {"a": str(world.account_id)}) == 0
    assert await count(world) == 0
    assert len(await world.events("proposal.refused")) == len(BAD) + 6


@pytest.mark.parametrize("key", ["", " ", "a b", "a" * 201, "ключ", "a\n", "a\x00", "\ud800", "{}"])
async def test_a_key_is_plain(world: World, key: str) -> None:
    with pytest.raises(Refused) as refused:
        await world.propose(key)
    assert (refused.value.code, refused.value.status) == ("invalid_idempotency_key", 422)


async def test_what_is_not_registered_does_not_exist_and_is_recorded(world: World) -> None:
    for name in ("gmail.delete", "GMAIL.SEND", "gmail.send ", "", "stripe.payment_link", "x" * 500, "a\x00", "\ud800"):
        with pytest.raises(Blocked) as blocked:
            await world.propose("k", operation=name)
        assert [one.code for one in blocked.value.reasons] == ["operation_unknown"]
    proposal = Proposal(world.project_id, "gmail.send", "k", world.mail(), provider="stripe")
    with pytest.raises(Blocked):
        await gateway.propose(world.app, world.agent, proposal)
    assert len(await world.events("proposal.refused")) == 9
    assert await count(world) == 0


async def test_denials_cannot_fill_the_disk(world: World) -> None:
    async with world.tx() as tx:
        for _ in range(DENIALS_RECORDED_MAX - 1):
            await audit.record(tx, world.agent, "proposal.refused", ("project", None), world.clock(), {})
    for _ in range(3):
        with pytest.raises(Blocked):
            await world.propose("k", operation="gmail.delete")
    async with world.tx() as tx:
        kept = "select count(*) from audit_events where kind = 'proposal.refused'"
        assert await tx.value(kept) == DENIALS_RECORDED_MAX
        world.clock.sleep(3_601)
    with pytest.raises(Blocked):
        await world.propose("k", operation="gmail.delete")
    async with world.tx() as tx:
        assert await tx.value(kept) == DENIALS_RECORDED_MAX + 1


async def test_a_reason_that_cannot_be_kept_is_refused(world: World) -> None:
    for reason in ("a\x00", "\udfff"):
        proposal = Proposal(world.project_id, "gmail.send", "k", world.mail(), reason=reason)
        with pytest.raises(Refused) as refused:
            await gateway.propose(world.app, world.agent, proposal)
        assert refused.value.code == "invalid_reason"


async def test_another_project_or_run_is_not_there(world: World) -> None:
    for project_id, run_id in ((uuid4(), None), (world.project_id, uuid4())):
        proposal = Proposal(project_id, "gmail.send", "k", world.mail(), run_id=run_id)
        with pytest.raises(NotFound):
            await gateway.propose(world.app, world.agent, proposal)
    assert await count(world) == 0


async def test_a_run_proposes_as_long_as_it_lasts_and_within_its_quota(world: World) -> None:
    async with world.tx() as tx:
        run_id = await agency.start_run(tx, world.owner, NewRun(world.project_id, "Write."), world.clock())
    agent = Actor(world.account_id, "agent", str(run_id))

    async def propose(n: int) -> gateway.Proposed:
        proposal = Proposal(world.project_id, "gmail.send", f"run/{n}", world.mail(), run_id=run_id)
        return await gateway.propose(world.app, agent, proposal)

    first = await propose(0)
    for n in range(1, CALLS_PER_RUN_MAX):
        await propose(n)
    with pytest.raises(Refused) as refused:
        await propose(CALLS_PER_RUN_MAX)
    assert (refused.value.code, refused.value.status) == ("quota", 429)
    assert (await propose(0)) == replace(first, is_new=False)
    async with world.tx() as tx:
        await agency.stop_run(tx, world.owner, run_id, world.clock())
    with pytest.raises(Refused, match="stopped"):
        await propose(CALLS_PER_RUN_MAX + 1)


async def test_a_guard_that_refuses_leaves_nothing(world: World) -> None:
    async def guard(_: object) -> None:
        raise Refused("lease_revoked", "Gone.", status=401)

    proposal = Proposal(world.project_id, "gmail.send", "k", world.mail())
    with pytest.raises(Refused, match="Gone"):
        await gateway.propose(world.app, world.agent, proposal, guard=guard)
    assert await count(world) == 0


async def test_a_project_without_a_mailbox_writes_to_nobody(world: World) -> None:
    world.tamper("update projects set integration_id = null where account_id = %(account)s")
    with pytest.raises(Refused) as refused:
        await world.propose()
    assert refused.value.code == "mailbox_missing"


async def test_a_draft_needs_nobody_and_is_only_a_draft(world: World) -> None:
    made = await world.propose(operation="gmail.draft")
    assert (made.state, made.tier, made.approval_id) == ("ready", "draft", None)
    call = await world.drive(made.tool_call_id)
    assert call.state == "succeeded"
    assert await world.sent() == []
    assert len(await world.drafts()) == 1


async def test_a_reply_joins_the_thread_of_a_sent_mail(world: World) -> None:
    first = await world.approved()
    await world.drive(first.tool_call_id)
    with pytest.raises(Refused, match="names no mail that this mailbox sent"):
        await world.propose("early", operation="gmail.reply", in_reply_to=str(first.tool_call_id))
    await gateway.verify(world.rails, world.account_id, first.tool_call_id)
    with pytest.raises(Refused) as refused:
        await world.propose("other", operation="gmail.reply", in_reply_to=str(first.tool_call_id), subject="Else")
    assert refused.value.details["reason"] == "subject_mismatch"
    with pytest.raises(Refused) as refused:
        await world.propose("none", operation="gmail.reply")
    assert refused.value.code == "invalid_payload"
    made = await world.approved(
        "reply", operation="gmail.reply", in_reply_to=str(first.tool_call_id), subject="Re: Your website"
    )
    assert (await world.drive(made.tool_call_id)).state == "succeeded"
    sent = await world.sent()
    assert len(sent) == 2
    assert sent[0]["thread_id"] == sent[1]["thread_id"]


async def test_a_repeated_proposal_gets_the_first_call_though_the_alias_is_gone(world: World) -> None:
    first = await world.propose()
    world.tamper("update integrations set aliases = '{}'")
    again = await world.propose()
    assert (again.tool_call_id, again.is_new) == (first.tool_call_id, False)
