"""Lists and incidents on the real contexts: how many statements a page takes, and what is shown of what was found."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from psycopg import AsyncConnection

from tests.web.conftest import ORIGIN, Client
from tests.world import PASSWORD, World, make_world, stand_in
from trinity import agency, audit
from trinity.web.app import build_app
from trinity.web.config import WebConfig
from trinity.web.context_desk import ContextDesk
from trinity.web.live import Hub
from trinity.web.reading import LIST_MAX

API = "/api/v1"
STATEMENTS_MAX = 30
"""Far above what a page takes, far below one for each row."""


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """An account with a mailbox at a stand-in."""
    with stand_in("gmail", tmp_path / "gmail") as gmail_url:
        async with make_world(database_url, gmail_url, tmp_path) as made:
            yield made


@pytest.fixture
async def person(world: World) -> AsyncIterator[Client]:
    """The account's owner, signed in through the API."""
    app = build_app(
        WebConfig(ORIGIN, b"k" * 32, world.gmail_url), ContextDesk(world.app, None), Hub(None), clock=world.clock
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(cast(Any, app)), base_url=ORIGIN) as client:
        answer = await client.post(f"{API}/login", json={"email": "owner@northwind.example", "password": PASSWORD})
        client.headers["x-csrf-token"] = answer.json()["csrf_token"]
        yield client


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every statement that any connection sends meanwhile."""
    said: list[str] = []
    execute = AsyncConnection.execute

    async def counting(self: Any, query: Any, *rest: Any, **named: Any) -> Any:
        said.append(str(query))
        return await execute(self, query, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(AsyncConnection, "execute", counting)
        yield said


async def test_a_full_list_takes_a_bounded_number_of_statements(
    world: World, person: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(LIST_MAX):
        await world.propose(f"key-{n}", subject=f"Mail {n}")
    taken = {}
    for path in ("/approvals", "/approvals?state=all", "/", f"{API}/approvals"):
        with counted(monkeypatch) as statements:
            answer = await person.get(path)
        assert answer.status_code == 200
        assert path == "/" or f"Mail {LIST_MAX - 1}" in answer.text
        taken[path] = len(statements)
    assert all(0 < count <= STATEMENTS_MAX for count in taken.values()), taken
    rows = (await person.get("/approvals")).text.count('<tr id="row-')
    assert rows == LIST_MAX


async def test_a_list_stands_although_an_envelope_is_gone(
    world: World, person: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.propose("whole", subject="Still whole")
    await world.propose("gone", subject="Its envelope is gone")

    async def one_is_gone(tx: Any, ids: Any) -> Any:
        found = await real(tx, ids)
        return {id_: one for id_, one in found.items() if b"gone" not in one.typed_payload}

    from trinity import effects

    real = effects.list_envelopes
    monkeypatch.setattr(effects, "list_envelopes", one_is_gone)
    answer = await person.get("/approvals")
    assert answer.status_code == 200
    assert "Still whole" in answer.text
    assert "(no subject)" in answer.text


async def test_an_incident_leads_to_the_call_that_it_is_about(world: World, person: Client) -> None:
    made = await world.propose()
    async with world.tx() as tx:
        facts = {"reasons": ["digest_mismatch"]}
        await audit.record_incident(tx, "tampering", made.tool_call_id, world.clock(), facts, is_critical=True)
        await audit.record_incident(tx, "verification_failed", None, world.clock(), {}, is_critical=False)
    items = (await person.get(f"{API}/incidents")).json()["items"]
    assert [(one["kind"], one["severity"], one["tool_call_id"]) for one in items] == [
        ("verification_failed", "warning", None),
        ("tampering", "critical", str(made.tool_call_id)),
    ]
    for path in ("/", "/incidents"):
        page = (await person.get(path)).text
        assert "Stored bytes were changed" in page
        assert f'href="/tool-calls/{made.tool_call_id}"' in page
    world.clock.sleep(15 * 86_400)
    # The session is over by then, too; what counts is what the desk would say of an old incident.
    async with httpx.AsyncClient(transport=person._transport, base_url=ORIGIN) as later:
        answer = await later.post(f"{API}/login", json={"email": "owner@northwind.example", "password": PASSWORD})
        assert answer.status_code == 200
        assert "Stored bytes were changed" not in (await later.get("/")).text
        assert "Stored bytes were changed" in (await later.get("/incidents")).text


async def test_incidents_of_another_account_are_not_shown(
    database_url: str, world: World, person: Client, tmp_path: Path
) -> None:
    async with make_world(database_url, world.gmail_url, tmp_path, name="Southwind", address="desk@south.example") as o:
        async with o.tx() as tx:
            await audit.record_incident(tx, "tampering", None, o.clock(), {}, is_critical=True)
        assert (await person.get(f"{API}/incidents")).json() == {"items": []}


async def test_a_run_that_begins_tells_the_lists(world: World) -> None:
    async with world.tx() as tx:
        new = agency.NewRun(world.project_id, "Write to Ada.", "ada@customer.example", "Ada Byron")
        run_id = await agency.start_run(tx, world.owner, new, world.clock())
    async with world.tx() as tx:
        assert await agency.begin_run(tx, run_id, world.clock())
        assert {"runs", f"project:{world.project_id}", f"run:{run_id}"} <= set(tx._topics)
