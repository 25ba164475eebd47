"""The token endpoint answers as RFC 6749 and Google say."""

from typing import Any

import httpx
import pytest

from tests.sandbox.gmail.standin import Mailbox, StandIn


def ask(standin: StandIn, **form: str) -> tuple[int, dict[str, Any]]:
    answer = httpx.post(f"{standin.base_url}/token", data=form)
    return answer.status_code, answer.json()


def test_a_refresh_token_gives_an_access_token(mailbox: Mailbox) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": mailbox.refresh_token, "client_id": "c"}
    status, found = ask(mailbox.standin, **form)
    assert status == 200
    assert found["token_type"] == "Bearer"
    assert found["expires_in"] == 3599
    assert found["access_token"] not in mailbox.refresh_token


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"refresh_token": "wrong"}, 400, "invalid_grant"),
        ({"refresh_token": ""}, 400, "invalid_request"),
        ({"client_id": ""}, 400, "invalid_request"),
        ({"grant_type": "authorization_code"}, 400, "unsupported_grant_type"),
        ({"client_id": "another"}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
    ],
)
def test_what_is_refused(standin: StandIn, change: dict[str, str], status: int, error: str) -> None:
    box = standin.mailbox(client_id="client", client_secret="secret")
    form = {
        "grant_type": "refresh_token",
        "refresh_token": box.refresh_token,
        "client_id": "client",
        "client_secret": "secret",
    }
    assert ask(standin, **form)[0] == 200
    found_status, found = ask(standin, **(form | change))
    assert (found_status, found["error"]) == (status, error)


def test_revoking_ends_the_refresh_token_and_the_access_tokens(standin: StandIn, mailbox: Mailbox) -> None:
    mailbox.call("GET", "profile")
    standin.control("revoke", mailbox=mailbox.address)
    form = {"grant_type": "refresh_token", "refresh_token": mailbox.refresh_token, "client_id": "c"}
    assert ask(standin, **form) == (
        400,
        {"error": "invalid_grant", "error_description": "Token has been expired or revoked."},
    )
    assert mailbox.try_call("GET", "profile").status_code == 401
    standin.control("mailboxes", address=mailbox.address, refresh_token=mailbox.refresh_token)
    assert ask(standin, **form)[0] == 200
