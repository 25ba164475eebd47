"""Packets of real orders: paid at the stand-in, booked from its balance, refunded by people, and checked offline."""

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from tests.proof.orders import Sale, sell
from tests.proof.stories import packet_of
from tests.proof.test_packets import failing
from tests.revenue.shop import Shop
from trinity.errors import NotFound
from trinity.jobs.packets import ORDER_JOB, ask_for_orders_behind
from trinity.jobs.station import GeneralStation, set_station
from trinity.jobs.workers import OrderPacket, Packet, RunPacket
from trinity.modelrouter import ModelRouter
from trinity.proof import Signer, build_packet, latest_packet, orders_behind
from trinity.store.database import Database
from trinity_verify import Verdict, verify


@pytest.fixture
async def sale(open_shop: Callable[[], Awaitable[Shop]]) -> Sale:
    """An order that was paid for and booked."""
    return await sell(await open_shop())


async def verdict_of(sale: Sale, log_key: Signer) -> tuple[Verdict, dict[str, Any]]:
    """What the verifier says of the order's packet, and the packet's body."""
    packet = await packet_of(sale.world, "order", sale.order_id, log_key)
    return verify(packet, log_key.verifier_key), json.loads(packet)["body"]


async def test_a_paid_order_verifies_from_its_checkout_to_the_books(sale: Sale, log_key: Signer) -> None:
    verdict, body = await verdict_of(sale, log_key)
    assert failing(verdict) == []
    assert (verdict.overall, verdict.kind) == ("verified", "order")
    assert [call["operation"] for call in body["tool_calls"]] == ["stripe.checkout_session"]
    assert {one["credit"] for one in body["order"]["transfers"]} == {"sales", "stripe"}
    assert "What was bought was not delivered yet." in body["missing"]
    assert "customer.example" not in json.dumps(body)


async def test_a_refund_by_two_people_is_in_the_packet_and_in_the_books(sale: Sale, log_key: Signer) -> None:
    second = await sale.world.second_person("approver", f"second-{sale.world.mailbox}")
    made = await sale.refund(4900, sale.world.owner, second)
    verdict, body = await verdict_of(sale, log_key)
    assert failing(verdict) == []
    assert (body["order"]["state"], body["order"]["refunded_minor"]) == ("refunded", 4900)
    refund = next(call for call in body["tool_calls"] if call["id"] == str(made.tool_call_id))
    assert len({one["approver_id"] for one in refund["approval"]["decisions"]}) == 2
    assert [one["debit"] for one in body["order"]["transfers"] if one["source_id"].startswith("re_")] == ["refunds"]


async def test_two_small_refunds_need_a_second_person_for_the_one_that_passes_the_sum(
    sale: Sale, log_key: Signer
) -> None:
    second = await sale.world.second_person("approver", f"second-{sale.world.mailbox}")
    await sale.refund(2000, sale.world.owner, key="refund-1")
    await sale.refund(2000, sale.world.owner, second, key="refund-2")
    verdict, body = await verdict_of(sale, log_key)
    assert failing(verdict) == []
    assert body["order"]["state"] == "partially_refunded"


async def test_a_run_that_waited_for_the_buyers_words_is_in_the_packet(sale: Sale, log_key: Signer) -> None:
    verdict, body = await verdict_of(sale, log_key)
    assert "the intake is quarantined" in next(one.reason for one in verdict.steps if one.name == "intake")
    run_id = await sale.begin_run()
    verdict, body = await verdict_of(sale, log_key)
    assert failing(verdict) == []
    assert [run["id"] for run in body["runs"]] == [str(run_id)]
    (intake,) = (one for one in body["sources"] if one["id"] == body["order"]["intake"]["source_id"])
    assert (intake["release_state"], intake["decided_by"]) == ("released", str(sale.world.owner_id))
    assert "basket" not in json.dumps(body)


class Undone(Exception):
    """Nothing of it was meant to stay."""


async def tampered(sale: Sale, statement: str, log_key: Signer) -> tuple[Verdict, dict[str, Any]]:
    """The verdict on an order after somebody with the whole database in his hands has changed it; it is undone after."""
    world = sale.world
    assert world.admin_url
    packet = b""
    with suppress(Undone):
        async with Database(world.admin_url, name="tampering") as db, db.transaction(world.account_id) as tx:
            await tx.execute("set local session_replication_role = replica")
            assert await tx.execute(statement) >= 1, statement
            packet = await build_packet(tx, "order", sale.order_id, log_key, world.clock())
            raise Undone
    return verify(packet, log_key.verifier_key), json.loads(packet)["body"]


async def test_what_is_not_booked_yet_is_said_to_be_missing(sale: Sale, log_key: Signer) -> None:
    verdict, body = await tampered(sale, "delete from ledger_transfers", log_key)
    assert verdict.overall == "failed"
    assert [one.name for one in verdict.steps if one.verdict == "missing"] == ["ledger", "log"]
    assert "The payment of this order is not booked yet." in body["missing"]


async def test_a_delivery_with_its_file_and_its_conversation_verifies(sale: Sale, log_key: Signer) -> None:
    made = await sale.deliver()
    verdict, body = await verdict_of(sale, log_key)
    assert failing(verdict) == []
    assert body["order"]["state"] == "fulfilled"
    assert body["order"]["fulfilment"]["tool_call_id"] == str(made.tool_call_id)
    assert [one["release_state"] for one in body["artifacts"]] == ["released"]
    assert [one["tool_call_id"] for thread in body["threads"] for one in thread["messages"]] == [str(made.tool_call_id)]
    assert "1 released artifact" in next(one.reason for one in verdict.steps if one.name == "fulfilment")
    call = await packet_of(sale.world, "tool_call", made.tool_call_id, log_key)
    assert failing(verify(call, log_key.verifier_key)) == []


async def test_an_order_of_another_account_or_of_nothing_is_not_found(sale: Sale, log_key: Signer) -> None:
    with pytest.raises(NotFound):
        await packet_of(sale.world, "order", uuid4(), log_key)
    other = await packet_of(sale.world, "order", sale.order_id, log_key)
    assert verify(other, None).overall == "self_consistent"


TAMPERINGS = {
    "the order's amount": ("purchase", "update orders set amount_minor = amount_minor + 1"),
    "the order's state": ("ledger", "update orders set state = 'disputed'"),
    "the order's buyer": ("purchase", "update customers set contact_id = id"),
    "the checkout's session": ("purchase", "update checkout_sessions set provider_session_id = 'cs_other'"),
    "the checkout's call": ("purchase", "update checkout_sessions set tool_call_id = null"),
    "the revenue": ("purchase", "update revenue_events set amount_minor = amount_minor - 1"),
    "a transfer's amount": ("ledger", "update ledger_transfers set amount_minor = amount_minor + 1 where kind = 'charge'"),
    "a transfer gone": ("ledger", "delete from ledger_transfers where kind = 'charge'"),
    "a transfer's source": ("ledger", "update ledger_transfers set source_id = 'ch_other' where kind = 'charge'"),
    "the intake's release": ("links", "update sources set release_state = 'quarantined', decided_by = null,"
                             " decided_at = null where origin = 'public_form'"),
    "the intake's origin": ("intake", "update sources set origin = 'operator' where origin = 'public_form'"),
    "the intake is another's": ("intake", "update sources set contact_id = null where origin = 'public_form'"),
    "the run's beginning": ("links", "update runs set started_at = started_at - interval '1 h'"),
    "delivered by nothing": ("fulfilment", "update fulfilments set state = 'delivered', delivered_at = now()"),
    "the payment's event gone": ("purchase", "delete from audit_events where kind = 'order.paid'"),
}  # fmt: skip
"""What somebody with the database in his hands may do to an order, and the step that has to find it."""


@pytest.fixture
async def worked(sale: Sale) -> Sale:
    """An order with a run that has begun."""
    await sale.begin_run()
    return sale


async def test_a_tampered_order_exports_a_packet_that_fails(worked: Sale, log_key: Signer) -> None:
    found = {}
    for what, (step, statement) in TAMPERINGS.items():
        verdict, _ = await tampered(worked, statement, log_key)
        broken = {one.name for one in verdict.steps if one.verdict != "passed"}
        reasons = " ".join(one.reason for one in verdict.steps)
        if verdict.overall != "failed" or step not in broken or "could not be taken" in reasons:
            found[what] = failing(verdict)
    assert found == {}


def general_station(sale: Sale, log_key: Signer) -> None:
    """Say that this process is the general worker."""
    house = sale.world.app
    router = ModelRouter(house.db, sale.world.http, house.clock)
    set_station(GeneralStation(house, "", None, Path("/"), log_key, router))


def job_of(args: dict[str, Any]) -> Any:
    """What a worker reads of a job."""
    return SimpleNamespace(args=args)


def jobs_of(sale: Sale) -> list[dict[str, Any]]:
    """The jobs that wait to build the order's packet."""
    return sale.world.tamper(
        "select args from oban_jobs where worker = %(worker)s and state in ('available', 'scheduled')"
        " and args->>'order_id' = %(order)s",
        worker=ORDER_JOB,
        order=str(sale.order_id),
    )


async def test_many_changes_of_an_order_ask_for_one_packet(sale: Sale, log_key: Signer) -> None:
    (job,) = jobs_of(sale)
    general_station(sale, log_key)
    await OrderPacket().process(job_of(job["args"]))
    async with sale.world.tx() as tx:
        stored = await latest_packet(tx, "order", sale.order_id)
        assert stored
        assert stored.verdict == "verified"
        assert await orders_behind(tx) == []


async def test_an_order_that_nobody_asked_for_is_found_behind(sale: Sale, log_key: Signer) -> None:
    world = sale.world
    world.tamper("delete from oban_jobs where worker = %(worker)s", worker=ORDER_JOB)
    assert await ask_for_orders_behind(world.app, world.account_id) == 1
    assert await ask_for_orders_behind(world.app, world.account_id) == 1
    (job,) = jobs_of(sale)
    general_station(sale, log_key)
    await OrderPacket().process(job_of(job["args"]))
    await sale.refund(1000, world.owner)
    async with world.tx() as tx:
        assert await orders_behind(tx) == [sale.order_id]


async def test_a_call_about_an_order_asks_for_the_orders_packet(sale: Sale, log_key: Signer) -> None:
    sale.world.tamper("delete from oban_jobs where worker = %(worker)s", worker=ORDER_JOB)
    general_station(sale, log_key)
    account_id = str(sale.world.account_id)
    await Packet().process(job_of({"account_id": account_id, "tool_call_id": str(sale.checkout_call_id)}))
    assert len(jobs_of(sale)) == 1
    sale.world.tamper("delete from oban_jobs where worker = %(worker)s", worker=ORDER_JOB)
    run_id = await sale.begin_run()
    await RunPacket().process(job_of({"account_id": account_id, "run_id": str(run_id)}))
    assert len(jobs_of(sale)) == 1
