"""Who may call, how lists and expansion work, and how what makes no sense is refused."""

import base64
import time

import httpx
import pytest

from tests.sandbox.stripe.standin import Caller


def get(caller: Caller, **headers: str) -> httpx.Response:
    return httpx.get(f"{caller.standin.base_url}/v1/account", headers=headers)


def test_bearer_and_basic_keys(caller: Caller) -> None:
    basic = base64.b64encode(f"{caller.key}:".encode()).decode()
    for authorization in (f"Bearer {caller.key}", f"Basic {basic}"):
        answer = get(caller, authorization=authorization)
        assert (answer.status_code, answer.json()["id"]) == (200, caller.account)
        assert answer.headers["request-id"].startswith("req_")
    assert get(caller, authorization="Bearer sk_test_sandbox").json()["id"] == "acct_sandbox"


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer sk_live_123",
        "Bearer sk_test_4eC39",
        "Bearer sk_test_sandbox_UPPER!",
        "Basic %%%",
        "Digest x",
    ],
)
def test_other_keys_are_refused(caller: Caller, authorization: str) -> None:
    answer = get(caller, authorization=authorization)
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "invalid_request_error")


def test_a_revoked_key(caller: Caller) -> None:
    caller.standin.control("keys", key=caller.key, is_revoked=True)
    assert caller.send("GET", "account").status_code == 401
    caller.standin.control("keys", key=caller.key, is_revoked=False)
    assert caller.call("GET", "account")["charges_enabled"] is True


def test_versions(caller: Caller) -> None:
    answer = caller.send("GET", "account", headers={"stripe-version": "2026-10-28.endive"})
    assert (answer.status_code, answer.headers["stripe-version"]) == (200, "2026-10-28.endive")
    assert caller.send("GET", "account", headers={"stripe-version": "newest"}).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "nothing", 404), ("POST", "charges", 404), ("DELETE", "refunds/re_1", 404)],
)
def test_what_is_not_there(caller: Caller, method: str, path: str, status: int) -> None:
    answer = caller.send(method, path)
    assert answer.status_code == status
    assert "Unrecognized request URL" in answer.json()["error"]["message"]


def test_json_is_no_form(caller: Caller) -> None:
    with httpx.Client(base_url=caller.standin.base_url) as http:
        answer = http.post("/v1/customers", json={"name": "x"}, headers={"authorization": f"Bearer {caller.key}"})
    assert (answer.status_code, "POST content type" in answer.text) == (400, True)


def test_too_large_a_form(caller: Caller) -> None:
    for size in (300_000, 600_000):
        answer = caller.send("POST", "customers", {"name": "x" * size})
        assert answer.status_code in (400, 413)
        assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({}, "parameter_missing"),
        ({"name": ""}, "parameter_invalid_empty"),
        ({"name": "x", "colour": "red"}, "parameter_unknown"),
        ({"name": "x", "active": "yes"}, None),
        ({"name[first]": "x"}, None),
        ({"name": "x" * 251}, None),
        ({"name": "x", "metadata": "text"}, None),
    ],
)
def test_parameters_that_make_no_sense(caller: Caller, data: dict[str, str], code: str | None) -> None:
    assert caller.refused("POST", "products", data).get("code") == code
    assert caller.call("GET", "products")["data"] == []


def test_the_catalogue_changes(caller: Caller) -> None:
    product = caller.call("POST", "products", {"name": "Audit", "metadata[a]": "1"})
    changed = caller.call("POST", f"products/{product['id']}", {"name": "Deep audit", "active": "false"})
    assert (changed["name"], changed["active"], changed["metadata"]) == ("Deep audit", False, {"a": "1"})
    told = caller.events("product.updated")[0]["data"]["previous_attributes"]
    assert (told["name"], told["active"]) == ("Audit", True)
    assert caller.call("GET", "products", {"active": "true"})["data"] == []
    data = {"currency": "eur", "unit_amount": "4900", "lookup_key": "audit", "product_data[name]": "Audit"}
    price = caller.call("POST", "prices", data)
    found = caller.call("GET", "prices", {"lookup_keys[0]": "audit", "expand[0]": "data.product"})["data"]
    assert [one["id"] for one in found] == [price["id"]]
    assert found[0]["product"]["name"] == "Audit"
    customer = caller.call("POST", "customers", {"email": "a@b.example"})
    assert caller.call("POST", f"customers/{customer['id']}", {"name": "Ada"})["email"] == "a@b.example"


@pytest.mark.parametrize("limit", ["0", "101", "x", "-1"])
def test_limits_of_a_page(caller: Caller, limit: str) -> None:
    assert caller.refused("GET", "charges", {"limit": limit})["param"] == "limit"


def test_both_cursors_are_refused(caller: Caller) -> None:
    charge = caller.charge()
    data = {"starting_after": charge["id"], "ending_before": charge["id"]}
    assert "cannot parameterize both" in caller.refused("GET", "charges", data)["message"]


def test_created_is_a_filter(caller: Caller) -> None:
    made = caller.call("POST", "customers", {"name": "x"})["created"]
    assert len(caller.call("GET", "customers", {"created[gte]": str(made), "created[lt]": str(made + 1)})["data"]) == 1
    assert len(caller.call("GET", "customers", {"created": str(made)})["data"]) == 1
    assert caller.call("GET", "customers", {"created[gt]": str(made)})["data"] == []
    assert caller.refused("GET", "customers", {"created[around]": "1"})["code"] == "parameter_unknown"


@pytest.mark.parametrize("path", ["colour", "amount", "data", "payment_intent.colour", "a.b.c.d.e"])
def test_what_cannot_be_expanded(caller: Caller, path: str) -> None:
    charge = caller.charge()
    caller.refused("GET", f"charges/{charge['id']}", {"expand[]": path})


def test_expanded_in_a_list(caller: Caller) -> None:
    charge = caller.charge()
    wanted = {"expand[0]": "data.balance_transaction", "expand[1]": "data.payment_intent"}
    [found] = caller.call("GET", "charges", wanted)["data"]
    assert found["balance_transaction"]["source"] == charge["id"]
    assert found["payment_intent"]["id"] == charge["payment_intent"]
    transaction = charge["balance_transaction"]["id"]
    deep = {"expand[]": "source.payment_intent.latest_charge.balance_transaction"}
    found = caller.call("GET", f"balance_transactions/{transaction}", deep)
    assert found["source"]["payment_intent"]["latest_charge"]["balance_transaction"]["id"] == transaction


def attempt(caller: Caller, data: dict[str, str]) -> int:
    """Refund without a key; the status, or 0 when no answer came."""
    try:
        return caller.send("POST", "refunds", data).status_code
    except (httpx.RemoteProtocolError, httpx.ReadError):
        return 0


@pytest.mark.parametrize(
    ("mode", "status", "is_done"),
    [
        ("accept_then_drop", 0, True),
        ("error_after_commit", 500, True),
        ("reject_500", 500, False),
        ("unavailable", 503, False),
        ("429", 429, False),
    ],
)
def test_faults_the_caller_and_the_books(caller: Caller, mode: str, status: int, is_done: bool) -> None:
    data = {"charge": caller.charge()["id"], "amount": "100"}
    caller.standin.fault("/v1/refunds", mode)
    assert attempt(caller, data) == status
    books = caller.standin.books(caller.account)
    assert sum(one["amount"] for one in books["refunds"]) == (100 if is_done else 0)
    last = books["calls"][-1]
    assert (last["method"], last["path"], last["status"]) == ("POST", "/v1/refunds", status)
    assert attempt(caller, data) == 200


def test_a_delay_delays_and_a_slow_answer_comes_after_the_deed(caller: Caller) -> None:
    caller.standin.fault("/v1/account", "delay", seconds=0.3)
    before = time.monotonic()
    caller.call("GET", "account")
    assert time.monotonic() - before >= 0.3
    caller.standin.fault("/v1/customers", "slow_answer", seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{caller.standin.base_url}/v1/customers",
            data={"name": "x"},
            headers={"authorization": f"Bearer {caller.key}"},
            timeout=0.5,
        )
    assert len(caller.call("GET", "customers")["data"]) == 1


def test_a_stale_list_lacks_what_is_new(caller: Caller) -> None:
    charge = caller.charge()
    caller.refund(charge, amount="100")
    caller.standin.fault("/v1/refunds", "stale_list", seconds=60)
    assert caller.call("GET", "refunds", {"charge": charge["id"]})["data"] == []
    assert len(caller.call("GET", "refunds", {"charge": charge["id"]})["data"]) == 1


def test_a_fault_meets_as_many_requests_as_it_says(caller: Caller) -> None:
    caller.standin.fault("/v1/account", "429", times=2)
    answers = [caller.send("GET", "account") for _ in range(3)]
    assert [one.status_code for one in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "2"
    assert answers[0].json()["error"]["code"] == "rate_limit"
