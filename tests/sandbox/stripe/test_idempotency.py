"""Idempotency keys, as Stripe documents them."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.sandbox.stripe.standin import Caller

DAY_S = 24 * 3600


def refunded(caller: Caller) -> int:
    return sum(one["amount"] for one in caller.standin.books(caller.account)["refunds"])


def test_the_same_key_gives_the_first_answer(caller: Caller) -> None:
    data = {"charge": caller.charge()["id"], "amount": "100"}
    first, *others = [caller.send("POST", "refunds", data, key="k") for _ in range(4)]
    assert first.status_code == 200
    assert "idempotent-replayed" not in first.headers
    for one in others:
        assert (one.status_code, one.content) == (200, first.content)
        assert one.headers["idempotent-replayed"] == "true"
        assert one.headers["original-request"] == first.headers["request-id"] != one.headers["request-id"]
        assert one.headers["idempotency-key"] == "k"
    assert refunded(caller) == 100
    [told] = caller.events("refund.created")
    assert told["request"] == {"id": first.headers["request-id"], "idempotency_key": "k"}


def test_the_order_of_parameters_does_not_matter_but_their_values_do(caller: Caller) -> None:
    data = {"charge": caller.charge()["id"], "amount": "100"}
    assert caller.send("POST", "refunds", data, key="k").status_code == 200
    turned = dict(reversed(data.items()))
    assert caller.send("POST", "refunds", turned, key="k").headers["idempotent-replayed"] == "true"
    for path, other in (("refunds", data | {"amount": "101"}), ("customers", {"name": "x"}), ("refunds", {})):
        answer = caller.send("POST", path, other, key="k")
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "idempotency_error")
    assert refunded(caller) == 100


def test_a_refusal_by_the_state_of_things_is_kept(caller: Caller) -> None:
    charge = caller.charge()
    data = {"charge": charge["id"], "amount": "5000"}
    first = caller.send("POST", "refunds", data, key="k")
    again = caller.send("POST", "refunds", data, key="k")
    assert (first.status_code, again.content) == (400, first.content)
    assert again.headers["idempotent-replayed"] == "true"


def test_a_malformed_call_is_not_kept(caller: Caller) -> None:
    charge = caller.charge()
    assert caller.send("POST", "refunds", {"charge": charge["id"], "amount": "x"}, key="k").status_code == 400
    assert caller.send("POST", "refunds", {"charge": charge["id"], "amount": "1"}, key="k").status_code == 200


@pytest.mark.parametrize(("mode", "is_done"), [("reject_500", False), ("error_after_commit", True)])
def test_a_500_is_kept_whether_it_was_carried_out_or_not(caller: Caller, mode: str, is_done: bool) -> None:
    data = {"charge": caller.charge()["id"], "amount": "100"}
    caller.standin.fault("/v1/refunds", mode)
    answers = [caller.send("POST", "refunds", data, key="k") for _ in range(3)]
    assert [one.status_code for one in answers] == [500, 500, 500]
    assert [one.headers.get("idempotent-replayed") for one in answers] == [None, "true", "true"]
    assert refunded(caller) == (100 if is_done else 0)
    assert caller.send("POST", "refunds", data, key="another").status_code == 200


@pytest.mark.parametrize("mode", ["429", "unavailable"])
def test_what_never_began_is_not_kept(caller: Caller, mode: str) -> None:
    data = {"charge": caller.charge()["id"], "amount": "100"}
    caller.standin.fault("/v1/refunds", mode)
    assert caller.send("POST", "refunds", data, key="k").status_code in (429, 503)
    assert caller.send("POST", "refunds", data, key="k").status_code == 200
    assert refunded(caller) == 100


def test_a_lost_answer_is_found_by_its_key(caller: Caller) -> None:
    data = {"charge": caller.charge()["id"], "amount": "100"}
    caller.standin.fault("/v1/refunds", "accept_then_drop")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        caller.send("POST", "refunds", data, key="k")
    assert refunded(caller) == 100
    answer = caller.send("POST", "refunds", data, key="k")
    assert (answer.status_code, answer.headers["idempotent-replayed"]) == (200, "true")
    assert refunded(caller) == 100


def test_without_a_key_a_lost_answer_becomes_two_effects(caller: Caller) -> None:
    data = {"charge": caller.charge()["id"], "amount": "100"}
    caller.standin.fault("/v1/refunds", "accept_then_drop")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        caller.send("POST", "refunds", data)
    assert caller.send("POST", "refunds", data).status_code == 200
    assert refunded(caller) == 200


def test_a_key_is_forgotten_after_a_day_and_runs_again(caller: Caller) -> None:
    data = {"charge": caller.charge()["id"], "amount": "100"}
    assert caller.send("POST", "refunds", data, key="k").status_code == 200
    caller.standin.control("clock", advance_s=DAY_S - 60)
    assert caller.send("POST", "refunds", data, key="k").headers["idempotent-replayed"] == "true"
    caller.standin.control("clock", advance_s=61)
    assert "idempotent-replayed" not in caller.send("POST", "refunds", data, key="k").headers
    assert refunded(caller) == 200


def test_a_key_belongs_to_one_account(caller: Caller) -> None:
    other = caller.standin.caller()
    for one in (caller, other):
        answer = one.send("POST", "customers", {"name": one.name}, key="k")
        assert (answer.status_code, answer.json()["name"]) == (200, one.name)


def test_a_key_in_use_is_a_conflict_that_is_not_kept(caller: Caller) -> None:
    data = {"charge": caller.charge()["id"], "amount": "100"}
    caller.standin.fault("/v1/refunds", "delay", seconds=0.6)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: caller.send("POST", "refunds", data, key="k"), range(2)))
    done, conflict = sorted(answers, key=lambda one: one.status_code)
    assert (done.status_code, conflict.status_code) == (200, 409)
    assert conflict.json()["error"]["code"] == "idempotency_key_in_use"
    assert caller.send("POST", "refunds", data, key="k").status_code == 200
    assert refunded(caller) == 100


def test_twenty_at_once_are_one(caller: Caller) -> None:
    data = {"charge": caller.charge()["id"], "amount": "100"}
    with ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(lambda _: caller.send("POST", "refunds", data, key="k").status_code, range(20)))
    assert 200 in statuses
    assert statuses <= {200, 409}
    assert refunded(caller) == 100


def test_keys_have_a_longest(caller: Caller) -> None:
    assert caller.send("POST", "customers", {"name": "x"}, key="k" * 255).status_code == 200
    answer = caller.send("POST", "customers", {"name": "x"}, key="k" * 256)
    assert (answer.status_code, "255 characters" in answer.text) == (400, True)
