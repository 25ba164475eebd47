"""What an agent wrote is looked at by models before people are asked, and once more at the claim."""

from dataclasses import replace

import pytest

from tests.world import World
from trinity import gateway
from trinity.errors import Refused
from trinity.gateway import OPERATIONS, Proposal, Proposed

ROUTES = ("copy_safety", "qa")


@pytest.fixture(autouse=True)
def routes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mails of agents need both."""
    for name in ("gmail.send", "gmail.reply"):
        monkeypatch.setitem(OPERATIONS, name, replace(OPERATIONS[name], routes=ROUTES))


async def propose(world: World, key: str = "key-1") -> Proposed:
    return await gateway.propose(world.app, world.agent, Proposal(world.project_id, "gmail.send", key, world.mail()))


async def conclude(world: World, made: Proposed) -> str:
    return await gateway.conclude_review(world.app, world.account_id, made.tool_call_id)


async def test_an_agents_mail_waits_for_its_review_and_has_a_job(world: World) -> None:
    made = await propose(world)
    assert (made.state, made.approval_id) == ("proposed", None)
    async with world.tx() as tx:
        rows = await tx.all(
            "select worker from oban_jobs where args->>'tool_call_id' = %(id)s", {"id": str(made.tool_call_id)}
        )
    assert [row["worker"] for row in rows] == ["trinity.jobs.models.Review"]
    assert await world.advance(made.tool_call_id) is None
    assert (await world.call(made.tool_call_id)).state == "proposed"


async def test_a_persons_mail_needs_none(world: World) -> None:
    made = await world.propose(actor=world.owner)
    assert made.state == "awaiting_approval"


async def test_two_yeses_ask_people_once(world: World) -> None:
    made = await propose(world)
    for route in ROUTES:
        await world.judge(made, route, "passed")
    assert await conclude(world, made) == "awaiting_approval"
    assert await conclude(world, made) == "awaiting_approval"
    call = await world.call(made.tool_call_id)
    assert (await world.request(call.approval_id)).state == "pending"
    assert len(await world.events("tool_call.reviewed")) == 1
    again = await propose(world)
    assert (again.is_new, again.state, again.approval_id) == (False, "awaiting_approval", call.approval_id)


@pytest.mark.parametrize(("outcome", "code"), [("blocked", "review_blocked"), ("failed", "review_missing")])
async def test_a_no_or_no_answer_ends_it(world: World, outcome: str, code: str) -> None:
    made = await propose(world)
    await world.judge(made, "copy_safety", "passed")
    await world.judge(made, "qa", outcome)
    assert await conclude(world, made) == "denied"
    call = await world.call(made.tool_call_id)
    assert (call.state, [one["code"] for one in call.reasons], call.approval_id) == ("denied", [code], None)


async def test_a_review_of_other_bytes_is_none(world: World) -> None:
    made = await propose(world)
    for route in ROUTES:
        await world.judge(made, route, "passed", payload=b"other bytes")
    assert await conclude(world, made) == "denied"


async def test_a_silent_model_leaves_it_as_it_is(world: World) -> None:
    made = await propose(world)
    await world.judge(made, "qa", "passed")
    with pytest.raises(Refused) as refused:
        await conclude(world, made)
    assert refused.value.code == "review_missing"
    assert (await world.call(made.tool_call_id)).state == "proposed"


async def test_the_claim_asks_again(world: World) -> None:
    made = await world.approved()
    await world.judge(made, "qa", "blocked")
    call = await world.drive(made.tool_call_id)
    assert (call.state, [one["code"] for one in call.reasons]) == ("denied", ["review_blocked"])
    assert await world.sent_as_approved(made) == []


async def test_a_database_that_skips_the_review_sends_nothing(world: World) -> None:
    made = await propose(world)
    other = await world.approved("other")
    world.tamper(
        "insert into approval_requests (account_id, id, tool_call_id, envelope_digest, quorum, state, created_at, expires_at)"
        " select account_id, gen_random_uuid(), id, envelope_digest, 1, 'pending', created_at, expires_at"
        " from tool_calls where id = %(id)s",
        id=made.tool_call_id,
    )
    world.tamper("update tool_calls set state = 'awaiting_approval' where id = %(id)s", id=made.tool_call_id)
    call = await world.call(made.tool_call_id)
    await world.approve(replace(made, approval_id=call.approval_id))
    world.clock.sleep(31)
    call = await world.drive(made.tool_call_id)
    assert call.state == "denied"
    assert {one["code"] for one in call.reasons} == {"review_missing"}
    assert (await world.drive(other.tool_call_id)).state == "succeeded"


async def test_a_lost_review_gets_another_job_and_an_old_one_expires(world: World) -> None:
    made = await propose(world)
    async with world.tx() as tx:
        await tx.execute(
            "update oban_jobs set state = 'cancelled' where args->>'tool_call_id' = %(id)s",
            {"id": str(made.tool_call_id)},
        )
    assert await gateway.find_stuck(world.app, world.account_id) == 1
    world.clock.sleep(world.settings.timings.approval_ttl_s + 1)
    assert await gateway.expire_due(world.app, world.account_id) == 1
    assert (await world.call(made.tool_call_id)).state == "expired"


async def test_it_can_be_cancelled_meanwhile(world: World) -> None:
    made = await propose(world)
    await gateway.cancel(world.app, world.owner, made.tool_call_id)
    assert await conclude(world, made) == "cancelled"
