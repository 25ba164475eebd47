"""The books survive `kill -9`: money, keys, and the webhooks that were still to go out."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.sandbox.stripe.receiver import SECRET, Receiver
from tests.sandbox.stripe.standin import Caller, StandIn, until

pytestmark = pytest.mark.kill


@pytest.fixture
def own(tmp_path: Path) -> Iterator[StandIn]:
    """A stand-in that may be killed."""
    found = StandIn(tmp_path)
    found.start()
    yield found
    found.end()


def test_a_kill_loses_nothing(own: StandIn) -> None:
    caller = Caller(own, "kept")
    charge, open_session = caller.charge(), caller.session()
    data = {"charge": charge["id"], "amount": "100"}
    first = caller.send("POST", "refunds", data, key="k")
    before = own.books()
    own.kill()
    own.start()
    assert own.books() == before | {"sessions": own.books()["sessions"]}
    again = caller.send("POST", "refunds", data, key="k")
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert caller.pay(open_session).status_code == 303
    found = caller.call("GET", f"checkout/sessions/{open_session['id']}")
    assert found["payment_status"] == "paid"
    assert caller.balance() == {"eur": 2 * 4728 - 100}


def test_webhooks_that_waited_go_out_after_a_kill(own: StandIn) -> None:
    caller, receiver = Caller(own, "told"), Receiver()
    try:
        own.control("webhook-endpoints", url=receiver.url, secret=SECRET, account=caller.account)
        own.control("webhooks", hold=True)
        caller.paid()
        own.kill()
        own.start()
        assert receiver.received == []
        own.control("webhooks", hold=False)
        until(lambda: len(receiver.received) == 4)
        for one in receiver.received:
            one.verify(SECRET)
    finally:
        receiver.close()


def test_without_any_request_after_the_restart_too(own: StandIn) -> None:
    caller, receiver = Caller(own, "told"), Receiver()
    try:
        own.control("webhook-endpoints", url=receiver.url, secret=SECRET, account=caller.account)
        own.control("webhooks", delay_s=1)
        caller.call("POST", "customers", {"name": "x"})
        own.kill()
        assert receiver.received == []
        own.start()
        until(lambda: receiver.types() == ["customer.created"])
    finally:
        receiver.close()


def test_a_receiver_that_hangs_keeps_nobody_alive(own: StandIn) -> None:
    caller = Caller(own, "hung")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        own.control("webhook-endpoints", url=url, secret=SECRET, account=caller.account)
        caller.call("POST", "customers", {"name": "x"})
        held, _ = silent.accept()
        with held:
            assert caller.call("GET", "account")["id"] == caller.account
            before = time.monotonic()
            own.end()
            assert time.monotonic() - before < 5


def test_killed_amid_refunds_every_answer_given_is_in_the_books_and_nothing_is_there_twice(own: StandIn) -> None:
    caller = Caller(own, "torn")
    charge = caller.charge(90_000)
    answered: list[str] = []

    def refund_on() -> None:
        for number in range(500):
            data = {"charge": charge["id"], "amount": "1", "metadata[n]": str(number)}
            try:
                answer = caller.send("POST", "refunds", data, key=f"k{number}")
            except httpx.HTTPError:
                return
            answered.append(answer.json()["id"])

    for _ in range(3):
        worker = threading.Thread(target=refund_on)
        known = len(answered)
        worker.start()
        until(lambda known=known: len(answered) >= known + 15)
        own.kill()
        worker.join()
        own.start()
    books = own.books(caller.account)
    refunds = {one["id"]: one["metadata"]["n"] for one in books["refunds"]}
    assert set(answered) <= set(refunds)
    assert len(set(refunds.values())) == len(refunds)
    [held] = [one for one in books["charges"] if one["id"] == charge["id"]]
    assert held["amount_refunded"] == len(refunds)
    movements = [one for one in books["balance_transactions"] if one["type"] == "refund"]
    assert sorted(one["source"] for one in movements) == sorted(refunds)
