"""The session cookie, its name, and its change at sign-in."""

import pytest

from tests.web.conftest import Client
from tests.web.desk_in_memory import EMAIL, PASSWORD, DeskInMemory
from trinity.errors import Refused
from trinity.web.config import WebConfig
from trinity.web.forms import own_path
from trinity.web.session import cookie_for


async def test_sign_in_never_keeps_a_token_that_the_browser_brought(
    client: Client, desk: DeskInMemory, config: WebConfig
) -> None:
    client.cookies.set(config.cookie_name, "chosen-by-an-attacker", domain="127.0.0.1")
    desk.tokens["chosen-by-an-attacker"] = desk.who
    answer = await client.post("/sign-in", data={"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 303
    assert "chosen-by-an-attacker" not in answer.headers["set-cookie"]
    assert list(desk.tokens) == ["token-1"]


async def test_a_wrong_password_keeps_the_address_and_says_so(client: Client) -> None:
    answer = await client.post("/sign-in", data={"email": EMAIL, "password": "no"})
    assert answer.status_code == 401
    assert "E-mail or password is wrong." in answer.text
    assert EMAIL in answer.text
    assert "set-cookie" not in answer.headers


async def test_guessing_is_slowed_down(client: Client) -> None:
    for _ in range(10):
        await client.post("/sign-in", data={"email": EMAIL, "password": "no"})
    answer = await client.post("/sign-in", data={"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 429


async def test_sign_out_ends_the_session_and_takes_the_cookie(signed_in: Client, desk: DeskInMemory) -> None:
    answer = await signed_in.post("/sign-out")
    assert answer.headers["location"] == "/sign-in"
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert desk.tokens == {}


def test_over_https_the_cookie_is_bound_to_the_host() -> None:
    cookie = cookie_for(WebConfig("https://trinity.example", b"k" * 32), "t")
    header = cookie.to_header(header="")
    assert header.startswith("__Host-trinity=t;")
    assert "Secure" in header
    assert "HttpOnly" in header
    assert "SameSite=lax" in header
    assert "Domain" not in header


def test_plain_http_is_for_loopback_only() -> None:
    assert WebConfig("http://127.0.0.1:8000", b"k" * 32).cookie_name == "trinity_session"
    with pytest.raises(Refused, match="https"):
        WebConfig("http://trinity.example", b"k" * 32)


@pytest.mark.parametrize(
    "path", ["https://evil.example", "//evil.example", "/\\evil.example", "evil", "", "/a\nb", "/" + "a" * 600]
)
def test_a_sign_in_leads_nowhere_else(path: str) -> None:
    assert own_path(path) == "/"


def test_a_sign_in_leads_back_to_a_page_of_ours() -> None:
    assert own_path("/approvals") == "/approvals"
