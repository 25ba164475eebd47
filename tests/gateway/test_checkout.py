"""A checkout session: nobody approves it, so it must say exactly what its checkout says; one session by the books."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.paid import Shop
from trinity import controls, effects, gateway
from trinity.errors import Refused
from trinity.gateway import is_verified


async def state_of(shop: Shop, checkout_id: UUID) -> tuple[str, str | None]:
    async with shop.world.tx() as tx:
        row = await tx.one("select state, url from checkout_sessions where id = %(id)s", {"id": checkout_id})
    assert row
    return row["state"], row["url"]


async def test_the_session_is_opened_once_and_its_page_is_known(shop: Shop) -> None:
    checkout_id, offer_id = await shop.checkout()
    made = await shop.propose_checkout(shop.checkout_payload(checkout_id, offer_id))
    assert (made.state, made.tier, made.approval_id) == ("ready", "draft", None)
    call = await shop.world.drive(made.tool_call_id)
    assert (call.state, call.subject_id) == ("succeeded", checkout_id)
    (session,) = shop.sessions()
    assert (session["amount_total"], session["currency"]) == (4900, "eur")
    assert session["client_reference_id"] == str(checkout_id)
    assert session["metadata"]["trinity_checkout"] == str(checkout_id)
    assert await state_of(shop, checkout_id) == ("open", f"{shop.stripe.base_url}{session['url']}")
    await gateway.verify(shop.world.rails, shop.world.account_id, made.tool_call_id)
    async with shop.world.tx() as tx:
        assert is_verified(await effects.list_receipts(tx, made.tool_call_id))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another amount": ({"amount_minor": 4800}, "checkout_mismatch"),
    "another currency": ({"currency": "usd"}, "checkout_mismatch"),
    "another offer": ({"offer_id": str(uuid4())}, "checkout_mismatch"),
    "somebody else": ({"customer_email": "eve@elsewhere.example"}, "checkout_mismatch"),
    "a foreign page to come back to": ({"success_url": "https://elsewhere.example/thanks"}, "foreign_url"),
    "a foreign page that looks like ours": ({"cancel_url": "http://localhost:8000@elsewhere.example/"}, "foreign_url"),
    "a checkout that is not there": ({"checkout_id": str(uuid4())}, "not_found"),
    "an invisible title": ({"title": "Snap\u200bshot"}, "invalid_payload"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_the_checkout_does_not_say_is_refused(shop: Shop, name: str) -> None:
    changes, code = WRONG[name]
    checkout_id, offer_id = await shop.checkout()
    with pytest.raises(Refused) as refused:
        await shop.propose_checkout(shop.checkout_payload(checkout_id, offer_id) | changes)
    assert refused.value.code == code
    assert shop.sessions() == []


async def test_a_checkout_gets_one_session_and_no_second(shop: Shop) -> None:
    checkout_id, offer_id = await shop.checkout()
    payload = shop.checkout_payload(checkout_id, offer_id)
    made = await shop.propose_checkout(payload)
    await shop.world.drive(made.tool_call_id)
    with pytest.raises(Refused) as refused:
        await shop.propose_checkout(payload, key="another")
    assert refused.value.code == "checkout_not_waiting"


@pytest.mark.parametrize("mode", ["accept_then_drop", "error_after_commit", "429", "unavailable"])
async def test_a_fault_never_makes_two_sessions(shop: Shop, mode: str) -> None:
    checkout_id, offer_id = await shop.checkout()
    made = await shop.propose_checkout(shop.checkout_payload(checkout_id, offer_id))
    shop.stripe.fault("/v1/checkout/sessions", mode, method="POST")
    call = await shop.world.drive(made.tool_call_id)
    if call.state == "in_doubt":
        shop.world.clock.sleep(120)
        call = await shop.world.drive(made.tool_call_id)
    assert call.state == "succeeded", call.reasons
    assert len(shop.sessions()) == 1
    assert (await state_of(shop, checkout_id))[0] == "open"


async def test_a_session_that_stripe_refuses_fails_its_checkout(shop: Shop) -> None:
    checkout_id, offer_id = await shop.checkout(10)
    payload = shop.checkout_payload(checkout_id, offer_id, amount_minor=10)
    made = await shop.propose_checkout(payload)
    call = await shop.world.drive(made.tool_call_id)
    assert (call.state, call.reasons[0]["code"]) == ("failed", "stripe_refused")
    assert await state_of(shop, checkout_id) == ("failed", None)


async def test_a_posture_that_lets_nothing_through_fails_its_checkout(shop: Shop) -> None:
    checkout_id, offer_id = await shop.checkout()
    made = await shop.propose_checkout(shop.checkout_payload(checkout_id, offer_id))
    async with shop.world.tx() as tx:
        await controls.tighten(tx, shop.world.owner, "hold", "A test.", shop.world.clock())
    assert (await shop.world.drive(made.tool_call_id)).state == "denied"
    assert (await state_of(shop, checkout_id))[0] == "failed"
