"""The books are the truth that tests and the demo rely on: exact, and they survive a crash."""

import base64
import hashlib
from pathlib import Path

import httpx
import pytest

from tests.sandbox.gmail.standin import Mailbox, StandIn, mail


def test_a_sent_mail_is_booked_exactly(mailbox: Mailbox) -> None:
    raw = mail("Exactly this", Cc="y@customer.example")
    sent = mailbox.send(raw)
    [booked] = mailbox.standin.sent_from(mailbox.address)
    assert booked["message_id"] == sent["id"]
    assert booked["thread_id"] == sent["threadId"]
    assert booked["recipients"] == ["x@customer.example", "y@customer.example"]
    assert base64.b64decode(booked["raw_b64"]) == mailbox.raw_of(sent["id"])
    submitted = base64.b64decode(booked["submitted_b64"])
    assert booked["sha256_submitted"] == hashlib.sha256(submitted).hexdigest()
    assert b"Subject: Exactly this" in submitted


def test_calls_are_booked(mailbox: Mailbox) -> None:
    draft = mailbox.draft(mail())
    mailbox.try_call("GET", "drafts/none")
    last = [
        (one["method"], one["path"].rpartition("/me")[2], one["status"]) for one in mailbox.standin.books()["calls"]
    ]
    assert last[-2:] == [("POST", "/drafts", 200), ("GET", "/drafts/none", 404)]
    assert draft["id"] in [one["draft_id"] for one in mailbox.standin.books()["drafts"]]


def test_killed_at_any_moment_it_keeps_what_it_answered(tmp_path: Path) -> None:
    standin = StandIn(tmp_path)
    standin.start()
    try:
        box = standin.mailbox()
        draft, sent = box.draft(mail("Kept")), box.send(mail("Sent"))
        start = box.call("GET", "profile")["historyId"]
        before = standin.books()
        standin.kill()
        standin.start()
        after = standin.books()
        assert after["sent"] == before["sent"]
        assert after["drafts"] == before["drafts"]
        assert after["calls"] == before["calls"]
        assert box.call("GET", f"messages/{sent['id']}")["labelIds"] == ["SENT"]
        box.call("POST", "drafts/send", {"id": draft["id"]})
        assert box.call("GET", "history", startHistoryId=start)["history"]
        assert len(standin.books()["sent"]) == 2
    finally:
        standin.end()


def test_setting_a_mailbox_up_again_keeps_its_mail(standin: StandIn, mailbox: Mailbox) -> None:
    mailbox.send(mail())
    standin.mailbox(address=mailbox.address, aliases=["new@agency.example"])
    assert mailbox.call("GET", "profile")["messagesTotal"] == 1
    assert len(mailbox.call("GET", "settings/sendAs")["sendAs"]) == 2


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("mailboxes", {"address": "no address", "refresh_token": "r"}, 400),
        ("mailboxes", {"address": "x@y.example"}, 400),
        ("mailboxes", {"address": "x@y.example", "refresh_token": "r", "aliases": [{"address": 1}]}, 400),
        ("deliver", {"mailbox": "nobody@y.example", "raw_b64": ""}, 404),
        ("revoke", {"mailbox": "nobody@y.example"}, 404),
    ],
)
def test_control_requests_that_make_no_sense(standin: StandIn, name: str, body: dict[str, object], status: int) -> None:
    answer = httpx.post(f"{standin.base_url}/_sandbox/{name}", json=body)
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)


def test_a_delivery_that_is_no_mail_is_refused(standin: StandIn, mailbox: Mailbox) -> None:
    for raw_b64 in ("%%%", base64.b64encode(b"no header\r\n").decode()):
        body = {"mailbox": mailbox.address, "raw_b64": raw_b64}
        assert httpx.post(f"{standin.base_url}/_sandbox/deliver", json=body).status_code == 400


def test_a_refresh_token_belongs_to_one_mailbox(standin: StandIn, mailbox: Mailbox) -> None:
    body = {"address": "thief@agency.example", "refresh_token": mailbox.refresh_token}
    assert httpx.post(f"{standin.base_url}/_sandbox/mailboxes", json=body).status_code == 400


def test_the_page_says_sandbox_and_shows_mail_as_text_only(mailbox: Mailbox) -> None:
    mailbox.send(mail("<script>alert(1)</script>"))
    answer = httpx.get(f"{mailbox.standin.base_url}/")
    assert answer.headers["content-type"].startswith("text/html")
    assert "SANDBOX" in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    assert "<script" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
