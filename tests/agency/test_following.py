"""Runs that follow: one an order, held until a person has released what it is about, ended when it is rejected."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.agency.people import add_text, contact, conversation, customer, decide, message
from tests.world import World
from trinity import agency, gateway
from trinity.agency import OrderRun
from trinity.errors import NotFound, Refused
from trinity.kit.actor import Actor
from trinity.kit.canonical import canonical_bytes


async def within[**P, T](world: World, verb: Callable[..., Awaitable[T]], *args: Any, **kwargs: Any) -> T:
    async with world.tx() as tx:
        return await verb(tx, *args, **kwargs)


async def get(world: World, run_id: UUID) -> agency.Run:
    return await within(world, agency.get_run, run_id)


async def order_run(world: World, order_id: UUID) -> UUID:
    made = await within(world, agency.start_run_of_order, order_id, world.clock())
    assert made is not None
    return made


def jobs(world: World, **args: object) -> list[str]:
    ((name, value),) = args.items()
    rows = world.tamper(
        "select worker from oban_jobs where args->>%(name)s = %(value)s order by id", name=name, value=str(value)
    )
    return [row["worker"].rpartition(".")[2] for row in rows]


async def test_a_paid_order_gets_one_run_that_waits_for_its_intake(world: World) -> None:
    made = await customer(world, number=12)
    run_id = await order_run(world, made.order_id)
    assert await order_run(world, made.order_id) == run_id
    run = await get(world, run_id)
    assert (run.state, run.kind, run.order_number, run.held_for_id) == ("held", "acquisition", 12, made.source_id)
    assert (run.contact_addr, run.started_by, run.started_by_name) == (
        "ada@customer.example",
        None,
        "followed from order #12",
    )
    assert "Website check" in run.goal
    assert jobs(world, run_id=run_id) == []


async def test_many_workers_at_once_make_one_run(world: World) -> None:
    made = await customer(world)
    ids = await asyncio.gather(*(order_run(world, made.order_id) for _ in range(8)))
    assert len(set(ids)) == 1
    assert len(await within(world, agency.list_runs)) == 1


async def test_a_release_begins_the_run_once(world: World) -> None:
    made = await customer(world)
    run_id = await order_run(world, made.order_id)
    await within(world, agency.source_decided, made.source_id, world.clock())
    assert (await get(world, run_id)).state == "held", "nobody has decided yet"
    await decide(world, made.source_id)
    assert jobs(world, source_id=made.source_id) == ["SourceDecided"]
    for _ in range(3):
        await within(world, agency.source_decided, made.source_id, world.clock())
    assert (await get(world, run_id)).state == "queued"
    assert jobs(world, run_id=run_id) == ["Run"]
    kinds = [one.kind for one in await within(world, agency.list_run_events, run_id)]
    assert kinds == ["held", "released"]


async def test_a_rejection_ends_the_run(world: World) -> None:
    made = await customer(world)
    run_id = await order_run(world, made.order_id)
    await decide(world, made.source_id, is_released=False)
    await within(world, agency.source_decided, made.source_id, world.clock())
    run = await get(world, run_id)
    assert (run.state, run.outcome) == ("stopped", "A person rejected the text that this run was about.")
    assert run.finished_at
    assert jobs(world, run_id=run_id) == ["RunPacket"]
    assert not await within(world, agency.begin_run, run_id, world.clock())


@pytest.mark.parametrize(("is_released", "state"), [(True, "queued"), (False, "stopped")])
async def test_a_run_that_comes_after_the_decision_knows_it(world: World, is_released: bool, state: str) -> None:
    made = await customer(world)
    await decide(world, made.source_id, is_released=is_released)
    run_id = await order_run(world, made.order_id)
    assert (await get(world, run_id)).state == state
    assert jobs(world, run_id=run_id) == ["Run" if is_released else "RunPacket"]


async def test_an_order_without_words_begins_at_once(world: World) -> None:
    made = await customer(world)
    new = OrderRun(made.order_id, world.project_id, made.contact_id, "Do it.", None)
    assert (await get(world, await within(world, agency.start_order_run, new, world.clock()))).state == "queued"
    with pytest.raises(NotFound):
        await within(world, agency.start_run_of_order, uuid4(), world.clock())


@pytest.mark.parametrize("state", ["refunded", "dispute_lost"])
async def test_no_work_begins_for_money_that_went_back(world: World, state: str) -> None:
    made = await customer(world)
    world.tamper("update orders set state = %(s)s where id = %(id)s", s=state, id=made.order_id)
    assert await within(world, agency.start_run_of_order, made.order_id, world.clock()) is None
    assert await within(world, agency.list_runs) == []


async def test_a_lost_word_about_a_text_is_found_by_housekeeping(world: World) -> None:
    made = await customer(world)
    run_id = await order_run(world, made.order_id)
    assert await gateway.end_lost_runs(world.app, world.account_id) == 0, "a held run has no job, and is not lost"
    assert await gateway.take_up_held_runs(world.app, world.account_id) == 0
    await decide(world, made.source_id)
    assert await gateway.take_up_held_runs(world.app, world.account_id) == 1
    assert (await get(world, run_id)).state == "queued"
    assert await gateway.take_up_held_runs(world.app, world.account_id) == 0


async def test_a_person_stops_a_held_run_and_a_release_does_not_wake_it(world: World) -> None:
    made = await customer(world)
    run_id = await order_run(world, made.order_id)
    await within(world, agency.stop_run, world.owner, run_id, world.clock())
    await decide(world, made.source_id)
    await within(world, agency.source_decided, made.source_id, world.clock())
    assert (await get(world, run_id)).state == "stopped"


async def test_a_conversation_is_answered_by_one_run_at_a_time(world: World) -> None:
    ada = contact(world)
    thread, source_id = await conversation(world, ada, "When can you start?")
    assert source_id
    run_id = await within(world, agency.start_reply_run, world.owner, thread, world.clock())
    assert await within(world, agency.start_reply_run, world.owner, thread, world.clock()) == run_id
    run = await get(world, run_id)
    assert (run.state, run.kind, run.thread_id, run.started_by_name) == ("held", "reply", thread, "Robin Owner")
    await within(world, agency.stop_run, world.owner, run_id, world.clock())
    system = Actor.system(world.account_id, "mail")
    again = await get(world, await within(world, agency.start_reply_run, system, thread, world.clock()))
    assert (again.id != run_id, again.started_by_name) == (True, "followed from a mail")


async def test_only_a_person_with_the_role_or_the_system_has_a_conversation_answered(world: World) -> None:
    thread, _ = await conversation(world, contact(world), "Hello?")
    auditor = await world.second_person("auditor")
    for actor in (world.agent, auditor):
        with pytest.raises(Refused) as error:
            await within(world, agency.start_reply_run, actor, thread, world.clock())
        assert error.value.status == 403


async def test_there_is_no_answer_to_nobody_or_to_nothing(world: World) -> None:
    ada = contact(world)
    strange, _ = await conversation(world, None, "Who am I?")
    silent, _ = await conversation(world, ada)
    bounced, _ = await conversation(world, ada)
    message(world, bounced, "in", kind="bounce", source_id=await add_text(world, "User unknown.", ada, "inbound_mail"))
    spam, spam_id = await conversation(world, ada, "BUY!")
    assert spam_id
    await decide(world, spam_id, is_released=False)
    for thread, code in (
        (strange, "no_contact"),
        (silent, "nothing_to_answer"),
        (bounced, "nothing_to_answer"),
        (spam, "nothing_to_answer"),
        (uuid4(), "not_found"),
    ):
        with pytest.raises(Refused) as error:
            await within(world, agency.start_reply_run, world.owner, thread, world.clock())
        assert error.value.code == code


async def test_no_word_of_another_customer_is_in_a_package(world: World) -> None:
    ada = await customer(world, "CANARY-ADA")
    eve = await customer(world, "CANARY-EVE", email="eve@rival.example", number=2)
    ours = await add_text(world, "PROJECT-FACT")
    for source_id in (ada.source_id, eve.source_id, ours):
        await decide(world, source_id)
    shut = await add_text(world, "SHUT-EVE", eve.contact_id)
    runs = {one: await get(world, await order_run(world, one.order_id)) for one in (ada, eve)}
    for one, mine, theirs in ((ada, b"CANARY-ADA", b"CANARY-EVE"), (eve, b"CANARY-EVE", b"CANARY-ADA")):
        whole = canonical_bytes((await within(world, agency.build_package, runs[one], "model")).data)
        assert mine in whole and b"PROJECT-FACT" in whole
        assert theirs not in whole and b"SHUT" not in whole
        assert (str(shut).encode() in whole) == (one is eve), "not even the size of another one's texts"
    new = agency.NewRun(world.project_id, "Write to somebody.", "new@nobody.example")
    outreach = await get(world, await within(world, agency.start_run, world.owner, new, world.clock()))
    whole = canonical_bytes((await within(world, agency.build_package, outreach, "model")).data)
    assert b"CANARY" not in whole and b"PROJECT-FACT" in whole
