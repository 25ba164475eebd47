"""What the fault modes do to the caller and, above all, to the books."""

import time

import httpx
import pytest

from tests.sandbox.gmail.standin import Mailbox, mail


def attempt(box: Mailbox, draft_id: str) -> int:
    """Send a draft; the status, or 0 when no answer came."""
    try:
        return box.try_call("POST", "drafts/send", {"id": draft_id}).status_code
    except (httpx.RemoteProtocolError, httpx.ReadError):
        return 0


@pytest.mark.parametrize(
    ("mode", "status", "is_sent"),
    [
        ("accept_then_drop", 0, True),
        ("error_after_commit", 500, True),
        ("reject_500", 500, False),
        ("unavailable", 503, False),
        ("429", 429, False),
    ],
)
def test_the_caller_and_the_books(mailbox: Mailbox, mode: str, status: int, is_sent: bool) -> None:
    draft = mailbox.draft(mail())
    mailbox.standin.fault("/drafts/send", mode)
    assert attempt(mailbox, draft["id"]) == status
    assert len(mailbox.standin.sent_from(mailbox.address)) == (1 if is_sent else 0)
    assert mailbox.standin.books()["calls"][-1]["status"] == status
    assert attempt(mailbox, draft["id"]) == (400 if is_sent else 200)
    assert len(mailbox.standin.sent_from(mailbox.address)) == 1


def test_a_delay_delays(mailbox: Mailbox) -> None:
    mailbox.standin.fault("/profile", "delay", seconds=0.3)
    mailbox.token()
    before = time.monotonic()
    mailbox.call("GET", "profile")
    assert time.monotonic() - before >= 0.3


def test_a_slow_answer_comes_after_the_deed(mailbox: Mailbox) -> None:
    draft = mailbox.draft(mail())
    mailbox.standin.fault("/drafts/send", "slow_answer", seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        mailbox.try_call("POST", "drafts/send", {"id": draft["id"]}, timeout_s=0.5)
    assert len(mailbox.standin.sent_from(mailbox.address)) == 1


def test_a_fault_meets_as_many_requests_as_it_says(mailbox: Mailbox) -> None:
    mailbox.standin.fault("/profile", "unavailable", times=2)
    assert [mailbox.try_call("GET", "profile").status_code for _ in range(3)] == [503, 503, 200]
    assert mailbox.try_call("GET", "labels").status_code == 200


@pytest.mark.parametrize(
    "body",
    [{"mode": "explode"}, {"times": 0}, {"times": True}, {"seconds": -1}, {"path_contains": ""}],
)
def test_a_fault_that_makes_no_sense_is_refused(mailbox: Mailbox, body: dict[str, object]) -> None:
    given = {"path_contains": "/x", "mode": "429", "times": 1, **body}
    answer = httpx.post(f"{mailbox.standin.base_url}/_sandbox/faults", json=given)
    assert answer.status_code == 400
    assert answer.json()["error"]
