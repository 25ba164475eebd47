"""Every answer carries the headers, errors too."""

from typing import Any, cast

import httpx
import pytest

from tests.web.conftest import Client
from tests.web.desk_in_memory import DeskInMemory
from trinity.web.app import build_app
from trinity.web.config import WebConfig
from trinity.web.live import Hub


@pytest.mark.parametrize("path", ["/sign-in", "/", "/nothing", "/static/0/trinity.css", "/robots.txt", "/api/x"])
async def test_each_answer_is_under_the_policy(client: Client, path: str) -> None:
    answer = await client.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert "strict-transport-security" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


async def test_https_is_remembered_by_browsers_only_over_https(desk: DeskInMemory) -> None:
    app = build_app(WebConfig("https://trinity.example", b"k" * 32), desk, Hub(None))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(cast(Any, app)), base_url="https://trinity.example"
    ) as client:
        answer = await client.get("/sign-in")
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")


async def test_another_host_name_is_not_answered(client: Client) -> None:
    answer = await client.get("/sign-in", headers={"host": "rebound.example"})
    assert answer.status_code == 400
    assert "Sign in" not in answer.text


async def test_search_engines_are_let_in_by_the_public_door_alone(client: Client) -> None:
    rules = (await client.get("/robots.txt")).text
    assert rules.split("\n")[1:] == ["Allow: /p/", "Disallow: /", ""]
    assert (await client.get("/sign-in")).headers["x-robots-tag"] == "noindex"
