"""What people do before a call acts: decide, revoke, cancel, edit, ask for execution. And what they may not."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from tests.world import World
from trinity import controls, effects, gateway
from trinity.approvals import NewDecision
from trinity.errors import Blocked, NotFound, Refused
from trinity.gateway import House, Later
from trinity.kit.actor import Actor
from trinity.store.database import Database

type Open = Callable[..., Awaitable[World]]


async def refused(doing: Awaitable[object]) -> tuple[str, int]:
    with pytest.raises(Refused) as error:
        await doing
    return error.value.code, error.value.status


def deciding(world: World, request_id: UUID | None, new: NewDecision, actor: Actor | None = None) -> Awaitable[str]:
    assert request_id is not None
    return gateway.decide(world.app, actor or world.owner, request_id, new)


async def test_a_decision_is_about_the_digest_that_was_seen(world: World) -> None:
    made = await world.propose()
    for digest in ("0" * 64, "", made.envelope_digest.upper(), made.envelope_digest + " ", "é"):
        found = await refused(deciding(world, made.approval_id, NewDecision("approve", digest)))
        assert found == ("digest_mismatch", 409)
    assert (await world.call(made.tool_call_id)).state == "awaiting_approval"
    assert await world.approve(made) == "approved"


async def test_a_decision_is_taken_once(world: World) -> None:
    made = await world.propose()
    await world.approve(made)
    assert await refused(world.approve(made)) == ("already_decided", 409)
    assert await refused(world.decide(made, "reject")) == ("already_decided", 409)
    other = await world.propose("other")
    await world.decide(other, "reject")
    assert await refused(world.approve(other)) == ("already_decided", 409)
    assert (await world.call(other.tool_call_id)).state == "rejected"


async def test_one_person_counts_once_where_two_are_needed(world: World) -> None:
    made = await world.propose()
    world.tamper("update approval_requests set quorum = 2 where id = %(id)s", id=made.approval_id)
    assert await world.approve(made) == "pending"
    assert await refused(world.approve(made)) == ("already_decided", 409)
    second = await world.second_person("approver", f"second@{world.mailbox.partition('@')[2]}")
    assert await world.approve(made, actor=second) == "approved"


async def test_who_may_decide(world: World) -> None:
    made = await world.propose()
    for role in ("operator", "auditor"):
        person = await world.second_person(role, f"{role}@{world.mailbox.partition('@')[2]}")
        assert await refused(world.approve(made, actor=person)) == ("approver_required", 403)
        assert await refused(world.decide(made, "reject", actor=person)) == ("approver_required", 403)
    assert await refused(world.approve(made, actor=world.agent)) == ("person_required", 403)
    system = Actor.system(world.account_id, "gateway")
    assert await refused(world.approve(made, actor=system)) == ("person_required", 403)
    nobody = Actor(world.account_id, "user", str(uuid4()), frozenset({"owner"}))
    assert await refused(world.approve(made, actor=nobody)) == ("not_found", 404)
    assert (await world.call(made.tool_call_id)).state == "awaiting_approval"


async def test_the_roles_of_the_session_do_not_count_the_membership_does(world: World) -> None:
    made = await world.propose()
    person = await world.second_person("auditor", f"boast@{world.mailbox.partition('@')[2]}")
    boasting = Actor(world.account_id, "user", person.id, frozenset({"owner", "approver"}))
    assert await refused(world.approve(made, actor=boasting)) == ("approver_required", 403)


async def test_a_disabled_person_is_nobody(world: World) -> None:
    made = await world.propose()
    world.tamper("update users set disabled_at = now() where id = %(id)s", id=world.owner_id)
    assert await refused(world.approve(made)) == ("not_found", 404)


async def test_the_requester_does_not_approve_but_may_say_no(world: World) -> None:
    made = await world.propose(actor=world.owner)
    assert await refused(world.approve(made)) == ("requester_cannot_approve", 403)
    second = await world.second_person("approver", f"second@{world.mailbox.partition('@')[2]}")
    assert await world.approve(made, actor=second) == "approved"
    other = await world.propose("other", actor=world.owner)
    assert await world.decide(other, "reject") == "rejected"


async def test_words_that_are_no_decision(world: World) -> None:
    made = await world.propose()
    digest = made.envelope_digest
    for word in ("", "APPROVE", "yes", "approve ", "\x00"):
        assert await refused(deciding(world, made.approval_id, NewDecision(word, digest))) == ("invalid_decision", 422)
    long = NewDecision("approve", digest, "x" * 2_001)
    assert await refused(deciding(world, made.approval_id, long)) == ("too_long", 422)
    for reason in ("a\x00", "\ud800"):
        found = await refused(deciding(world, made.approval_id, NewDecision("approve", digest, reason)))
        assert found == ("invalid_reason", 422)
    assert await refused(deciding(world, uuid4(), NewDecision("approve", digest))) == ("not_found", 404)


async def test_a_request_that_waited_too_long_is_over(world: World) -> None:
    made = await world.propose()
    world.clock.sleep(86_400)
    assert await refused(world.approve(made)) == ("expired", 409)
    assert await gateway.expire_due(world.app, world.account_id) == 1
    assert (await world.call(made.tool_call_id)).state == "expired"
    assert await refused(world.approve(made)) == ("expired", 409)
    assert await gateway.expire_due(world.app, world.account_id) == 0


async def test_a_live_endpoint_needs_a_passkey(open_world: Open) -> None:
    world = await open_world(TRINITY_SANDBOX_ENDPOINTS="http://127.0.0.1:1")
    made = await world.propose()
    async with world.tx() as tx:
        assert (await effects.get_envelope(tx, made.tool_call_id)).parsed().mode == "live"
    assert await refused(world.approve(made)) == ("passkey_required", 403)
    assert await world.decide(made, "reject") == "rejected"


async def test_another_accounts_request_is_not_there(open_world: Open) -> None:
    one, other = await open_world(), await open_world()
    made = await one.propose()
    assert made.approval_id is not None
    assert await refused(other.approve(made)) == ("not_found", 404)
    assert await refused(gateway.revoke(other.app, other.owner, made.approval_id)) == ("not_found", 404)
    assert await refused(gateway.cancel(other.app, other.owner, made.tool_call_id)) == ("not_found", 404)
    assert await refused(gateway.edit(other.app, other.owner, made.approval_id, other.mail(), "k")) == (
        "not_found",
        404,
    )
    assert await refused(gateway.request_execution(other.app, other.owner, made.tool_call_id)) == ("not_found", 404)
    with pytest.raises(NotFound):
        await other.advance(made.tool_call_id)
    assert (await one.call(made.tool_call_id)).state == "awaiting_approval"


async def test_an_approval_can_be_taken_back_until_the_claim(world: World) -> None:
    made = await world.propose()
    assert made.approval_id is not None
    await world.approve(made)
    auditor = await world.second_person("auditor", f"auditor@{world.mailbox.partition('@')[2]}")
    assert await refused(gateway.revoke(world.app, auditor, made.approval_id)) == ("forbidden", 403)
    assert await refused(gateway.revoke(world.app, world.agent, made.approval_id)) == ("person_required", 403)
    await gateway.revoke(world.app, world.owner, made.approval_id)
    world.clock.sleep(60)
    assert (await world.drive(made.tool_call_id)).state == "cancelled"
    assert (await world.request(made.approval_id)).state == "revoked"
    assert await refused(gateway.revoke(world.app, world.owner, made.approval_id)) == ("not_pending", 409)
    assert await refused(world.approve(made)) == ("not_pending", 409)
    assert await world.sent() == []


async def test_after_the_claim_nothing_is_taken_back(world: World) -> None:
    made = await world.approved()
    await world.drive(made.tool_call_id)
    assert made.approval_id is not None
    assert await refused(gateway.revoke(world.app, world.owner, made.approval_id)) == ("not_pending", 409)
    assert await refused(gateway.cancel(world.app, world.owner, made.tool_call_id)) == ("not_cancellable", 409)
    assert (await world.request(made.approval_id)).state == "spent"
    assert len(await world.sent()) == 1


@pytest.mark.parametrize("is_approved", [False, True])
async def test_a_call_can_be_cancelled_before_it_is_claimed(world: World, is_approved: bool) -> None:
    made = await world.propose()
    if is_approved:
        await world.approve(made)
    auditor = await world.second_person("auditor", f"auditor@{world.mailbox.partition('@')[2]}")
    assert await refused(gateway.cancel(world.app, auditor, made.tool_call_id)) == ("forbidden", 403)
    await gateway.cancel(world.app, world.owner, made.tool_call_id)
    world.clock.sleep(60)
    assert (await world.drive(made.tool_call_id)).state == "cancelled"
    assert (await world.request(made.approval_id)).state == "cancelled"
    assert await refused(gateway.cancel(world.app, world.owner, made.tool_call_id)) == ("not_cancellable", 409)
    assert await refused(world.approve(made)) == ("not_pending", 409)
    assert await world.sent() == []


async def test_an_edit_is_a_new_call_that_supersedes_the_old_one(world: World) -> None:
    made = await world.propose()
    assert made.approval_id is not None
    edited = await gateway.edit(world.app, world.owner, made.approval_id, world.mail(text="Dear Ada, better."), "key-2")
    assert edited.is_new and edited.approval_id != made.approval_id and edited.envelope_digest != made.envelope_digest
    old, new = await world.call(made.tool_call_id), await world.call(edited.tool_call_id)
    assert (old.state, new.state, new.supersedes_id) == ("superseded", "awaiting_approval", old.id)
    assert await refused(world.approve(made)) == ("superseded", 409)
    assert await refused(world.approve(edited)) == ("requester_cannot_approve", 403)
    second = await world.second_person("approver", f"second@{world.mailbox.partition('@')[2]}")
    await world.approve(edited, actor=second)
    world.clock.sleep(31)
    await world.drive(edited.tool_call_id)
    await world.drive(made.tool_call_id)
    assert len(await world.sent()) == len(await world.sent_as_approved(edited)) == 1


async def test_an_edit_that_is_not_valid_leaves_the_old_one_as_it_was(world: World) -> None:
    made = await world.propose()
    assert made.approval_id is not None
    for payload, key in (({}, "k"), (world.mail(subject=""), "k"), (world.mail(text="x"), "key-1")):
        assert (await refused(gateway.edit(world.app, world.owner, made.approval_id, payload, key)))[1] in (409, 422)
    auditor = await world.second_person("auditor", f"auditor@{world.mailbox.partition('@')[2]}")
    assert await refused(gateway.edit(world.app, auditor, made.approval_id, world.mail(), "k")) == ("forbidden", 403)
    assert await refused(gateway.edit(world.app, world.agent, made.approval_id, world.mail(), "k")) == (
        "person_required",
        403,
    )
    assert (await world.call(made.tool_call_id)).state == "awaiting_approval"
    await world.approve(made)
    found = await refused(gateway.edit(world.app, world.owner, made.approval_id, world.mail(text="late"), "k"))
    assert found == ("not_pending", 409)


async def test_the_undo_window_runs_from_the_last_decision_and_nothing_shortens_it(world: World) -> None:
    made = await world.propose()
    await world.approve(made)
    decided_at = (await world.request(made.approval_id)).decided_at
    assert decided_at is not None
    window_end = decided_at + timedelta(seconds=30)
    for _ in range(3):
        await gateway.request_execution(world.app, world.owner, made.tool_call_id)
        assert await world.advance(made.tool_call_id) == Later(window_end)
    jobs = world.tamper(
        "select scheduled_at, state::text from oban_jobs"
        " where args->>'tool_call_id' = %(id)s and worker like '%%.Advance'",
        id=str(made.tool_call_id),
    )
    assert len(jobs) == 4
    assert {(job["scheduled_at"], job["state"]) for job in jobs} == {(window_end.replace(tzinfo=None), "scheduled")}
    world.clock.now = window_end - timedelta(milliseconds=5)
    assert await world.advance(made.tool_call_id) == Later(window_end)
    assert await world.sent() == []
    world.clock.now = window_end
    assert await world.advance(made.tool_call_id) is None
    assert len(await world.sent()) == 1


async def test_execution_of_what_is_not_approved_is_refused_and_recorded(world: World) -> None:
    made = await world.propose()
    with pytest.raises(Blocked) as blocked:
        await gateway.request_execution(world.app, world.owner, made.tool_call_id)
    assert [one.code for one in blocked.value.reasons] == ["not_ready"]
    await world.decide(made, "reject")
    with pytest.raises(Blocked):
        await gateway.request_execution(world.app, world.owner, made.tool_call_id)
    assert len(await world.events("execution.refused")) == 2
    assert await world.advance(made.tool_call_id) is None
    assert await world.sent() == []


async def test_a_decision_and_its_job_leave_together_or_not_at_all(world: World) -> None:
    made = await world.propose()
    async with Database(world.settings.app_database_url or "", name="slow") as db:
        house = House(db, world.settings, world.clock)
        assert made.approval_id is not None
        with pytest.raises(RuntimeError, match="crash"):
            await crash_before(
                "decide.before_commit",
                gateway.decide(house, world.owner, made.approval_id, NewDecision("approve", made.envelope_digest)),
            )
    assert (await world.call(made.tool_call_id)).state == "awaiting_approval"
    assert (await world.request(made.approval_id)).state == "pending"
    jobs = "select worker from oban_jobs where args->>'tool_call_id' = %(id)s"
    found = [row["worker"] for row in world.tamper(jobs, id=str(made.tool_call_id))]
    assert found == ["trinity.jobs.models.Review"], "what brought it before a person, and nothing after"
    assert await world.approve(made) == "approved"


async def crash_before(barrier: str, doing: Awaitable[object]) -> None:
    from trinity.kit import barriers

    def hook(name: str) -> None:
        if name == barrier:
            raise RuntimeError("crash")

    barriers.install(hook)
    try:
        await doing
    finally:
        barriers.install(None)


async def test_tightening_is_immediate_and_says_what_is_in_flight(world: World) -> None:
    made = await world.approved()
    async with world.tx() as tx:
        assert await controls.tighten(tx, world.owner, "draft_only", "Wait.", world.clock()) == []
    assert (await world.drive(made.tool_call_id)).state == "denied"
    assert [one["code"] for one in (await world.call(made.tool_call_id)).reasons] == ["posture"]
    assert await world.sent() == []


@pytest.mark.parametrize("verb", ["cancel", "revoke", "decide"])
async def test_what_waited_for_the_lock_happened_after_what_held_it(world: World, verb: str) -> None:
    made = await world.propose()
    approval_id = made.approval_id
    assert approval_id is not None
    async with world.tx() as tx:
        await effects.lock_call(tx, made.tool_call_id)
        new = NewDecision("approve", made.envelope_digest)
        doing: dict[str, Callable[[], Coroutine[None, None, object]]] = {
            "cancel": lambda: gateway.cancel(world.app, world.owner, made.tool_call_id),
            "revoke": lambda: gateway.revoke(world.app, world.owner, approval_id),
            "decide": lambda: gateway.decide(world.app, world.owner, approval_id, new),
        }
        waiting = asyncio.create_task(doing[verb]())
        await asyncio.sleep(0.2)
        held_until = world.clock()
    await waiting
    kind = {"cancel": "tool_call.cancelled", "revoke": "approval.revoked", "decide": "approval.decided"}[verb]
    (event,) = await world.events(kind)
    assert event.created_at > held_until
