"""The check against Google's document can fail: it would not be worth much otherwise."""

import json

import jsonschema
import pytest

from tests.sandbox.gmail import discovery


@pytest.mark.parametrize(
    "change",
    [{"extra": 1}, {"id": 5}, {"historyId": 12}, {"raw": "a+b/"}, {"payload": {"headers": [{"name": 1}]}}],
)
def test_an_answer_that_google_would_not_give_is_found(change: dict[str, object]) -> None:
    method = discovery.method_for("GET", "/gmail/v1/users/me/messages/1")
    good: dict[str, object] = {"id": "1", "historyId": "12", "raw": "a-b_", "payload": {"headers": []}}
    discovery.check_response(method, json.dumps(good).encode())
    with pytest.raises(jsonschema.ValidationError):
        discovery.check_response(method, json.dumps(good | change).encode())


def test_a_call_that_google_does_not_know_is_found() -> None:
    base = "http://127.0.0.1/gmail/v1/users/me"
    assert discovery.check_request("POST", f"{base}/drafts/send", b'{"id": "r1"}').id == "gmail.users.drafts.send"
    for http_method, url, body in (
        ("POST", f"{base}/drafts/r1", b"{}"),
        ("GET", f"{base}/messages/1?format=everything", b""),
        ("GET", f"{base}/messages/1?shape=raw", b""),
        ("GET", f"{base}/history?maxResults=many", b""),
    ):
        with pytest.raises(AssertionError):
            discovery.check_request(http_method, url, body)
    with pytest.raises(jsonschema.ValidationError):
        discovery.check_request("POST", f"{base}/drafts", b'{"raw": "x"}')
