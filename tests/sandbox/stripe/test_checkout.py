"""Checkout Sessions over the API and on the hosted page, without a browser."""

import httpx
import pytest

from tests.sandbox.stripe.standin import DECLINED, GOOD, POOR, SUCCESS_URL, Caller


def test_a_session_as_it_is_made(caller: Caller) -> None:
    session = caller.session(
        customer_email="ada@customer.example",
        client_reference_id="order-7",
        cancel_url="http://127.0.0.1:9/back",
        **{"metadata[order]": "7", "payment_intent_data[metadata][order]": "7", "line_items[0][quantity]": "3"},
    )
    assert (session["status"], session["payment_status"], session["amount_total"]) == ("open", "unpaid", 14_700)
    assert session["url"] == f"{caller.standin.base_url}/c/pay/{session['id']}"
    assert (session["payment_intent"], session["metadata"]) == (None, {"order": "7"})
    assert session["payment_method_types"] == ["card", "sepa_debit"]
    items = caller.call("GET", f"checkout/sessions/{session['id']}/line_items")
    assert [(one["description"], one["quantity"], one["amount_total"]) for one in items["data"]] == [
        ("Snapshot report", 3, 14_700)
    ]
    assert caller.events() == []


def test_prices_of_the_catalogue(caller: Caller) -> None:
    product = caller.call("POST", "products", {"name": "Audit", "metadata[offer]": "1"})
    price = caller.call("POST", "prices", {"product": product["id"], "currency": "USD", "unit_amount": "2500"})
    data = {
        "mode": "payment",
        "success_url": SUCCESS_URL,
        "line_items[0][price]": price["id"],
        "line_items[0][quantity]": "2",
    }
    session = caller.call("POST", "checkout/sessions", data | {"expand[0]": "line_items"})
    assert (session["amount_total"], session["currency"]) == (5000, "usd")
    assert session["line_items"]["data"][0]["price"]["id"] == price["id"]
    caller.call("POST", f"prices/{price['id']}", {"active": "false"})
    assert "inactive" in caller.refused("POST", "checkout/sessions", data)["message"]


def test_paying_completes_and_sends_the_customer_on(caller: Caller) -> None:
    session = caller.session(
        **{"payment_intent_data[metadata][order]": "7", "payment_intent_data[description]": "Seven"}
    )
    answer = caller.pay(session)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"http://127.0.0.1:9/thanks?session={session['id']}",
    )
    wanted = {"expand[]": "payment_intent.latest_charge.balance_transaction"}
    paid = caller.call("GET", f"checkout/sessions/{session['id']}", wanted)
    assert (paid["status"], paid["payment_status"], paid["url"]) == ("complete", "paid", None)
    assert paid["customer_details"]["email"] == "ada@customer.example"
    charge = paid["payment_intent"]["latest_charge"]
    assert (charge["metadata"], charge["description"], charge["paid"]) == ({"order": "7"}, "Seven", True)
    assert [one["type"] for one in caller.events()] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]


def test_an_address_that_the_session_fixes_stays(caller: Caller) -> None:
    session = caller.session(customer_email="ada@customer.example")
    assert caller.pay(session, email="mallory@customer.example").status_code == 303
    found = caller.call("GET", f"checkout/sessions/{session['id']}")
    assert found["customer_details"]["email"] == "ada@customer.example"


def test_nobody_pays_twice(caller: Caller) -> None:
    session = caller.session()
    assert [caller.pay(session).status_code for _ in range(3)] == [303, 409, 409]
    assert len(caller.standin.books(caller.account)["charges"]) == 1


def test_a_decline_leaves_the_session_open(caller: Caller) -> None:
    session = caller.session()
    for card, words in ((DECLINED, "Your card was declined."), (POOR, "Your card has insufficient funds.")):
        answer = caller.pay(session, card)
        assert (answer.status_code, words in answer.text, "SANDBOX" in answer.text) == (402, True, True)
    held = caller.call("GET", f"checkout/sessions/{session['id']}", {"expand[]": "payment_intent"})
    assert (held["status"], held["payment_status"]) == ("open", "unpaid")
    assert held["payment_intent"]["last_payment_error"]["decline_code"] == "insufficient_funds"
    assert caller.balance() == {"usd": 0}
    assert caller.pay(session).status_code == 303
    statuses = [one["status"] for one in caller.call("GET", "charges")["data"]]
    assert statuses == ["succeeded", "failed", "failed"]
    assert len(caller.call("GET", "payment_intents")["data"]) == 1
    assert len(caller.events("charge.failed", "payment_intent.payment_failed")) == 4


@pytest.mark.parametrize(("outcome", "payment_status"), [("succeeded", "paid"), ("failed", "unpaid")])
def test_a_payment_that_settles_later(caller: Caller, outcome: str, payment_status: str) -> None:
    session = caller.session()
    assert caller.pay(session, "sepa_debit").status_code == 303
    held = caller.call("GET", f"checkout/sessions/{session['id']}", {"expand[]": "payment_intent.latest_charge"})
    assert (held["status"], held["payment_status"]) == ("complete", "unpaid")
    assert (held["payment_intent"]["status"], held["payment_intent"]["latest_charge"]["status"]) == (
        "processing",
        "pending",
    )
    assert caller.balance() == {"usd": 0}
    settled = caller.standin.control("settle", session=session["id"], outcome=outcome)
    assert settled["payment_status"] == payment_status
    assert caller.events()[-1]["type"] == f"checkout.session.async_payment_{outcome}"
    assert caller.standin.try_control("settle", session=session["id"], outcome=outcome).status_code == 400
    assert caller.balance() == ({"eur": 4728} if outcome == "succeeded" else {"usd": 0})


def test_nothing_to_pay(caller: Caller) -> None:
    session = caller.session(0)
    assert session["payment_status"] == "no_payment_required"
    assert caller.pay(session, "").status_code == 303
    assert [one["type"] for one in caller.events()] == ["checkout.session.completed"]
    assert caller.standin.books(caller.account)["charges"] == []


def test_a_customer_is_made_where_asked_for(caller: Caller) -> None:
    paid = caller.paid(customer_creation="always")
    found = caller.call("GET", f"customers/{paid['customer']}")
    assert found["email"] == "ada@customer.example"
    again = caller.session(customer=found["id"])
    assert again["customer"] == found["id"]
    assert caller.call("GET", "customers", {"email": "ada@customer.example"})["data"] == [found]


def test_expired_by_the_api(caller: Caller) -> None:
    session = caller.session()
    assert caller.call("POST", f"checkout/sessions/{session['id']}/expire")["status"] == "expired"
    assert "can be expired" in caller.refused("POST", f"checkout/sessions/{session['id']}/expire")["message"]
    assert caller.pay(session).status_code == 409
    assert "has expired" in httpx.get(session["url"]).text
    assert [one["type"] for one in caller.events()] == ["checkout.session.expired"]


def test_expired_by_time(caller: Caller) -> None:
    now = caller.standin.control("clock", advance_s=1)["now"]
    session = caller.session(expires_at=str(now + 1900))
    caller.standin.control("clock", advance_s=1890)
    assert caller.call("GET", f"checkout/sessions/{session['id']}")["status"] == "open"
    caller.standin.control("clock", advance_s=20)
    assert caller.call("GET", "checkout/sessions", {"status": "expired"})["data"][0]["id"] == session["id"]
    assert caller.pay(session).status_code == 409


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"mode": "subscription"}, "mode"),
        ({"success_url": "/thanks"}, "success_url"),
        ({"success_url": "javascript:alert(1)"}, "success_url"),
        ({"cancel_url": 'http://x.example/"><script>'}, "cancel_url"),
        ({"success_url": "http://x.example;script-src:*/"}, "success_url"),
        ({"success_url": "http://user:secret@x.example/"}, "success_url"),
        ({"line_items[0][quantity]": "0"}, "line_items[0][quantity]"),
        ({"line_items[0][quantity]": "1.5"}, "line_items[0][quantity]"),
        ({"line_items[0][price_data][currency]": "xxx"}, "line_items[0][price_data][currency]"),
        ({"line_items[0][price]": "price_1"}, "line_items[0][price]"),
        ({"line_items[1][price]": "price_1", "line_items[1][quantity]": "1"}, "line_items[1][price]"),
        ({"customer": "cus_none"}, "customer"),
        ({"expires_at": "1"}, "expires_at"),
        ({"payment_method_types[0]": "us_bank_account"}, "payment_method_types"),
        ({"colour": "red"}, "colour"),
        ({"allow_promotion_codes": "true"}, "allow_promotion_codes"),
    ],
)
def test_a_session_that_makes_no_sense(caller: Caller, change: dict[str, str], param: str) -> None:
    data = {
        "mode": "payment",
        "success_url": SUCCESS_URL,
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "eur",
        "line_items[0][price_data][unit_amount]": "4900",
        "line_items[0][price_data][product_data][name]": "x",
    }
    assert caller.refused("POST", "checkout/sessions", data | change)["param"] == param
    assert caller.call("GET", "checkout/sessions")["data"] == []
    assert caller.call("GET", "products")["data"] == []


def test_the_page_shows_what_is_bought_as_text_only(caller: Caller) -> None:
    session = caller.session(
        **{"line_items[0][price_data][product_data][name]": "<script>alert(1)</script>"}, customer_email='a"b@c.example'
    )
    answer = httpx.get(session["url"])
    assert "SANDBOX" in answer.text
    assert "49.00 EUR" in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    assert "<script" not in answer.text
    assert 'value="a&quot;b@c.example"' in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert policy.endswith("form-action 'self' http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"email": "ada@customer.example", "means": "4111111111111111"}, 400),
        ({"email": "no address", "means": GOOD}, 400),
        ({"means": GOOD}, 400),
        ({"email": "ada@customer.example", "means": "us_bank_account"}, 400),
        ({"email": "ada@customer.example", "means": GOOD, "name": "x" * 20_000}, 413),
    ],
)
def test_a_form_that_makes_no_sense_charges_nothing(caller: Caller, form: dict[str, str], status: int) -> None:
    session = caller.session()
    answer = httpx.post(session["url"], data=form)
    assert (answer.status_code, "SANDBOX" in answer.text) == (status, True)
    assert caller.standin.books(caller.account)["charges"] == []


def test_pages_that_are_not_there_and_the_overview(caller: Caller) -> None:
    base = caller.standin.base_url
    missing = httpx.get(f"{base}/c/pay/cs_test_none")
    assert (missing.status_code, "SANDBOX" in missing.text) == (404, True)
    charge = caller.charge()
    overview = httpx.get(f"{base}/")
    assert "SANDBOX" in overview.text
    assert charge["id"] in overview.text
