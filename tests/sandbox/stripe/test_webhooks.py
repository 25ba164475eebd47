"""Events as a list, and events as they arrive: signed, again, twice, late, out of order."""

import time

import pytest

from tests.sandbox.stripe import spec
from tests.sandbox.stripe.receiver import SECRET, Receiver
from tests.sandbox.stripe.standin import Caller, until

PAID = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"]


def arrived(receiver: Receiver, number: int) -> None:
    until(lambda: len(receiver.received) >= number)
    time.sleep(0.2)
    assert len(receiver.received) == number, receiver.types()


def states(caller: Caller) -> list[int]:
    return [one["pending_webhooks"] for one in caller.events()]


def test_every_event_arrives_signed_and_is_an_event_of_stripes(caller: Caller, receiver: Receiver) -> None:
    paid = caller.paid()
    arrived(receiver, 4)
    assert sorted(receiver.types()) == sorted(PAID)
    listed = {one["id"]: one for one in caller.events()}
    for one in receiver.received:
        one.verify(SECRET)
        assert one.content_type == "application/json; charset=utf-8"
        spec.check_object("event", one.event)
        assert one.event | {"pending_webhooks": 0} == listed[one.event["id"]]
    [completed] = [one.event for one in receiver.received if one.event["type"] == "checkout.session.completed"]
    assert completed["data"]["object"]["id"] == paid["id"]
    assert completed["pending_webhooks"] == 1
    assert (completed["api_version"], completed["livemode"]) == (spec.VERSION, False)


def test_an_altered_body_or_another_secret_does_not_verify(caller: Caller, receiver: Receiver) -> None:
    caller.session()
    caller.call("POST", "customers", {"name": "x"})
    arrived(receiver, 1)
    with pytest.raises(AssertionError):
        receiver.received[0].verify("whsec_another")


def test_two_signatures_while_a_secret_is_replaced(caller: Caller, receiver: Receiver) -> None:
    endpoint = {"url": receiver.url, "account": caller.account}
    caller.standin.control("webhook-endpoints", **endpoint, secret="whsec_of_tomorrow", previous_secret=SECRET)
    caller.call("POST", "customers", {"name": "x"})
    arrived(receiver, 1)
    receiver.received[0].verify("whsec_of_tomorrow", SECRET)


def test_a_failure_is_tried_again_with_the_same_event(caller: Caller, receiver: Receiver) -> None:
    receiver.statuses = [500, 302, 404]
    caller.call("POST", "customers", {"name": "x"})
    arrived(receiver, 4)
    assert len({one.event["id"] for one in receiver.received}) == 1
    assert states(caller) == [0]
    tries = caller.standin.books(caller.account)["webhook_attempts"]
    assert [one["status"] for one in tries] == [500, 302, 404, 200]


def test_tries_are_bounded(caller: Caller, receiver: Receiver) -> None:
    caller.standin.control("webhooks", retry_base_s=0)
    receiver.statuses = [500] * 100
    caller.call("POST", "customers", {"name": "x"})
    until(lambda: states(caller) == [0])
    arrived(receiver, 8)


def test_a_receiver_that_is_not_there_is_tried_again(caller: Caller, receiver: Receiver) -> None:
    receiver.close()
    caller.call("POST", "customers", {"name": "x"})
    until(lambda: caller.standin.books(caller.account)["webhook_attempts"] != [])
    assert caller.standin.books(caller.account)["webhook_attempts"][0]["status"] == 0
    receiver.open()
    until(lambda: receiver.types() == ["customer.created"])


def test_duplicates_on_demand(caller: Caller, receiver: Receiver) -> None:
    caller.standin.fault("checkout.session.completed", "duplicate")
    caller.paid()
    arrived(receiver, 5)
    assert receiver.types().count("checkout.session.completed") == 2
    caller.standin.control("webhooks", copies=3)
    caller.call("POST", "customers", {"name": "x"})
    arrived(receiver, 8)
    last = caller.events()[-1]["id"]
    caller.standin.control("webhooks/resend", event=last, times=2)
    arrived(receiver, 10)


def test_held_then_released_in_another_order(caller: Caller, receiver: Receiver) -> None:
    caller.standin.control("webhooks", hold=True)
    for number in range(12):
        caller.call("POST", "customers", {"name": f"customer {number}"})
    time.sleep(0.3)
    assert receiver.received == []
    assert states(caller) == [1] * 12
    caller.standin.control("webhooks", hold=False, order="shuffled", seed=7)
    arrived(receiver, 12)
    order = [one.event["id"] for one in receiver.received]
    listed = [one["id"] for one in caller.events()]
    assert sorted(order) == sorted(listed)
    assert order != listed


def test_a_delay(caller: Caller, receiver: Receiver) -> None:
    caller.standin.control("webhooks", delay_s=0.5)
    before = time.monotonic()
    caller.call("POST", "customers", {"name": "x"})
    arrived(receiver, 1)
    assert time.monotonic() - before >= 0.5


def test_only_the_account_that_it_happened_in_is_told(caller: Caller, receiver: Receiver) -> None:
    other = caller.standin.caller()
    other.call("POST", "customers", {"name": "theirs"})
    caller.call("POST", "customers", {"name": "ours"})
    arrived(receiver, 1)
    assert receiver.received[0].event["data"]["object"]["name"] == "ours"


def test_endpoints_over_the_api(caller: Caller, receiver: Receiver) -> None:
    data = {"url": receiver.url, "enabled_events[0]": "charge.succeeded"}
    made = caller.call("POST", "webhook_endpoints", data)
    assert made["secret"].startswith("whsec_")
    assert "secret" not in caller.call("GET", f"webhook_endpoints/{made['id']}")
    caller.paid()
    arrived(receiver, 5)
    [twice] = [one for one in receiver.received if receiver.types().count(one.event["type"]) == 2][:1]
    assert twice.event["type"] == "charge.succeeded"
    disabled = caller.call("POST", f"webhook_endpoints/{made['id']}", {"disabled": "true"})
    assert disabled["status"] == "disabled"
    assert caller.call("DELETE", f"webhook_endpoints/{made['id']}")["deleted"] is True
    assert caller.refused("GET", f"webhook_endpoints/{made['id']}", status=404)["code"] == "resource_missing"
    assert len(caller.call("GET", "webhook_endpoints")["data"]) == 1


@pytest.mark.parametrize(
    "url", ["http://example.com/", "https://10.0.0.1/", "ftp://127.0.0.1/", "http://127.0.0.1:0/", "nonsense"]
)
def test_nothing_is_sent_elsewhere(caller: Caller, url: str) -> None:
    data = {"url": url, "enabled_events[0]": "*"}
    assert caller.refused("POST", "webhook_endpoints", data)["code"] == "url_invalid"


def test_events_by_page_and_type(caller: Caller) -> None:
    for number in range(7):
        caller.call("POST", "customers", {"name": f"customer {number}"})
    caller.call("POST", "products", {"name": "x"})
    first = caller.call("GET", "events", {"limit": "3"})
    assert first["has_more"] is True
    assert first["data"][0]["type"] == "product.created"
    seen, cursor = [one["id"] for one in first["data"]], first["data"][-1]["id"]
    while True:
        page = caller.call("GET", "events", {"limit": "3", "starting_after": cursor})
        seen += [one["id"] for one in page["data"]]
        if not page["has_more"]:
            break
        cursor = page["data"][-1]["id"]
    assert seen == [one["id"] for one in caller.events()[::-1]]
    before = caller.call("GET", "events", {"limit": "2", "ending_before": seen[4]})
    assert ([one["id"] for one in before["data"]], before["has_more"]) == (seen[2:4], True)
    assert [one["type"] for one in caller.events("product.created")] == ["product.created"]
    assert len(caller.call("GET", "events", {"type": "customer.*"})["data"]) == 7
    assert caller.call("GET", f"events/{seen[0]}")["id"] == seen[0]
    assert caller.refused("GET", "events", {"starting_after": "evt_none"})["code"] == "resource_missing"
