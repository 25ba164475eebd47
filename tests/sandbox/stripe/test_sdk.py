"""Stripe's own Python client gets on with the stand-in: what it sends is understood, what it reads is there."""

from typing import Any

import pytest

from tests.sandbox.stripe.receiver import SECRET, Receiver
from tests.sandbox.stripe.standin import SUCCESS_URL, Caller, until

stripe: Any = pytest.importorskip("stripe", reason="Stripe's Python client is missing: the package stripe")


@pytest.fixture
def client(caller: Caller) -> Any:
    """The client, set to the stand-in and its version."""
    return stripe.StripeClient(
        caller.key,
        base_addresses={"api": caller.standin.base_url},
        stripe_version="2026-05-27.dahlia",
        max_network_retries=0,
    )


def test_the_whole_way(caller: Caller, receiver: Receiver, client: Any) -> None:
    item = {
        "quantity": 2,
        "price_data": {"currency": "eur", "unit_amount": 2450, "product_data": {"name": "Snapshot"}},
    }
    params = {"mode": "payment", "success_url": SUCCESS_URL, "line_items": [item], "metadata": {"order": "7"}}
    session = client.v1.checkout.sessions.create(params, {"idempotency_key": "k"})
    assert client.v1.checkout.sessions.create(params, {"idempotency_key": "k"}).id == session.id
    assert caller.pay({"id": session.id}).status_code == 303
    found = client.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["payment_intent.latest_charge.balance_transaction"]}
    )
    charge = found.payment_intent.latest_charge
    assert (found.payment_status, charge.balance_transaction.net, found.metadata["order"]) == ("paid", 4728, "7")
    refund = client.v1.refunds.create({"charge": charge.id, "amount": 900})
    assert [one.id for one in client.v1.refunds.list({"charge": charge.id}).auto_paging_iter()] == [refund.id]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"charge": charge.id, "amount": 4001})
    until(lambda: len(receiver.received) == 6)
    for one in receiver.received:
        event = client.construct_event(one.body, one.signature, SECRET)
        assert event.id == one.event["id"]
    assert len(list(client.v1.events.list({"limit": 2}).auto_paging_iter())) == 6


def test_errors_become_the_clients_own(caller: Caller, client: Any) -> None:
    customer = {"name": "x"}
    client.v1.customers.create(customer, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError):
        client.v1.customers.create({"name": "y"}, {"idempotency_key": "k"})
    caller.standin.fault("/v1/customers", "429")
    with pytest.raises(stripe.RateLimitError):
        client.v1.customers.create(customer)
    caller.standin.fault("/v1/customers", "reject_500")
    with pytest.raises(stripe.APIError):
        client.v1.customers.create(customer)
    stranger = stripe.StripeClient("sk_test_x", base_addresses={"api": caller.standin.base_url})
    with pytest.raises(stripe.AuthenticationError):
        stranger.v1.customers.list()
