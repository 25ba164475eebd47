"""Static files: kept for ever under an address that names their bytes, and none but ours."""

import hashlib
import re
from importlib.resources import files
from pathlib import Path

import pytest

from tests.web.conftest import Client
from trinity.web.assets import DIGEST_CHARS, assets


@pytest.mark.parametrize("name", ["trinity.css", "live.js", "icons.svg", "mark.svg"])
async def test_a_file_is_served_under_its_digest(client: Client, name: str) -> None:
    answer = await client.get(assets()[name].address)
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest()[:DIGEST_CHARS] in assets()[name].address
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        "/static/000000000000/trinity.css",
        "/static/x/../app.py",
        "/static/x/..%2fapp.py",
        "/static/x/__init__.py",
        "/static/trinity.css",
    ],
)
async def test_nothing_else_is(client: Client, path: str) -> None:
    assert (await client.get(path)).status_code == 404


def test_each_icon_that_a_template_names_exists() -> None:
    sprite = assets()["icons.svg"].body.decode()
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', sprite))
    named = {
        name
        for entry in Path(str(files("trinity.web").joinpath("templates"))).rglob("*.html")
        for name in re.findall(r'icon\("([a-z]+)"\)', entry.read_text("utf-8"))
    }
    assert named <= drawn, named - drawn
    assert {"check", "stop", "mail", "trinity"} <= drawn


def test_the_client_holds_no_way_to_run_text_as_code() -> None:
    script = assets()["live.js"].body.decode()
    assert not re.search(
        r"\beval\b|new Function|insertAdjacentHTML|outerHTML|document\.write|setTimeout\(['\"]", script
    )
    assert script.count("innerHTML") == 1, "markup enters at one place, through the policy"
