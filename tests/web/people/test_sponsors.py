"""Sponsor access over HTTP: one answer for everybody, and a page that shows a project and no customer."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.web.public import fill_in, signed_in, slug_of, visiting
from tests.world import World
from trinity import accounts, agency, crm
from trinity.accounts.guests import LIFE
from trinity.agency import NewRun
from trinity.crm import NewContact
from trinity.gateway import House
from trinity.kit.actor import Actor
from trinity.store.database import Tx
from trinity.web.public_forms import TRAP_FIELD

API = "/api/v1"


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for an answer's usual time."""
    monkeypatch.setattr("trinity.web.public_forms.ANSWER_FLOOR_S", 0.0)


@pytest.fixture
def mailed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the links that were given to the gateway to be mailed."""
    paths: list[str] = []

    async def notify_guest(_: House, __: Tx, guest_id: UUID, path: str, expires_at: datetime, now: datetime) -> None:
        assert expires_at == now + LIFE
        paths.append(path)

    monkeypatch.setattr("trinity.gateway.notify_guest", notify_guest)
    return paths


@pytest.fixture
async def visitor(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a session."""
    async with visiting(world) as client:
        yield client


async def allow(world: World, domain: str = "sponsor.example") -> None:
    async with world.tx() as tx:
        await accounts.allow_domain(tx, world.owner, world.project_id, domain, world.clock())


async def ask(world: World, client: httpx.AsyncClient, email: str, **fields: str) -> httpx.Response:
    return await fill_in(world, client, f"/p/{await slug_of(world)}/sponsor", {"email": email, **fields})


async def test_everybody_hears_the_same_and_only_the_allowed_get_mail(
    world: World, visitor: httpx.AsyncClient, mailed: list[str]
) -> None:
    await allow(world)
    answers = [
        await ask(world, visitor, "ann@sponsor.example"),
        await ask(world, visitor, "ann@stranger.example"),
        await ask(world, visitor, "ann@evil.sponsor.example"),
        await ask(world, visitor, "ANN@Sponsor.Example", **{TRAP_FIELD: "bot"}),
    ]
    said = [(one.status_code, dict(one.headers), one.content) for one in answers]
    assert all(one == said[0] for one in said)
    assert said[0][0] == 303
    pages = [(await visitor.get(one.headers["location"])).content for one in answers]
    assert len(set(pages)) == 1
    assert len(mailed) == 1
    refusals = [event.facts for event in await world.events("public_form.refused")]
    assert refusals == [{"form": "sponsor", "reason": reason} for reason in ("no_link", "no_link", "trapped")]
    wrong = await ask(world, visitor, "not an address")
    assert (wrong.status_code, "email-problem" in wrong.text) == (422, True)


async def test_a_guest_sees_the_project_and_no_customer(
    world: World, visitor: httpx.AsyncClient, mailed: list[str]
) -> None:
    await allow(world)
    async with world.tx() as tx:
        system = Actor.system(world.account_id, "tests")
        await crm.meet(tx, system, NewContact(world.project_id, "ada@canary.example", "Canary Byron"), world.clock())
        new = NewRun(world.project_id, "Write to Canary Byron", "ada@canary.example", "Canary Byron")
        await agency.start_run(tx, world.owner, new, world.clock())
        await tx.execute(
            "insert into artifacts (account_id, id, project_id, origin, name, media_type, sha256, size_bytes, scan_state,"
            " release_state, created_at) select %(a)s, gen_random_uuid(), %(p)s, origin, 'Report for Canary.pdf',"
            " 'application/pdf', 'x', 1234, 'clean', state, now()"
            " from unnest(array['agent','agent','operator'], array['released','quarantined','released']) t(origin, state)",
            {"a": world.account_id, "p": world.project_id},
        )
    await ask(world, visitor, "ann@sponsor.example")
    page = await visitor.get(mailed[0])
    assert page.status_code == 200
    assert "Website care" in page.text and "We look after websites." in page.text
    assert page.text.count("A report, as PDF") == 1
    assert "canary" not in page.text.lower()
    assert "ann@sponsor.example" not in page.text
    assert (page.headers["referrer-policy"], page.headers["cache-control"]) == ("no-referrer", "no-store")
    assert page.headers["x-robots-tag"] == "noindex"
    assert "set-cookie" not in page.headers
    for method in ("POST", "PUT", "DELETE"):
        assert (await visitor.request(method, mailed[0])).status_code == 405


async def test_a_link_that_does_not_hold_leads_nowhere(
    open_world: Callable[..., Awaitable[World]], mailed: list[str]
) -> None:
    one, other = await open_world(), await open_world()
    await allow(one)
    async with visiting(one) as client:
        nowhere = await client.get("/p")
        await ask(one, client, "ann@sponsor.example")
        token = mailed[0].rpartition("/")[2]
        wrong = [
            f"/p/{await slug_of(other)}/guest/{token}",
            f"/p/nobody-here/guest/{token}",
            mailed[0][:-1],
            f"{mailed[0]}x",
        ]
        wrong += [f"/p/{await slug_of(one)}/guest/{bad}" for bad in ("x" * 43, "'or'1", "%00", "A" * 5000)]
        for path in wrong:
            answer = await client.get(path)
            assert (answer.status_code, answer.content) == (404, nowhere.content), path
        assert (await client.get(mailed[0])).status_code == 200
        one.clock.sleep(LIFE.total_seconds())
        gone = await client.get(mailed[0])
        assert (gone.status_code, gone.content) == (404, nowhere.content)


async def test_an_owner_lets_domains_in_and_takes_them_back(world: World, mailed: list[str]) -> None:
    path = f"{API}/projects/{world.project_id}/sponsor-domains"
    async with visiting(world) as visitor, signed_in(world) as owner:
        made = await owner.post(path, json={"domain": "Sponsor.example"})
        assert (made.status_code, [one["domain"] for one in made.json()["items"]]) == (201, ["sponsor.example"])
        assert (await owner.post(path, json={"domain": "no domain"})).json()["code"] == "invalid_domain"
        await ask(world, visitor, "ann@sponsor.example")
        listed: dict[str, Any] = (await owner.get(path)).json()
        assert [one["email"] for one in listed["guests"]] == ["ann@sponsor.example"]
        shown = (await owner.get(f"/projects/{world.project_id}")).text
        assert "sponsor.example" in shown and "ann@sponsor.example" in shown
        guest_id, domain_id = listed["guests"][0]["id"], listed["items"][0]["id"]
        assert (await owner.delete(f"{API}/projects/{world.project_id}/guests/{guest_id}")).status_code == 204
        assert (await visitor.get(mailed[0])).status_code == 404
        assert (await owner.delete(f"{path}/{domain_id}")).status_code == 204
        assert (await owner.get(path)).json()["items"] == []
        form = await owner.post(f"/projects/{world.project_id}/sponsor-domains", data={"domain": "sponsor.example"})
        assert form.status_code == 303
        await ask(world, visitor, "ben@sponsor.example")
        assert (await visitor.get(mailed[1])).status_code == 200
        back = await owner.post(f"/projects/{world.project_id}/sponsor-domains/{domain_id}/revoke", data={})
        assert back.status_code == 303
        assert (await visitor.get(mailed[1])).status_code == 404


async def test_others_neither_see_nor_change_the_sponsors(world: World) -> None:
    await allow(world, "canary.example")
    email = f"operator.{world.mailbox}"
    await world.second_person("operator", email)
    path = f"{API}/projects/{world.project_id}/sponsor-domains"
    async with signed_in(world, email) as operator:
        assert (await operator.get(path)).status_code == 403
        assert (await operator.post(path, json={"domain": "x.example"})).status_code == 403
        assert "canary.example" not in (await operator.get(f"/projects/{world.project_id}")).text
