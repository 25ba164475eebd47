"""Mail from outside as Gmail has it: watches and pushes, bounces, labels, lists that are behind, attachments."""

import base64
import email
import email.policy
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from tests.sandbox.gmail.standin import Mailbox, StandIn, mail

TOPIC = "projects/agency/topics/mail"
WAIT_S = 5.0


class Receiver:
    """What a push subscription posts to: remembers every body, answers with the statuses it was told, then 204."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/push?token=t"

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """The bodies, once there are so many."""
        until = time.monotonic() + WAIT_S
        while len(self.bodies) < count and time.monotonic() < until:
            time.sleep(0.01)
        assert len(self.bodies) >= count
        return self.bodies


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def deliver(mailbox: Mailbox, raw: bytes, **more: Any) -> dict[str, Any]:
    raw_b64 = base64.b64encode(raw).decode()
    return mailbox.standin.control("deliver", mailbox=mailbox.address, raw_b64=raw_b64, **more)


def watch(mailbox: Mailbox, **more: Any) -> Any:
    return mailbox.call("POST", "watch", {"topicName": TOPIC, **more})


def told(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body["message"]["data"]))
    return found


def test_a_watched_mailbox_tells_its_topic_of_mail(standin: StandIn, mailbox: Mailbox, receiver: Receiver) -> None:
    standin.control("topics", topic=TOPIC, push_url=receiver.url)
    begun = watch(mailbox)
    assert int(begun["expiration"]) / 1000 - time.time() == pytest.approx(7 * 86400, abs=60)
    arrived = deliver(mailbox, mail())
    (body,) = receiver.wait_for(1)
    assert told(body) == {"emailAddress": mailbox.address, "historyId": int(arrived["history_id"])}
    assert body["subscription"] == "projects/agency/subscriptions/mail-push"
    found = mailbox.call("GET", "history", startHistoryId=begun["historyId"])
    assert [one["id"] for one in found["history"]] == [arrived["history_id"]]


def test_a_push_that_is_not_taken_comes_again_and_may_come_twice(
    standin: StandIn, mailbox: Mailbox, receiver: Receiver
) -> None:
    standin.control("topics", topic=TOPIC, push_url=receiver.url, copies=2)
    watch(mailbox)
    receiver.statuses = [500]
    deliver(mailbox, mail())
    bodies = receiver.wait_for(3)
    assert len({one["message"]["messageId"] for one in bodies}) == 1


def test_a_watch_ends_by_stop_and_by_time_and_keeps_to_its_labels(
    standin: StandIn, mailbox: Mailbox, receiver: Receiver
) -> None:
    standin.control("topics", topic=TOPIC, push_url=receiver.url)
    watch(mailbox, labelIds=["INBOX"], labelFilterBehavior="include")
    deliver(mailbox, mail(), labels=["SPAM"])
    mailbox.draft(mail())
    inbox = deliver(mailbox, mail())
    mailbox.call("POST", "stop")
    deliver(mailbox, mail())
    watch(mailbox)
    assert standin.control("expire-watch", mailbox=mailbox.address) == {"expired": True}
    deliver(mailbox, mail())
    assert [told(one)["historyId"] for one in receiver.wait_for(1)] == [int(inbox["history_id"])]
    time.sleep(0.2)
    assert len(receiver.bodies) == 1


def test_a_topic_that_nobody_made_cannot_be_watched(mailbox: Mailbox) -> None:
    assert mailbox.try_call("POST", "watch", {"topicName": "projects/agency/topics/none"}).status_code == 404
    assert mailbox.try_call("POST", "watch", {"topicName": "mail"}).status_code == 400
    assert mailbox.try_call("POST", "watch", {}).status_code == 400


def test_mail_to_an_address_that_bounces_comes_back_as_a_report(standin: StandIn, mailbox: Mailbox) -> None:
    standin.control("bounces", address="gone@customer.example")
    sent = mailbox.send(mail("An offer", to="gone@customer.example, here@customer.example"))
    (report,) = mailbox.call("GET", "messages", labelIds="INBOX")["messages"]
    assert report["threadId"] == sent["threadId"]
    message = email.message_from_bytes(mailbox.raw_of(report["id"]), policy=email.policy.default)
    assert message.get_content_type() == "multipart/report"
    assert message["In-Reply-To"] == standin.sent_from(mailbox.address)[-1]["wire_message_id"]
    text, status, original = message.iter_parts()
    assert "gone@customer.example" in text.get_content()
    about: Any = status.get_payload()[-1]  # type: ignore[index]
    assert (about["Final-Recipient"], about["Action"], about["Status"]) == (
        "rfc822; gone@customer.example",
        "failed",
        "5.1.1",
    )
    assert "Subject: An offer" in original.get_content()
    standin.control("bounces", address="gone@customer.example", action="none")
    mailbox.send(mail(to="gone@customer.example"))
    assert len(mailbox.call("GET", "messages", labelIds="INBOX")["messages"]) == 1


def test_spam_is_in_no_list_unless_asked_for_and_lists_reach_back_as_far_as_wanted(mailbox: Mailbox) -> None:
    spam = deliver(mailbox, mail("Spam"), labels=["SPAM", "UNREAD"])
    inbox = deliver(mailbox, mail("Mail"))
    listed = mailbox.call("GET", "messages")["messages"]
    assert [one["id"] for one in listed] == [inbox["message_id"]]
    everything = mailbox.call("GET", "messages", includeSpamTrash="true")["messages"]
    assert {one["id"] for one in everything} == {spam["message_id"], inbox["message_id"]}
    assert mailbox.call("GET", "messages", q=f"after:{int(time.time()) - 60}")["resultSizeEstimate"] == 1
    assert mailbox.call("GET", "messages", q=f"after:{int(time.time()) + 60}")["resultSizeEstimate"] == 0
    assert mailbox.call("GET", "messages", q=f"before:{int(time.time()) + 60}")["resultSizeEstimate"] == 1


def test_a_stale_list_lacks_what_is_new_and_catches_up(standin: StandIn, mailbox: Mailbox) -> None:
    before = mailbox.call("GET", "profile")["historyId"]
    arrived = deliver(mailbox, mail())
    for path, params in (("messages", {}), ("history", {"startHistoryId": before})):
        standin.fault(f"/{path}", "stale_list", seconds=60)
        behind = mailbox.call("GET", path, **params)
        assert path not in behind
        assert mailbox.call("GET", path, **params)[path]
    assert behind["historyId"] == before
    assert mailbox.call("GET", "history", startHistoryId=before)["historyId"] == arrived["history_id"]


def test_a_stale_list_says_how_far_it_is_behind(standin: StandIn) -> None:
    body = {"mode": "stale_list", "path_contains": "/messages"}
    assert httpx.post(f"{standin.base_url}/_sandbox/faults", json=body).status_code == 400
