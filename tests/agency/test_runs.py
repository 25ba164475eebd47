"""Runs: started by people, lived under one lease, stopped at once, told released text only."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.world import World
from trinity import agency, effects, gateway, sources
from trinity.agency import NewRun
from trinity.agency.leases import account_of_lease
from trinity.agency.runs import DRAFTS_PER_RUN_MAX, EVENTS_PER_RUN_MAX
from trinity.errors import NotFound, Refused
from trinity.gateway import OPERATIONS, Proposal
from trinity.gateway.propose import propose_in
from trinity.kit.actor import Actor
from trinity.kit.canonical import canonical_bytes
from trinity.sources import NewSource


async def refused(doing: Awaitable[object]) -> tuple[str, int]:
    with pytest.raises(Refused) as error:
        await doing
    return error.value.code, error.value.status


async def within[**P, T](world: World, verb: Callable[..., Awaitable[T]], *args: Any, **kwargs: Any) -> T:
    async with world.tx() as tx:
        return await verb(tx, *args, **kwargs)


async def started(world: World, **changes: Any) -> UUID:
    plain: dict[str, Any] = {"project_id": world.project_id, "goal": "Write to Ada."}
    new = NewRun(**plain | changes)
    return await within(world, agency.start_run, world.owner, new, world.clock())


async def begun(world: World) -> tuple[UUID, str]:
    run_id = await started(world)
    assert await within(world, agency.begin_run, run_id, world.clock())
    return run_id, await within(world, agency.grant_lease, run_id, 60.0, world.clock())


async def state_of(world: World, run_id: UUID) -> str:
    return (await within(world, agency.get_run, run_id)).state


async def test_a_person_starts_a_run_and_its_job_leaves_with_it(world: World) -> None:
    run_id = await started(world, contact_addr="ada@customer.example", contact_name="Ada")
    assert await state_of(world, run_id) == "queued"
    (job,) = world.tamper("select * from oban_jobs where args->>'run_id' = %(id)s", id=str(run_id))
    assert (job["worker"], job["queue"]) == ("trinity.jobs.workers.Run", "general")
    agent = within(world, agency.start_run, world.agent, NewRun(world.project_id, "x"), world.clock())
    assert await refused(agent) == ("person_required", 403)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"goal": ""}, "invalid_goal"),
        ({"goal": "x" * 4_001}, "invalid_goal"),
        ({"goal": "a\x00"}, "invalid_goal"),
        ({"goal": "\ud800"}, "invalid_goal"),
        ({"contact_addr": "Ada <ada@customer.example>"}, "invalid_contact"),
        ({"contact_addr": ""}, "invalid_contact"),
        ({"contact_name": "a\nb"}, "invalid_contact"),
        ({"contact_name": "x" * 201}, "invalid_contact"),
        ({"project_id": uuid4()}, "not_found"),
    ],
)
async def test_a_run_that_is_not_valid_is_refused(world: World, changes: dict[str, Any], code: str) -> None:
    assert (await refused(started(world, **changes)))[0] == code
    assert await within(world, agency.list_runs) == []


async def test_a_lease_is_the_runs_only_authority(world: World) -> None:
    run_id, token = await begun(world)
    assert await account_of_lease(world.app.db, token) == world.account_id
    leased = await within(world, agency.find_lease, token, world.clock())
    assert (leased.run_id, leased.project_id, leased.actor) == (
        run_id,
        world.project_id,
        Actor(world.account_id, "agent", str(run_id)),
    )
    for nonsense in ("", "x", token + "x", "x" * 10_000):
        assert await refused(account_of_lease(world.app.db, nonsense)) == ("lease_revoked", 401)
    newer = await within(world, agency.grant_lease, run_id, 60.0, world.clock())
    assert await refused(within(world, agency.find_lease, token, world.clock())) == ("lease_revoked", 401)
    world.clock.sleep(61)
    assert await refused(within(world, agency.find_lease, newer, world.clock())) == ("lease_expired", 401)
    rows = world.tamper("select token_sha256 from run_leases where account_id = %(account)s")
    assert all(token.encode() not in bytes(row["token_sha256"]) for row in rows)


async def test_another_accounts_lease_opens_nothing_here(open_world: Callable[..., Awaitable[World]]) -> None:
    one, other = await open_world(), await open_world()
    _, token = await begun(other)
    assert await refused(within(one, agency.find_lease, token, one.clock())) == ("lease_revoked", 401)


async def test_a_stopped_run_is_over_at_once(world: World) -> None:
    run_id, token = await begun(world)
    await within(world, agency.stop_run, world.owner, run_id, world.clock())
    assert await refused(within(world, agency.find_lease, token, world.clock())) == ("run_stopped", 401)
    assert not await within(world, agency.begin_run, run_id, world.clock())
    await within(world, agency.finish_run, run_id, "completed", "Done.", world.clock())
    assert await state_of(world, run_id) == "stopped"
    stop = within(world, agency.stop_run, world.owner, run_id, world.clock())
    assert await refused(stop) == ("run_ended", 409)
    with pytest.raises(NotFound):
        await within(world, agency.stop_run, world.owner, uuid4(), world.clock())


async def test_a_run_waits_for_its_calls_and_is_completed_with_the_last(world: World) -> None:
    run_id, token = await begun(world)
    agent = Actor(world.account_id, "agent", str(run_id))

    async def propose(key: str) -> gateway.Proposed:
        proposal = Proposal(world.project_id, "gmail.send", key, world.mail(), run_id=run_id)
        return await world.reviewed(await gateway.propose(world.app, agent, proposal))

    first, second = await propose("a"), await propose("b")
    await within(world, agency.finish_run, run_id, "completed", "Done.", world.clock())
    assert await state_of(world, run_id) == "waiting"
    assert await refused(within(world, agency.find_lease, token, world.clock())) == ("lease_revoked", 401)
    await world.decide(first, "reject")
    assert await state_of(world, run_id) == "waiting"
    await world.approve(second)
    world.clock.sleep(31)
    await world.drive(second.tool_call_id)
    assert await state_of(world, run_id) == "completed"


async def test_a_run_that_failed_is_failed_whatever_waits(world: World) -> None:
    run_id, _ = await begun(world)
    await within(world, agency.finish_run, run_id, "failed", "No.", world.clock())
    assert await state_of(world, run_id) == "failed"
    await within(world, agency.finish_run, run_id, "completed", "Yes!", world.clock())
    assert await state_of(world, run_id) == "failed"


async def test_a_run_can_be_taken_up_again_after_its_worker_died(world: World) -> None:
    run_id, _ = await begun(world)
    assert await within(world, agency.begin_run, run_id, world.clock())
    kinds = [one.kind for one in await within(world, agency.list_run_events, run_id)]
    assert kinds == ["started", "restarted"]


async def test_a_run_says_and_writes_so_much_and_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (EVENTS_PER_RUN_MAX, DRAFTS_PER_RUN_MAX) == (500, 50)
    monkeypatch.setattr("trinity.agency.runs.EVENTS_PER_RUN_MAX", 4)
    monkeypatch.setattr("trinity.agency.runs.DRAFTS_PER_RUN_MAX", 2)
    run_id, _ = await begun(world)
    for n in range(2):
        await within(world, agency.save_draft, run_id, f"Draft {n}", "Text.", world.clock())
    assert await refused(within(world, agency.save_draft, run_id, "One more", "Text.", world.clock())) == ("quota", 429)
    await within(world, agency.record_event, run_id, "note", {}, world.clock())
    assert await refused(within(world, agency.record_event, run_id, "note", {}, world.clock())) == ("quota", 429)
    for title, text in (("", "x"), ("x" * 201, "x"), ("x", ""), ("x", "a\x00"), ("\ud800", "x"), ("x", "x" * 20_001)):
        assert await refused(within(world, agency.save_draft, run_id, title, text, world.clock())) == ("invalid", 422)
        if (title, text) != ("x", ""):
            asked = within(world, agency.request_artifact, run_id, title, text, world.clock())
            assert await refused(asked) == ("invalid", 422)


async def test_the_package_holds_released_text_and_of_the_rest_no_word(world: World) -> None:
    async def add(title: str, text: str) -> UUID:
        new = NewSource(world.project_id, "inbound_mail", title, text)
        return await within(world, sources.add_source, world.owner, new, world.clock())

    open_id, shut_id, bad_id = (
        await add("Open", "released words"),
        await add("SECRET-1", "SECRET-2"),
        await add("SECRET-3", "SECRET-4"),
    )
    await within(world, sources.decide_release, world.owner, open_id, is_released=True, now=world.clock())
    await within(world, sources.decide_release, world.owner, bad_id, is_released=False, now=world.clock())
    run_id, token = await begun(world)
    run = await within(world, agency.get_run, run_id)
    package = (await within(world, agency.build_package, run, "model")).data
    whole = canonical_bytes(package)
    assert b"SECRET" not in whole and token.encode() not in whole and b"sandbox-refresh" not in whole
    assert package["sources"] == [
        {"id": str(open_id), "origin": "inbound_mail", "title": "Open", "text": "released words"}
    ]
    withheld: Any = package["withheld"]
    assert [set(one) for one in withheld] == [{"id", "origin", "bytes", "at"}]
    assert withheld[0]["id"] == str(shut_id)
    assert package["approvals"] == []


async def test_opening_an_account_is_all_or_nothing(world: World) -> None:
    first = agency.FirstAccount("Other", ("not an address", "Robin", "correct horse battery"), None, None)
    before = world.tamper("select count(*) from accounts")
    with pytest.raises(Refused):
        await agency.open_account(world.rails.house.db, world.settings, first, world.clock())
    assert world.tamper("select count(*) from accounts") == before
    async with world.tx() as tx:
        assert await effects.list_tool_calls(tx) == []


async def test_a_run_that_said_all_it_may_is_still_stopped_finished_and_settled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trinity.agency.runs.EVENTS_PER_RUN_MAX", 2)
    run_id, _ = await begun(world)
    proposal = Proposal(world.project_id, "gmail.send", "one", world.mail(), run_id=run_id)
    made = await world.reviewed(await gateway.propose(world.app, world.agent, proposal))
    await within(world, agency.record_event, run_id, "note", {}, world.clock())
    assert await refused(within(world, agency.record_event, run_id, "note", {}, world.clock())) == ("quota", 429)
    assert await within(world, agency.begin_run, run_id, world.clock())
    await within(world, agency.finish_run, run_id, "completed", "Done.", world.clock())
    await world.approve(made)
    world.clock.sleep(31)
    assert (await world.drive(made.tool_call_id)).state == "succeeded"
    assert await state_of(world, run_id) == "completed"
    assert len(await world.sent()) == 1
    other, _ = await begun(world)
    await within(world, agency.record_event, other, "note", {}, world.clock())
    await within(world, agency.stop_run, world.owner, other, world.clock())
    assert await state_of(world, other) == "stopped"


@pytest.mark.parametrize("work", ["record_event", "keep_package", "propose"])
async def test_an_agent_at_work_does_not_keep_a_person_from_stopping_it(world: World, work: str) -> None:
    run_id, lease = await begun(world)
    is_held, may_go_on = asyncio.Event(), asyncio.Event()

    async def agents_call() -> None:
        async with world.tx() as tx:
            await agency.find_lease(tx, lease, world.clock())
            is_held.set()
            await may_go_on.wait()
            if work == "record_event":
                await agency.record_event(tx, run_id, "note", {}, world.clock())
            elif work == "keep_package":
                await agency.keep_package(tx, run_id, "0" * 64, (), world.clock())
            else:
                proposal = Proposal(world.project_id, "gmail.send", "one", world.mail(), run_id=run_id)
                await propose_in(world.app, tx, world.agent, OPERATIONS["gmail.send"], proposal)

    at_work = asyncio.create_task(agents_call())
    await is_held.wait()
    stopping = asyncio.create_task(within(world, agency.stop_run, world.owner, run_id, world.clock()))
    await asyncio.sleep(0.2)
    may_go_on.set()
    await at_work
    await stopping
    assert await state_of(world, run_id) == "stopped"
    again = within(world, agency.find_lease, lease, world.clock())
    assert await refused(again) == ("run_stopped", 401)


async def test_a_run_that_nobody_works_on_is_ended(world: World) -> None:
    run_id = await started(world)
    assert await gateway.end_lost_runs(world.app, world.account_id) == 0
    assert await within(world, agency.begin_run, run_id, world.clock())
    world.tamper("update oban_jobs set state = 'discarded' where args->>'run_id' = %(id)s", id=str(run_id))
    assert await gateway.end_lost_runs(world.app, world.account_id) == 1
    assert await state_of(world, run_id) == "failed"
    assert await gateway.end_lost_runs(world.app, world.account_id) == 0
