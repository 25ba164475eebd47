"""Another site cannot act for a signed-in person."""

import pytest

from tests.web.conftest import Client, stream_until_closed
from tests.web.desk_in_memory import EMAIL, PASSWORD, DeskInMemory, key
from trinity.web.config import WebConfig
from trinity.web.csrf import csrf_token
from trinity.web.live import Hub

STOP = f"/runs/{key(3)}/stop"
PROBLEM = {"accept": "application/problem+json"}


async def test_a_change_without_the_token_is_refused(signed_in: Client, desk: DeskInMemory) -> None:
    del signed_in.headers["x-csrf-token"]
    answer = await signed_in.post(STOP, data={"a": "b"}, headers=PROBLEM)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
    assert desk.done == []


async def test_the_hidden_field_does_without_script(signed_in: Client, desk: DeskInMemory) -> None:
    token = signed_in.headers.pop("x-csrf-token")
    answer = await signed_in.post(STOP, data={"csrf_token": token})
    assert answer.status_code == 303
    assert desk.done == [("stop_run", key(3))]


async def test_the_token_of_another_session_does_not_fit(
    signed_in: Client, desk: DeskInMemory, config: WebConfig
) -> None:
    other = csrf_token(config, "token-of-another-session")
    answer = await signed_in.post(STOP, headers=PROBLEM | {"x-csrf-token": other})
    assert answer.json()["code"] == "csrf"
    assert desk.done == []


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:8001"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_another_origin_is_refused_even_with_the_token(
    signed_in: Client, desk: DeskInMemory, headers: dict[str, str]
) -> None:
    answer = await signed_in.post(STOP, headers=PROBLEM | headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_origin")
    assert desk.done == []


async def test_the_sign_in_form_needs_a_browser_that_says_where_it_comes_from(client: Client) -> None:
    del client.headers["origin"]
    form = {"email": EMAIL, "password": PASSWORD}
    answer = await client.post("/sign-in", data=form, headers=PROBLEM)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_origin")


async def test_no_token_travels_in_a_stream(signed_in: Client, hub: Hub) -> None:
    token, path = signed_in.headers["x-csrf-token"], f"/approvals/{key(510)}"
    assert token in (await signed_in.get(path)).text
    said = await stream_until_closed(signed_in, hub, path)
    assert "event: patch" in said
    assert token not in said
