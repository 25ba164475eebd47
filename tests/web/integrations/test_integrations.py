"""The page and the API of integrations: what is connected, what was found, what is refused, asking again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import pytest

from tests.world import ENCRYPTION_KEY, PASSWORD, World
from trinity import gateway, integrations
from trinity.integrations import Finding, NewIntegration, SmtpCredential
from trinity.kit.actor import Actor
from trinity.web.app import build_app
from trinity.web.config import WebConfig
from trinity.web.context_desk import ContextDesk
from trinity.web.live import Hub

ORIGIN = "http://127.0.0.1:8000"
API = f"{ORIGIN}/api/v1"
SMTP = "smtp://notices:canary@127.0.0.1:2525"


@asynccontextmanager
async def signed_in(world: World, email: str) -> AsyncIterator[httpx.AsyncClient]:
    config = WebConfig(ORIGIN, b"k" * 32, world.gmail_url)
    app = build_app(config, ContextDesk(world.app, None), Hub(None), house=world.app, clock=world.clock)
    transport = httpx.ASGITransport(cast(Any, app))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN}) as client:
        answer = await client.post(f"{API}/login", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        client.headers["x-csrf-token"] = answer.json()["csrf_token"]
        yield client


@pytest.fixture
async def owner(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """The owner, signed in."""
    async with signed_in(world, f"owner@{world.mailbox.partition('@')[2]}") as client:
        yield client


async def mailbox_of(world: World) -> UUID:
    async with world.tx() as tx:
        return (await integrations.list_integrations(tx, "gmail"))[0].id


async def found(world: World, integration_id: UUID, *findings: Finding) -> None:
    async with world.tx() as tx:
        await integrations.record_checks(tx, integration_id, findings, world.clock())


async def test_what_is_connected_is_shown_with_what_was_found(world: World, owner: httpx.AsyncClient) -> None:
    page = (await owner.get("/integrations")).text
    assert world.mailbox in page
    assert "not checked yet" in page
    assert page.count("not connected") == 2
    mailbox = await mailbox_of(world)
    await found(
        world,
        mailbox,
        Finding("reachable", "ok", "It answers."),
        Finding("credential", "failing", "<b>invalid_grant</b>"),
    )
    page = (await owner.get("/integrations")).text
    assert "not ready" in page
    assert "refused now" in page
    assert "&lt;b&gt;invalid_grant" in page
    assert f"trinity account connect --account {world.account_id} --mailbox {world.mailbox}" in page


async def test_the_api_says_what_each_check_refuses(world: World, owner: httpx.AsyncClient) -> None:
    mailbox = await mailbox_of(world)
    await found(world, mailbox, Finding("reachable", "ok", "It answers."), Finding("watch", "failing", "It ended."))
    (item,) = (await owner.get(f"{API}/integrations")).json()["items"]
    assert (item["state"], item["mode"], item["address"]) == ("ready", "sandbox", world.mailbox)
    assert {one["name"]: one["state"] for one in item["checks"]} == {"reachable": "ok", "watch": "failing"}
    assert {one["name"] for one in item["operations"]} >= {"gmail.draft", "gmail.send", "gmail.reply"}
    assert all(one["blocked_by"] == [] for one in item["operations"])
    await found(world, mailbox, Finding("alias", "failing", "Gone."))
    (item,) = (await owner.get(f"{API}/integrations")).json()["items"]
    assert item["state"] == "not_ready"
    assert all(one["blocked_by"] == ["alias"] for one in item["operations"])


@pytest.mark.parametrize("path", ["/integrations/{id}/check", "/api/v1/integrations/{id}/check"])
async def test_asking_again_gives_the_executor_a_job(world: World, owner: httpx.AsyncClient, path: str) -> None:
    mailbox = await mailbox_of(world)
    for _ in range(3):
        answer = await owner.post(path.format(id=mailbox))
        assert answer.status_code in (202, 303)
    jobs = world.tamper(
        "select args, queue from oban_jobs where worker = 'trinity.jobs.checks.CheckIntegration'"
        " and args ->> 'account_id' = %(account)s::text"
    )
    assert [(one["args"]["integration_id"], one["queue"]) for one in jobs] == [(str(mailbox), "executor")]
    assert (await owner.post(path.format(id=uuid4()))).status_code == 404


async def test_an_auditor_looks_and_does_not_ask(world: World) -> None:
    email = f"auditor@{world.mailbox.partition('@')[2]}"
    await world.second_person("auditor", email)
    async with signed_in(world, email) as auditor:
        page = await auditor.get("/integrations")
        assert page.status_code == 200
        assert "Check now" not in page.text
        assert (await auditor.post(f"{API}/integrations/{await mailbox_of(world)}/check")).status_code == 403


async def test_a_mail_servers_password_is_nowhere(world: World, owner: httpx.AsyncClient) -> None:
    new = NewIntegration("smtp", "notices@x.example", "N", "smtp://127.0.0.1:2525", SmtpCredential(SMTP))
    async with world.rails.house.db.transaction(world.account_id) as tx:
        actor = Actor.system(world.account_id, "test")
        await integrations.connect(tx, ENCRYPTION_KEY, actor, new, lambda _: "sandbox", world.clock())
    for path in ("/integrations", f"{API}/integrations"):
        answer = await owner.get(path)
        assert "notices@x.example" in answer.text
        assert "canary" not in answer.text


async def test_the_newest_notices_are_shown_with_their_state(world: World, owner: httpx.AsyncClient) -> None:
    new = NewIntegration("smtp", "notices@x.example", "N", "smtp://127.0.0.1:2525", SmtpCredential(SMTP))
    async with world.rails.house.db.transaction(world.account_id) as tx:
        actor = Actor.system(world.account_id, "test")
        await integrations.connect(tx, ENCRYPTION_KEY, actor, new, lambda _: "sandbox", world.clock())
    async with world.tx() as tx:
        call_id = await gateway.notify(world.app, tx, "new_lead", {"contact_id": str(uuid4())}, world.clock())
    page = (await owner.get("/integrations")).text
    assert f"/tool-calls/{call_id}" in page
    assert "New lead" in page
