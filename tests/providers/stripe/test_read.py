"""Reading Stripe through the real stand-in, whose answers are held against Stripe's own document."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.sandbox.stripe.standin import Caller, StandIn
from trinity.errors import LookUpIncomplete, Unavailable
from trinity.providers.stripe import read
from trinity.providers.stripe.client import KeyRefused, StripeClient, StripeRefused


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """The stand-in, running."""
    found = StandIn(tmp_path_factory.mktemp("stripe"))
    found.start()
    yield found
    found.end()


@pytest.fixture
def caller(standin: StandIn) -> Iterator[Caller]:
    """A key to an empty account."""
    yield standin.caller()
    standin.control("faults", clear=True)


@pytest.fixture
async def client(caller: Caller) -> AsyncIterator[StripeClient]:
    """Our client with that key."""
    async with httpx.AsyncClient() as http:
        yield StripeClient(caller.standin.base_url, caller.key, http, clock=lambda: datetime.now(UTC))


async def test_a_payment_from_every_side(caller: Caller, client: StripeClient) -> None:
    paid = caller.paid(4900, "eur", **{"metadata[trinity_tool_call]": "x"})
    intent, charge = paid["payment_intent"]["id"], paid["payment_intent"]["latest_charge"]
    refund = caller.refund(charge, amount="900", **{"metadata[a]": "1"})
    session = await read.get_session(client, paid["id"])
    assert (session.status, session.payment_status, session.amount_minor, session.currency) == ("complete", "paid", 4900, "eur")  # fmt: skip
    assert (session.payment_intent_id, session.metadata, session.url) == (intent, {"trinity_tool_call": "x"}, None)
    assert session.charge == await read.get_charge(client, charge["id"])
    assert session.charge
    assert (session.charge.refunded_minor, session.charge.payment_intent_id) == (900, intent)
    assert await read.sessions_of_payment(client, intent) == [paid["id"]]
    [kept] = await read.refunds_of_payment(client, intent)
    assert kept == await read.get_refund(client, refund["id"])
    assert (kept.amount_minor, kept.status, kept.metadata, kept.payment_intent_id) == (900, "succeeded", {"a": "1"}, intent)  # fmt: skip
    dispute = caller.standin.control("disputes", charge=charge["id"])
    [disputed] = await read.disputes_of_payment(client, intent)
    assert disputed == await read.get_dispute(client, dispute["id"])
    assert (disputed.amount_minor, disputed.status, disputed.payment_intent_id) == (4900, "needs_response", intent)
    page = await read.list_movements(client, datetime.fromtimestamp(0, UTC))
    assert [(one.kind, one.category, one.amount_minor, one.fee_minor, one.payment_intent_id) for one in page.items] == [
        ("adjustment", "dispute", -4900, 1500, intent),
        ("refund", "refund", -900, 0, intent),
        ("charge", "charge", 4900, 172, intent),
    ]
    caller.charge(90_000)
    payout = caller.standin.control("payouts", currency="eur", account=caller.account)
    assert (await read.get_payout(client, payout["id"])).status == "paid"
    [first] = (await read.list_movements(client, datetime.now(UTC) - timedelta(hours=1))).items[:1]
    assert (first.kind, first.source_id, first.payment_intent_id) == ("payout", payout["id"], "")


async def test_lists_go_on_until_their_end(
    caller: Caller, client: StripeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "PAGE_SIZE", 2)
    for number in range(5):
        caller.call("POST", "customers", {"name": f"customer {number}"})
    since, until = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)
    seen: list[str] = []
    after = None
    while True:
        page = await read.list_events(client, since, until, after)
        seen += [event.id for event, _ in page.items]
        after = page.after
        if after is None:
            break
    assert seen == [one["id"] for one in caller.events()][::-1]
    assert (await read.list_events(client, until, until)).items == ()
    charge = caller.charge()
    for _ in range(3):
        caller.refund(charge, amount="100")
    assert len(await read.refunds_of_payment(client, charge["payment_intent"])) == 3
    monkeypatch.setattr(read, "PAGES_MAX", 1)
    with pytest.raises(LookUpIncomplete):
        await read.refunds_of_payment(client, charge["payment_intent"])


async def test_how_reading_fails(caller: Caller, client: StripeClient) -> None:
    with pytest.raises(StripeRefused) as refusal:
        await read.get_charge(client, "ch_../account")
    assert refusal.value.status == 404
    caller.standin.fault("/v1/charges", "429")
    with pytest.raises(Unavailable):
        await read.get_charge(client, "ch_1")
    caller.standin.control("keys", key=caller.key, is_revoked=True)
    with pytest.raises(KeyRefused):
        await read.get_charge(client, "ch_1")


TXN: dict[str, Any] = {
    "id": "txn_1", "object": "balance_transaction", "type": "charge", "reporting_category": "charge", "amount": 100,
    "fee": 30, "net": 70, "currency": "eur", "source": "ch_1", "created": 1,
}  # fmt: skip


@pytest.mark.parametrize("change", [{"net": 71}, {"amount": "100"}, {"fee": None}, {"id": ""}, {"created": 10**20}])
async def test_what_is_not_as_documented_is_no_guess(change: dict[str, Any]) -> None:
    body = {"object": "list", "data": [TXN | change], "has_more": False}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    async with httpx.AsyncClient(transport=transport) as http:
        client = StripeClient("http://127.0.0.1:1", "sk", http, clock=lambda: datetime.now(UTC))
        with pytest.raises(read.Unreadable):
            await read.list_movements(client, datetime.fromtimestamp(0, UTC))
