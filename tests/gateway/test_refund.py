"""A refund: bound to an order, decided by as many people as its sum needs, executed exactly once by Stripe's books."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import parse_qs
from uuid import UUID, uuid4

import pytest

from tests.paid import Shop
from tests.world import World
from trinity import effects, gateway, integrations
from trinity.errors import Blocked, NotFound, Refused
from trinity.gateway import Proposed, is_verified
from trinity.gateway.operations import REFUND_SINGLE_MAX_MINOR
from trinity.kit.actor import Actor
from trinity.providers.stripe.materialise import key_of


async def settled(shop: Shop, made: Proposed) -> effects.ToolCall:
    """Drive a refund to its end, with time passing between looks."""
    call = await shop.world.drive(made.tool_call_id, steps=40)
    for _ in range(20):
        if call.state not in ("executing", "in_doubt", "ready"):
            break
        shop.world.clock.sleep(120)
        call = await shop.world.drive(made.tool_call_id, steps=4)
    return call


async def token_of(world: World, made: Proposed) -> str:
    async with world.tx() as tx:
        return (await effects.get_envelope(tx, made.tool_call_id)).parsed().operation_token


async def test_a_small_refund_needs_one_person_and_happens_once(shop: Shop) -> None:
    order_id = await shop.order()
    made = await shop.approved_refund(order_id, 1000)
    call = await shop.world.drive(made.tool_call_id)
    assert (call.state, call.subject_id, call.amount_minor, call.tier) == ("succeeded", order_id, 1000, "money")
    (refund,) = shop.refunds()
    token = await token_of(shop.world, made)
    assert refund["amount"] == 1000
    assert refund["metadata"] == {
        "trinity_order": str(order_id),
        "trinity_operation": token,
        "trinity_tool_call": str(made.tool_call_id),
    }
    await gateway.verify(shop.world.rails, shop.world.account_id, made.tool_call_id)
    async with shop.world.tx() as tx:
        receipts = await effects.list_receipts(tx, made.tool_call_id)
        jobs = await tx.all(
            "select worker, args from oban_jobs where args->>'order_id' = %(id)s", {"id": str(order_id)}
        )
    assert is_verified(receipts)
    by_kind = {one.kind: one.facts for one in receipts}
    assert set(by_kind) == {"refund", "provider_record", "verification"}
    assert by_kind["refund"] == {
        "refund_id": refund["id"],
        "status": "succeeded",
        "amount_minor": 1000,
        "currency": "eur",
    }
    assert [job["worker"] for job in jobs] == ["trinity.jobs.money.SyncOrder"]


async def test_the_bytes_are_the_whole_form_and_our_key_goes_with_them(shop: Shop) -> None:
    order_id = await shop.order()
    made = await shop.approved_refund(order_id, 1234)
    async with shop.world.tx() as tx:
        stored = await effects.get_envelope(tx, made.tool_call_id)
    envelope = stored.parsed()
    assert envelope.payload_type == "application/x-www-form-urlencoded"
    assert parse_qs(stored.payload.decode())["amount"] == ["1234"]
    assert envelope.resource["subject_id"] == str(order_id)
    assert envelope.resource["amount_minor"] == "1234"
    await shop.world.drive(made.tool_call_id)
    keys = [
        one["idempotency_key"]
        for one in shop.stripe.books()["calls"]
        if one["path"] == "/v1/refunds" and one["method"] == "POST"
    ]
    assert keys[-1] == key_of(envelope.operation_token)


async def test_above_the_constant_two_different_people_decide(shop: Shop) -> None:
    world = shop.world
    order_id = await shop.order()
    second = await world.second_person("approver", f"second-{world.mailbox}")
    made = await shop.propose_refund(order_id, REFUND_SINGLE_MAX_MINOR + 1)
    assert (await world.request(made.approval_id)).quorum == 2
    assert await world.approve(made) == "pending"
    with pytest.raises(Refused) as twice:
        await world.approve(made)
    assert twice.value.code == "already_decided"
    with pytest.raises(Blocked) as early:
        await gateway.request_execution(world.app, world.owner, made.tool_call_id)
    assert early.value.reasons[0].code == "second_approver_required"
    assert (await world.call(made.tool_call_id)).state == "awaiting_approval"
    assert await world.approve(made, actor=second) == "approved"
    world.clock.sleep(31)
    assert (await world.drive(made.tool_call_id)).state == "succeeded"
    assert [one["amount"] for one in shop.refunds()] == [REFUND_SINGLE_MAX_MINOR + 1]


async def test_who_asks_for_a_refund_is_not_one_of_the_two(shop: Shop) -> None:
    world = shop.world
    second = await world.second_person("approver", f"second-{world.mailbox}")
    made = await shop.propose_refund(await shop.order(), 4900, actor=world.owner)
    assert await world.approve(made, actor=second) == "pending"
    with pytest.raises(Refused) as own:
        await world.approve(made)
    assert own.value.code == "requester_cannot_approve"
    third = await world.second_person("approver", f"third-{world.mailbox}")
    assert await world.approve(made, actor=third) == "approved"


async def test_a_sum_that_is_split_needs_the_second_person_all_the_same(shop: Shop) -> None:
    order_id = await shop.order()
    first = await shop.propose_refund(order_id, 2000, key="a")
    second = await shop.propose_refund(order_id, 2000, key="b")
    assert (await shop.world.request(first.approval_id)).quorum == 1
    assert (await shop.world.request(second.approval_id)).quorum == 2


async def test_two_refunds_never_exceed_the_order(shop: Shop) -> None:
    order_id = await shop.order(4900)
    await shop.propose_refund(order_id, 3000, key="a")
    with pytest.raises(Refused) as more:
        await shop.propose_refund(order_id, 1901, key="b")
    assert more.value.code == "amount_exceeds_order"
    assert more.value.details == {"left_minor": 1900, "currency": "eur"}
    assert (await shop.propose_refund(order_id, 1900, key="c")).is_new


async def test_proposals_that_meet_share_what_is_left(shop: Shop) -> None:
    order_id = await shop.order(4900)

    asked = (shop.propose_refund(order_id, 2000, key=f"k{number}") for number in range(5))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, Proposed) for one in answers) == 2
    assert {one.code for one in answers if isinstance(one, Refused)} == {"amount_exceeds_order"}


async def test_a_rejected_refund_gives_its_part_back(shop: Shop) -> None:
    order_id = await shop.order(4900)
    made = await shop.propose_refund(order_id, 4900, key="a")
    await shop.world.decide(made, "reject")
    assert (await shop.propose_refund(order_id, 4900, key="b")).is_new


async def test_an_edited_refund_counts_once(shop: Shop) -> None:
    order_id = await shop.order(4900)
    made = await shop.propose_refund(order_id, 4900, key="a")
    assert made.approval_id
    edited = await gateway.edit(shop.world.app, shop.world.owner, made.approval_id, shop.refund(order_id, 4800), "b")
    assert edited.is_new


WRONG: dict[str, tuple[dict[str, object], str]] = {
    "another currency": ({"currency": "usd"}, "currency_mismatch"),
    "nothing": ({"amount_minor": 0}, "invalid_payload"),
    "less than nothing": ({"amount_minor": -5}, "invalid_payload"),
    "a float": ({"amount_minor": 10.5}, "invalid_payload"),
    "a text": ({"amount_minor": "1000"}, "invalid_payload"),
    "another reason": ({"reason": "because"}, "invalid_payload"),
    "an order that is not there": ({"order_id": str(uuid4())}, "not_found"),
    "more fields": ({"charge": "ch_1"}, "invalid_payload"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_does_not_fit_the_order_is_refused(shop: Shop, name: str) -> None:
    changes, code = WRONG[name]
    order_id = await shop.order()
    with pytest.raises(Refused) as refused:
        await shop.propose_refund(**({"order_id": order_id} | changes))  # type: ignore[arg-type]
    assert refused.value.code == code


@pytest.mark.parametrize("state", ["refunded", "disputed", "dispute_lost"])
async def test_an_order_in_another_state_gives_nothing_back(shop: Shop, state: str) -> None:
    order_id = await shop.order(state=state)
    with pytest.raises(Refused) as refused:
        await shop.propose_refund(order_id)
    assert refused.value.code == "order_not_refundable"


async def test_another_accounts_order_is_not_there(shop: Shop, open_world: Callable[..., Awaitable[World]]) -> None:
    order_id = await shop.order()
    sandboxes = ",".join(sorted(shop.world.settings.sandbox_origins))
    theirs = Shop(await open_world(TRINITY_SANDBOX_ENDPOINTS=sandboxes), shop.stripe, shop.stripe.caller())
    await theirs.connect()
    with pytest.raises(NotFound):
        await theirs.propose_refund(order_id)


# --- between approval and claim ---------------------------------------------------------------------------------------

CHANGES: dict[str, tuple[str, str]] = {
    "disputed": ("update orders set state = 'disputed' where id = %(id)s", "order_not_refundable"),
    "another payment": ("update orders set payment_intent_id = 'pi_other' where id = %(id)s", "payment_changed"),
    "a smaller order": ("update orders set amount_minor = 900 where id = %(id)s", "amount_exceeds_order"),
    "another amount in the row": (
        "update tool_calls set amount_minor = 1 where subject_id = %(id)s and account_id = %(account)s",
        "digest_mismatch",
    ),
    "another order in the row": (
        "update tool_calls set subject_id = gen_random_uuid() where subject_id = %(id)s and account_id = %(account)s",
        "digest_mismatch",
    ),
    "given back in Stripe's pages": (
        "insert into refunds (account_id, id, order_id, provider_refund_id, amount_minor, currency, state, created_at,"
        " changed_at) values (%(account)s, gen_random_uuid(), %(id)s, 're_x', 4000, 'eur', 'succeeded', now(), now())",
        "amount_exceeds_order",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_the_claim_looks_at_the_order_again(shop: Shop, name: str) -> None:
    statement, code = CHANGES[name]
    order_id = await shop.order()
    made = await shop.approved_refund(order_id, 1000)
    shop.world.tamper(statement, id=order_id)
    call = await shop.world.drive(made.tool_call_id)
    assert call.state == "denied"
    assert code in {reason["code"] for reason in call.reasons}
    assert shop.refunds() == []


async def test_one_decision_that_was_forged_into_two_is_one(shop: Shop) -> None:
    """Quorum 2 counts people: the same person's statement under another's name does not count."""
    world = shop.world
    second = await world.second_person("approver", f"second-{world.mailbox}")
    made = await shop.propose_refund(await shop.order(), 4900)
    await world.approve(made)
    world.tamper(
        "insert into approval_decisions (account_id, id, request_id, approver_id, decision, reason, statement, decided_at)"
        " select account_id, gen_random_uuid(), request_id, %(by)s, decision, reason, statement, decided_at"
        " from approval_decisions where request_id = %(request)s",
        by=UUID(second.id),
        request=made.approval_id,
    )
    world.tamper("update approval_requests set state = 'approved' where id = %(id)s", id=made.approval_id)
    world.tamper("update tool_calls set state = 'ready' where id = %(id)s", id=made.tool_call_id)
    call = await world.drive(made.tool_call_id)
    assert call.state == "denied"
    assert {reason["code"] for reason in call.reasons} == {"quorum_missing"}
    assert shop.refunds() == []


# --- a provider that misbehaves ---------------------------------------------------------------------------------------

FAULTS: dict[str, tuple[dict[str, object], str, int]] = {
    "accept_then_drop": ({"mode": "accept_then_drop"}, "succeeded", 1),
    "error_after_commit": ({"mode": "error_after_commit"}, "succeeded", 1),
    "429": ({"mode": "429", "times": 2}, "succeeded", 1),
    "unavailable": ({"mode": "unavailable"}, "succeeded", 1),
    "reject_500": ({"mode": "reject_500"}, "failed", 0),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_never_makes_two_refunds(shop: Shop, name: str) -> None:
    fault, state, count = FAULTS[name]
    order_id = await shop.order()
    made = await shop.approved_refund(order_id, 1000)
    shop.stripe.fault("/v1/refunds", method="POST", **fault)  # type: ignore[arg-type]
    call = await settled(shop, made)
    assert call.state == state, (call.state, call.reasons)
    assert len(shop.refunds()) == count
    if state == "failed":
        # The error is kept under that key for a day. A new proposal has a key of its own.
        again = await shop.approved_refund(order_id, 1000, key="again")
        assert (await settled(shop, again)).state == "succeeded"
        assert len(shop.refunds()) == 1


async def test_a_stale_list_never_makes_two_refunds(shop: Shop) -> None:
    """The list does not know the refund yet, the charge does: so nobody believes the list."""
    order_id = await shop.order()
    made = await shop.approved_refund(order_id, 1000)
    shop.stripe.fault("/v1/refunds", "accept_then_drop", method="POST")
    shop.stripe.fault("/v1/refunds", "stale_list", seconds=3600, times=2)
    await shop.world.advance(made.tool_call_id)
    shop.world.clock.sleep(120)
    await shop.world.advance(made.tool_call_id)
    looked = await shop.world.call(made.tool_call_id)
    assert (looked.state, looked.reasons[0]["code"]) == ("in_doubt", "cannot_tell")
    assert (await settled(shop, made)).state == "succeeded"
    assert len(shop.refunds()) == 1


async def test_a_repeat_within_the_day_uses_the_same_key(shop: Shop) -> None:
    """A list that lies about absence together with its charge would still meet Stripe's memory of the key."""
    order_id = await shop.order()
    made = await shop.approved_refund(order_id, 1000)
    shop.stripe.fault("/v1/refunds", "accept_then_drop", method="POST")
    await shop.world.advance(made.tool_call_id)
    token = await token_of(shop.world, made)
    shop.world.tamper(
        "update tool_calls set state = 'ready', act_n = 2, not_before = null where id = %(id)s", id=made.tool_call_id
    )
    async with shop.world.tx() as tx:
        digest = (await effects.get_envelope(tx, made.tool_call_id)).digest
    shop.world.rails.spent.record_absence(digest, 1, {"because": "a list that lies"})
    assert (await settled(shop, made)).state == "succeeded"
    assert len(shop.refunds()) == 1
    posts = [one for one in shop.stripe.books()["calls"] if one["idempotency_key"] == key_of(token)]
    assert len(posts) == 2


async def test_after_a_day_a_young_write_is_not_believed_absent(shop: Shop) -> None:
    """Past the day the key would run anew: absence needs a last write that every list must know."""
    order_id = await shop.order()
    made = await shop.approved_refund(order_id, 1000)
    shop.stripe.fault("/v1/refunds", "reject_500", method="POST")
    await shop.world.advance(made.tool_call_id)
    first = await shop.world.call(made.tool_call_id)
    assert first.lease_expires_at
    shop.world.tamper(
        "update attempts set started_at = started_at - interval '24 hours' where tool_call_id = %(id)s",
        id=made.tool_call_id,
    )
    async with shop.world.tx() as tx:
        attempts = await effects.list_attempts(tx, made.tool_call_id)
    assert attempts[0].started_at < shop.world.clock() - timedelta(hours=23)
    shop.world.clock.sleep(120)
    await shop.world.advance(made.tool_call_id)
    looked = await shop.world.call(made.tool_call_id)
    assert (looked.state, looked.reasons[0]["code"]) == ("in_doubt", "cannot_tell")
    assert "too young" in looked.reasons[0]["message"]
    assert shop.refunds() == []


async def test_a_refusal_of_stripes_is_a_failure_and_the_part_is_free_again(shop: Shop) -> None:
    order_id = await shop.order()
    made = await shop.approved_refund(order_id, 1000)
    intent = shop.stripe.books(shop.caller.account)["charges"][0]["payment_intent"]
    shop.caller.call("POST", "refunds", {"payment_intent": intent})
    call = await shop.world.drive(made.tool_call_id)
    assert (call.state, call.reasons[0]["code"]) == ("failed", "stripe_refused")
    assert len(shop.refunds()) == 1


async def test_a_key_that_stripe_refuses_suspends_the_integration(shop: Shop) -> None:
    made = await shop.approved_refund(await shop.order(), 1000)
    world = shop.world
    async with world.rails.house.db.transaction(world.account_id) as tx:
        key, now = world.rails.encryption_key, world.clock()
        credential = integrations.StripeCredential("pk_not_a_secret_key")
        await integrations.reconnect(tx, key, world.owner, shop.caller.account, credential, now)
    call = await world.drive(made.tool_call_id)
    assert (call.state, call.reasons[0]["code"]) == ("failed", "stripe_key_refused")
    async with world.tx() as tx:
        found = await integrations.find_integration(tx, "stripe")
    assert found is not None
    assert found.state == "suspended"
    assert shop.refunds() == []


async def test_what_stripe_keeps_is_compared_with_what_was_approved(shop: Shop) -> None:
    order_id = await shop.order()
    made = await shop.approved_refund(order_id, 1000)
    await shop.world.drive(made.tool_call_id)
    (refund,) = shop.refunds()
    shop.caller.call("POST", f"refunds/{refund['id']}", {"metadata[trinity_operation]": "another"})
    await gateway.verify(shop.world.rails, shop.world.account_id, made.tool_call_id)
    call = await shop.world.call(made.tool_call_id)
    assert call.proof_state == "degraded"
    assert await shop.world.incidents() == ["verification_failed"]


async def test_an_agent_cannot_ask_for_a_session_or_a_notice(shop: Shop) -> None:
    agent = Actor(shop.world.account_id, "agent", "test-agent")
    for operation in ("stripe.checkout_session", "system.notify"):
        proposal = gateway.Proposal(shop.world.project_id, operation, f"k/{operation}", {})
        with pytest.raises(Blocked) as blocked:
            await gateway.propose(shop.world.app, agent, proposal)
        assert blocked.value.reasons[0].code == "requester_not_allowed"
