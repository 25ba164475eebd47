"""Refunds, disputes and payouts: what they do to the charge, the balance, the events, and what is refused."""

import pytest

from tests.sandbox.stripe.standin import DECLINED, Caller


def test_a_refund_in_parts(caller: Caller) -> None:
    charge = caller.charge()
    first = caller.refund(charge, amount="900", reason="requested_by_customer", **{"metadata[call]": "c1"})
    assert (first["amount"], first["status"], first["payment_intent"]) == (900, "succeeded", charge["payment_intent"])
    held = caller.call("GET", f"charges/{charge['id']}")
    assert (held["amount_refunded"], held["refunded"]) == (900, False)
    rest = caller.call("POST", "refunds", {"payment_intent": charge["payment_intent"]})
    assert rest["amount"] == 4000
    held = caller.call("GET", f"charges/{charge['id']}", {"expand[]": "refunds"})
    assert (held["amount_refunded"], held["refunded"]) == (4900, True)
    assert [one["id"] for one in held["refunds"]["data"]] == [rest["id"], first["id"]]
    assert caller.call("GET", f"charges/{charge['id']}/refunds")["data"] == held["refunds"]["data"]
    assert caller.call("GET", "refunds", {"charge": charge["id"], "limit": "1"})["data"] == [rest]
    transaction = caller.call("GET", f"balance_transactions/{rest['balance_transaction']}", {"expand[]": "source"})
    assert (transaction["amount"], transaction["fee"], transaction["source"]["id"]) == (-4000, 0, rest["id"])
    assert caller.balance() == {"eur": -172}
    told = caller.events("refund.*", "charge.refunded")
    assert [one["type"] for one in told] == ["refund.created", "charge.refunded"] * 2
    assert told[1]["data"]["previous_attributes"] == {"amount_refunded": 0}
    assert told[3]["data"]["previous_attributes"] == {"amount_refunded": 900, "refunded": False}


def test_refunds_that_are_refused(caller: Caller) -> None:
    charge = caller.charge()

    def refused(**data: str) -> tuple[str | None, str]:
        error = caller.refused("POST", "refunds", data)
        return error.get("code"), error["message"]

    assert refused(charge=charge["id"], amount="4901")[1].endswith("greater than charge amount (49.00 EUR)")
    caller.refund(charge, amount="4000")
    assert "unrefunded amount on charge (9.00 EUR)" in refused(charge=charge["id"], amount="901")[1]
    assert refused(charge=charge["id"], amount="0")[0] == "parameter_invalid_integer"
    assert refused(charge=charge["id"], amount="-5")[0] == "parameter_invalid_integer"
    assert refused(charge=charge["id"], amount="1.5")[0] == "parameter_invalid_integer"
    caller.refund(charge)
    assert refused(charge=charge["id"])[0] == "charge_already_refunded"
    assert refused(charge="ch_none")[0] == "resource_missing"
    assert refused()[0] == "parameter_missing"
    books = caller.standin.books(caller.account)
    assert sum(one["amount"] for one in books["refunds"]) == 4900


def test_what_was_never_paid_is_not_refunded(caller: Caller) -> None:
    session = caller.session()
    caller.pay(session, DECLINED)
    [charge] = caller.call("GET", "charges")["data"]
    assert "not successful" in caller.refused("POST", "refunds", {"charge": charge["id"]})["message"]


def test_another_account_sees_and_refunds_nothing(caller: Caller) -> None:
    charge = caller.charge()
    other = caller.standin.caller()
    assert other.refused("POST", "refunds", {"charge": charge["id"]})["code"] == "resource_missing"
    assert other.refused("GET", f"charges/{charge['id']}", status=404)["code"] == "resource_missing"
    assert other.call("GET", "charges")["data"] == []
    assert other.events() == []


def test_a_refund_fails_afterwards(caller: Caller) -> None:
    charge = caller.charge()
    refund = caller.refund(charge)
    caller.standin.control("refunds/fail", refund=refund["id"], reason="lost_or_stolen_card")
    held = caller.call("GET", f"refunds/{refund['id']}")
    assert (held["status"], held["failure_reason"]) == ("failed", "lost_or_stolen_card")
    assert caller.call("GET", f"charges/{charge['id']}")["amount_refunded"] == 0
    assert caller.balance() == {"eur": 4728}
    assert [one["type"] for one in caller.events("refund.failed", "refund.updated")] == [
        "refund.failed",
        "refund.updated",
    ]
    assert caller.standin.try_control("refunds/fail", refund=refund["id"]).status_code == 400


def test_a_refunds_metadata(caller: Caller) -> None:
    refund = caller.refund(caller.charge(), **{"metadata[a]": "1"})
    assert caller.call("POST", f"refunds/{refund['id']}", {"metadata[b]": "2"})["metadata"] == {"a": "1", "b": "2"}
    [told] = caller.events("refund.updated")
    assert told["data"]["previous_attributes"] == {"metadata": {"a": "1"}}


@pytest.mark.parametrize(("status", "net"), [("lost", 4728 - 4900 - 1500), ("won", 4728 - 1500)])
def test_a_dispute(caller: Caller, status: str, net: int) -> None:
    charge = caller.charge()
    dispute = caller.standin.control("disputes", charge=charge["id"], reason="product_not_received")
    assert caller.balance() == {"eur": 4728 - 4900 - 1500}
    assert caller.refused("POST", "refunds", {"charge": charge["id"]})["code"] == "charge_disputed"
    caller.standin.control("disputes/move", dispute=dispute["id"], status="under_review")
    caller.standin.control("disputes/move", dispute=dispute["id"], status=status)
    held = caller.call("GET", f"disputes/{dispute['id']}", {"expand[]": "charge"})
    assert (held["status"], held["charge"]["disputed"]) == (status, True)
    assert caller.balance() == {"eur": net}
    assert sum(one["net"] for one in held["balance_transactions"]) == net - 4728
    ends = ["charge.dispute.funds_reinstated"] if status == "won" else []
    assert [one["type"] for one in caller.events("charge.dispute.*")] == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "charge.dispute.closed",
        *ends,
    ]
    assert caller.standin.try_control("disputes", charge=charge["id"]).status_code == 400
    assert caller.standin.try_control("disputes/move", dispute=dispute["id"], status="won").status_code == 400


def test_a_payout_takes_what_there_is_and_says_of_what_it_is_made(caller: Caller) -> None:
    charges = [caller.charge(amount) for amount in (4900, 1000)]
    refund = caller.refund(charges[1], amount="500")
    payout = caller.standin.control("payouts", currency="eur", account=caller.account)
    assert (payout["amount"], payout["status"]) == (4728 + 941 - 500, "paid")
    assert caller.balance() == {"eur": 0}
    rows = caller.call("GET", "balance_transactions", {"payout": payout["id"]})["data"]
    assert [one["source"] for one in rows] == [payout["id"], refund["id"], charges[1]["id"], charges[0]["id"]]
    assert caller.call("GET", f"payouts/{payout['id']}")["reconciliation_status"] == "completed"
    assert [one["type"] for one in caller.events("payout.*")] == [
        "payout.created",
        "payout.updated",
        "payout.paid",
        "payout.reconciliation_completed",
    ]
    assert caller.standin.try_control("payouts", currency="eur", account=caller.account).status_code == 400


def test_a_paid_payout_can_still_fail(caller: Caller) -> None:
    caller.charge()
    payout = caller.standin.control("payouts", currency="eur", account=caller.account)
    caller.standin.control("payouts/move", payout=payout["id"], status="failed")
    held = caller.call("GET", f"payouts/{payout['id']}", {"expand[]": "failure_balance_transaction"})
    assert (held["status"], held["failure_balance_transaction"]["amount"]) == ("failed", 4728)
    assert caller.balance() == {"eur": 4728}
    again = caller.standin.control("payouts", currency="eur", account=caller.account, status="pending")
    assert again["amount"] == 4728
    caller.standin.control("payouts/move", payout=again["id"], status="canceled")
    assert caller.balance() == {"eur": 4728}
    assert caller.standin.try_control("payouts/move", payout=again["id"], status="paid").status_code == 400


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("disputes", {"charge": "ch_none"}, 404),
        ("disputes/move", {"dispute": "du_none", "status": "won"}, 404),
        ("payouts", {"currency": "xxx"}, 400),
        ("payouts", {"currency": "eur", "account": "acct_other"}, 400),
        ("payouts", {"currency": "eur", "status": "lost"}, 400),
        ("refunds/fail", {}, 400),
        ("settle", {"session": "cs_none", "outcome": "succeeded"}, 404),
        ("faults", {"path_contains": "/x", "mode": "explode"}, 400),
        ("faults", {"path_contains": "/x", "mode": "429", "times": 0}, 400),
        ("faults", {"path_contains": "/x", "mode": "stale_list"}, 400),
        ("faults", {"path_contains": "", "mode": "429"}, 400),
        ("webhooks", {"order": "random"}, 400),
        ("webhooks", {"copies": 0}, 400),
        ("webhooks", {"delay_s": -1}, 400),
        ("webhook-endpoints", {"url": "http://example.com/x", "secret": "long enough"}, 400),
        ("webhook-endpoints", {"url": "http://127.0.0.1:1/x", "secret": "short"}, 400),
        ("webhooks/resend", {"event": "evt_none"}, 404),
        ("clock", {"advance_s": -5}, 400),
        ("keys", {"key": "sk_live_1", "is_revoked": True}, 400),
    ],
)
def test_control_requests_that_make_no_sense(caller: Caller, name: str, body: dict[str, object], status: int) -> None:
    answer = caller.standin.try_control(name, **body)
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)
