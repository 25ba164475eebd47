"""Notices end to end: proposed in the caller's unit of work, said once to members alone, handed over once."""

import email
import email.policy
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.gateway.test_reconcile import Crash, crash_at
from tests.paid import Shop
from tests.sandbox.smtp.standin import SmtpStandIn
from tests.world import ENCRYPTION_KEY, World
from trinity import accounts, audit, effects, gateway, integrations
from trinity.errors import Blocked, Refused
from trinity.gateway import Proposal
from trinity.integrations import Finding, NewIntegration, SmtpCredential
from trinity.kit.actor import Actor
from trinity.kit.permit import origin_of
from trinity.proof import build_packet
from trinity.proof.keys import generate, signer
from trinity.store.database import Tx
from trinity_verify import verify

type Open = Callable[..., Awaitable[World]]


@dataclass(frozen=True, slots=True)
class Desk:
    """A world whose account has a server for notices."""

    world: World
    smtp: SmtpStandIn

    async def tell(self, template: str, facts: dict[str, Any], about: UUID | None = None) -> UUID | None:
        """Say something in a unit of work of its own."""
        async with self.world.tx() as tx:
            subject = ("thing", about) if about else None
            return await gateway.notify(self.world.app, tx, template, facts, self.world.clock(), subject)

    def mails(self) -> list[dict[str, Any]]:
        """What the server took from this world: its sender is the world's own."""
        return [one for one in self.smtp.books()["mails"] if one["sender"] == self.sender]

    @property
    def sender(self) -> str:
        """Whom this world's notices come from."""
        return f"notices@{self.world.mailbox.partition('@')[2]}"


@pytest.fixture(scope="module")
def smtp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmtpStandIn]:
    """A mail server of the whole module."""
    found = SmtpStandIn(tmp_path_factory.mktemp("smtp"))
    found.start()
    yield found
    found.end()


@pytest.fixture
async def desk(open_world: Open, gmail_url: str, smtp_server: SmtpStandIn) -> AsyncIterator[Desk]:
    """A world with a server for notices, and no fault waiting."""
    world = await open_world(TRINITY_SANDBOX_ENDPOINTS=f"{gmail_url},{smtp_server.smtp_url}")
    made = Desk(world, smtp_server)
    url = smtp_server.smtp_url
    new = NewIntegration("smtp", made.sender, "N", origin_of(url), SmtpCredential(url))
    async with world.rails.house.db.transaction(world.account_id) as tx:
        actor = Actor.system(world.account_id, "test")
        await integrations.connect(tx, ENCRYPTION_KEY, actor, new, world.settings.mode_of, world.clock())
    yield made
    smtp_server.control("faults", clear=True)


async def notices_of(tx: Tx) -> list[effects.ToolCall]:
    return await effects.list_tool_calls(tx, operations=["system.notify"])


async def verdict_of(world: World, call_id: UUID) -> str:
    """What the verifier says of the call's packet."""
    key = signer(generate("test.example/log")[0])
    async with world.tx() as tx:
        packet = await build_packet(tx, "tool_call", call_id, key, world.clock())
    verdict = verify(packet, key.verifier_key)
    return verdict.overall if verdict.overall == "verified" else str(verdict.steps)


async def test_a_notice_reaches_the_owners_once(desk: Desk) -> None:
    world, contact = desk.world, uuid4()
    await world.second_person("operator", f"operator@{world.mailbox.partition('@')[2]}")
    call_id = await desk.tell("new_lead", {"contact_id": str(contact)})
    assert call_id
    call = await world.drive(call_id)
    assert (call.state, call.operation, call.tier) == ("succeeded", "system.notify", "internal")
    (mail,) = desk.mails()
    assert mail["recipients"] == [f"owner@{world.mailbox.partition('@')[2]}"]
    message = email.message_from_bytes(desk.smtp.taken()[-1], policy=email.policy.default)
    assert message["Auto-Submitted"] == "auto-generated"
    assert f"/crm/contacts/{contact}" in str(message.get_payload())
    assert await desk.tell("new_lead", {"contact_id": str(contact)}) is None
    assert await world.drive(call_id) == call
    await gateway.verify(world.rails, world.account_id, call_id)
    assert await verdict_of(world, call_id) == "verified"
    assert len(desk.mails()) == 1


async def test_a_repeat_says_nothing_although_people_and_settings_changed(desk: Desk) -> None:
    facts = {"contact_id": str(uuid4())}
    assert await desk.tell("new_lead", facts)
    await desk.world.second_person("owner", f"second@{desk.world.mailbox.partition('@')[2]}")
    assert await desk.tell("new_lead", facts) is None
    async with desk.world.tx() as tx:
        assert len(await notices_of(tx)) == 1


async def test_it_goes_with_the_callers_unit_of_work_or_not_at_all(desk: Desk) -> None:
    facts = {"contact_id": str(uuid4())}

    async def failing() -> None:
        async with desk.world.tx() as tx:
            assert await gateway.notify(desk.world.app, tx, "new_lead", facts, desk.world.clock())
            raise RuntimeError("the caller's work failed")

    with pytest.raises(RuntimeError):
        await failing()
    async with desk.world.tx() as tx:
        assert await notices_of(tx) == []
    assert await desk.tell("new_lead", facts)


@pytest.mark.parametrize(
    ("mode", "state", "taken"),
    [("accept_then_drop", "in_doubt", 1), ("drop", "in_doubt", 0), ("reject_550", "failed", 0)],
)
async def test_a_lost_reply_is_never_answered_by_a_second_mail(desk: Desk, mode: str, state: str, taken: int) -> None:
    call_id = await desk.tell("new_lead", {"contact_id": str(uuid4())})
    assert call_id
    desk.smtp.fault(mode)
    call = await desk.world.drive(call_id, steps=25)
    assert call.state == state
    assert len(desk.mails()) == taken
    desk.world.clock.sleep(86_000)
    await desk.world.drive(call_id, steps=5)
    assert len(desk.mails()) == taken


async def test_a_busy_server_is_asked_again_and_takes_it_once(desk: Desk) -> None:
    call_id = await desk.tell("new_lead", {"contact_id": str(uuid4())})
    assert call_id
    desk.smtp.fault("reject_450", times=2)
    assert (await desk.world.drive(call_id)).state == "succeeded"
    assert len(desk.mails()) == 1


async def test_a_check_that_fails_refuses_the_notice_with_its_reason(desk: Desk) -> None:
    world = desk.world
    call_id = await desk.tell("new_lead", {"contact_id": str(uuid4())})
    assert call_id
    async with world.tx() as tx:
        server = (await integrations.list_integrations(tx, "smtp"))[0]
        await integrations.record_checks(tx, server.id, [Finding("credential", "failing", "535")], world.clock())
    call = await world.drive(call_id)
    assert call.state == "denied"
    assert [(one["policy"], one["code"]) for one in call.reasons] == [("3 binding", "not_ready")]
    assert desk.mails() == []


async def test_without_a_server_nothing_is_proposed_and_that_is_said_once_an_hour(world: World) -> None:
    async def tell() -> None:
        async with world.tx() as tx:
            facts = {"contact_id": str(uuid4())}
            assert await gateway.notify(world.app, tx, "new_lead", facts, world.clock()) is None

    for _ in range(3):
        await tell()
    assert [one.facts for one in await world.events("notice.unsent")] == [
        {"template": "new_lead", "reason": "no_mail_server"}
    ]
    world.clock.sleep(3601)
    await tell()
    assert len(await world.events("notice.unsent")) == 2
    async with world.tx() as tx:
        assert await notices_of(tx) == []


async def test_only_the_system_can_propose_one(desk: Desk) -> None:
    payload = {
        "template": "new_lead",
        "member_ids": [str(desk.world.owner_id)],
        "facts": {"contact_id": str(uuid4()), "base_url": "https://evil.example"},
    }
    for actor in (desk.world.agent, desk.world.owner):
        proposal = Proposal(desk.world.project_id, "system.notify", f"key-{actor.kind}", payload)
        with pytest.raises((Blocked, Refused)):
            await gateway.propose(desk.world.app, actor, proposal)


async def test_what_waits_expires_or_is_critical_is_told_once(desk: Desk) -> None:
    world = desk.world
    made = await world.propose()
    async with world.tx() as tx:
        await audit.record_incident(tx, "tampering", None, world.clock(), {}, is_critical=True)
        await audit.record_incident(tx, "verification_failed", None, world.clock(), {}, is_critical=False)

    async def told() -> list[str]:
        await gateway.tell_members(world.app, world.account_id)
        async with world.tx() as tx:
            return sorted(one.idempotency_key.split("/")[1] for one in await notices_of(tx))

    assert await told() == ["approval_waiting", "incident"]
    assert await told() == ["approval_waiting", "incident"]
    world.clock.sleep(world.settings.timings.approval_ttl_s + 1)
    await gateway.expire_due(world.app, world.account_id)
    assert (await world.call(made.tool_call_id)).state == "expired"
    assert "expired" in await told()
    assert len(await told()) == 3


async def test_an_approver_hears_of_approvals_and_a_disabled_owner_of_nothing(desk: Desk) -> None:
    world, domain = desk.world, desk.world.mailbox.partition("@")[2]
    await world.second_person("approver", f"approver@{domain}")
    await world.second_person("auditor", f"auditor@{domain}")
    gone = await world.second_person("owner", f"gone@{domain}")
    world.tamper("update users set disabled_at = now() where id = %(gone)s", gone=UUID(gone.id))
    await world.propose()
    await gateway.tell_members(world.app, world.account_id)
    async with world.tx() as tx:
        (call,) = await notices_of(tx)
    await world.drive(call.id)
    assert sorted(desk.mails()[0]["recipients"]) == [f"approver@{domain}", f"owner@{domain}"]


async def test_an_address_that_no_mail_can_carry_is_left_out(desk: Desk) -> None:
    world = desk.world
    olga = await world.second_person("owner", f"olga@{world.mailbox.partition('@')[2]}")
    odd = f"olga@büro-{world.mailbox.partition('@')[2]}"
    world.tamper("update users set email = %(odd)s where id = %(olga)s", odd=odd, olga=UUID(olga.id))
    call_id = await desk.tell("new_lead", {"contact_id": str(uuid4())})
    assert call_id
    await world.drive(call_id)
    assert desk.mails()[0]["recipients"] == [f"owner@{world.mailbox.partition('@')[2]}"]


async def test_a_guest_gets_a_link_of_his_project(desk: Desk) -> None:
    world = desk.world
    async with world.tx() as tx:
        await accounts.allow_domain(tx, world.owner, world.project_id, "sponsor.example", world.clock())
        actor = Actor.system(world.account_id, "test")
        (invited,) = await accounts.invite_guest(tx, actor, "gus@sponsor.example", world.clock())
        path = f"/p/northwind/guest/{invited.token}"
        call_id = await gateway.notify_guest(world.app, tx, invited.guest_id, path, invited.expires_at, world.clock())
    assert call_id
    assert (await world.drive(call_id)).state == "succeeded"
    assert desk.mails()[0]["recipients"] == ["gus@sponsor.example"]
    assert path in desk.smtp.taken()[-1].decode()


async def test_a_refund_and_a_rejection_are_told(shop: Shop) -> None:
    world = shop.world
    credential = SmtpCredential("smtp://127.0.0.1:2525")
    new = NewIntegration("smtp", "notices@x.example", "N", "smtp://127.0.0.1:2525", credential)
    async with world.rails.house.db.transaction(world.account_id) as tx:
        actor = Actor.system(world.account_id, "test")
        await integrations.connect(tx, ENCRYPTION_KEY, actor, new, lambda _: "sandbox", world.clock())
    refunded = await shop.approved_refund(await shop.order(), 1000)
    assert (await world.drive(refunded.tool_call_id)).state == "succeeded"
    rejected = await world.propose("another")
    await world.decide(rejected, "reject")
    await gateway.tell_members(world.app, world.account_id)
    async with world.tx() as tx:
        said = {one.idempotency_key: one.id for one in await notices_of(tx)}
        wanted = {f"notice/refund_settled/{refunded.tool_call_id}", f"notice/decided/{rejected.approval_id}"}
        assert set(said) == wanted
        stored = await effects.get_envelope(tx, said[f"notice/refund_settled/{refunded.tool_call_id}"])
    assert b"EUR 10.00" in stored.payload


BARRIERS_OF_A_NOTICE = (
    "claim.before_commit",
    "claim.after_commit",
    "attempt.before_commit",
    "attempt.after_commit",
    "provider.before_call",
    "provider.after_call",
    "attempt_result.before_commit",
    "attempt_result.after_commit",
    "settle.before_commit",
    "settle.after_commit",
)


@pytest.mark.parametrize("barrier", BARRIERS_OF_A_NOTICE)
async def test_a_worker_that_dies_anywhere_leaves_one_mail_or_a_doubt(desk: Desk, barrier: str) -> None:
    call_id = await desk.tell("new_lead", {"contact_id": str(uuid4())})
    assert call_id
    with crash_at(barrier) as passed, pytest.raises(Crash):
        await desk.world.advance(call_id)
    assert passed[-1] == barrier
    for _ in range(3):
        call = await desk.world.drive(call_id, steps=25)
        desk.world.clock.sleep(600)
    handed_over = len(desk.mails())
    assert handed_over <= 1
    if call.state == "succeeded":
        assert handed_over == 1
    else:
        assert call.state == "in_doubt"
        # The worker died between the last record that it wrote and the one that it did not: nobody can know.
        assert barrier in (
            "attempt.after_commit",
            "provider.before_call",
            "provider.after_call",
            "attempt_result.before_commit",
        )
