"""Where a request came from: only what a trusted proxy wrote counts."""

from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from tests.web.conftest import ORIGIN, Client
from tests.web.desk_in_memory import DeskInMemory
from trinity.errors import Refused
from trinity.settings import load
from trinity.web.app import build_app
from trinity.web.config import WebConfig
from trinity.web.live import Hub
from trinity.web.remote import HOPS_MAX, remote_of
from trinity.web.throttle import FAILURES_PER_REMOTE_MAX

PROXY = "10.0.0.1"
TRUSTED = (ip_network(PROXY), ip_network("192.168.7.0/24"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "lines", "expected"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        (PROXY, [], PROXY),
        (PROXY, ["198.51.100.1"], "198.51.100.1"),
        (PROXY, ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        (PROXY, ["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
        (PROXY, ["1.1.1.1, 198.51.100.1, 192.168.7.9"], "198.51.100.1"),
        (PROXY, ["192.168.7.8, 192.168.7.9"], "192.168.7.8"),
        (PROXY, ["1.1.1.1, not-an-address"], PROXY),
        (PROXY, ["1.1.1.1, unknown, 192.168.7.9"], "192.168.7.9"),
        (PROXY, ["1.1.1.1,"], PROXY),
        (PROXY, ["198.51.100.1:4711"], "198.51.100.1"),
        (PROXY, ['"[2001:db8::7]:4711"'], "2001:db8::7"),
        (PROXY, ["2001:DB8:0::7"], "2001:db8::7"),
        (PROXY, ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("fd00::5", ["198.51.100.1"], "198.51.100.1"),
        (None, ["198.51.100.1"], "?"),
        ("a-socket", ["198.51.100.1"], "a-socket"),
    ],
)
def test_the_right_most_address_that_is_not_ours(peer: str | None, lines: list[str], expected: str) -> None:
    assert remote_of(peer, lines, TRUSTED) == expected


def test_without_trusted_proxies_the_header_means_nothing() -> None:
    assert remote_of(PROXY, ["198.51.100.1"], ()) == PROXY


def test_a_long_row_of_hops_is_read_up_to_a_limit() -> None:
    assert remote_of(PROXY, ["198.51.100.1" + ", 192.168.7.9" * HOPS_MAX], TRUSTED) == "192.168.7.9"


@pytest.fixture
async def behind(desk: DeskInMemory, config: WebConfig, hub: Hub) -> AsyncIterator[Client]:
    """A browser behind a trusted proxy on loopback."""
    app = build_app(replace(config, trusted_proxies=(ip_network("127.0.0.1"),)), desk, hub)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(cast(Any, app)), base_url=ORIGIN) as client:
        client.headers["origin"] = ORIGIN
        yield client


async def guess(client: Client, n: int, forwarded: str) -> int:
    form = {"email": f"guess-{n}@agency.example", "password": "wrong"}
    return (await client.post("/sign-in", data=form, headers={"x-forwarded-for": forwarded})).status_code


async def test_who_guesses_is_slowed_down_and_not_everybody_behind_the_proxy(behind: Client) -> None:
    for n in range(FAILURES_PER_REMOTE_MAX):
        assert await guess(behind, n, f"203.0.113.{n}, 198.51.100.1") == 401
    assert await guess(behind, 998, "203.0.113.250, 198.51.100.1") == 429
    assert await guess(behind, 999, "198.51.100.2") == 401


async def test_a_header_from_anybody_else_changes_nothing(client: Client) -> None:
    for n in range(FAILURES_PER_REMOTE_MAX):
        assert await guess(client, n, f"203.0.113.{n}") == 401
    assert await guess(client, 999, "203.0.113.250") == 429


def test_the_setting_takes_addresses_and_networks(tmp_path: Path) -> None:
    assert load({}, cwd=tmp_path).trusted_proxies == ()
    found = load({"TRINITY_TRUSTED_PROXIES": " 10.0.0.1, 192.168.7.0/24,fd00::/8 "}, cwd=tmp_path)
    assert found.trusted_proxies == TRUSTED


@pytest.mark.parametrize("value", ["proxy.example", "10.0.0.1/8", "10.0.0.1;10.0.0.2", "*"])
def test_a_setting_that_does_not_parse_is_an_error_at_start(tmp_path: Path, value: str) -> None:
    with pytest.raises(Refused) as refused:
        load({"TRINITY_TRUSTED_PROXIES": value}, cwd=tmp_path)
    assert refused.value.code == "setting_invalid"
