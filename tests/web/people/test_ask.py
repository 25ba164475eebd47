"""The request form: one transaction for a person, nothing for a machine, and the same words for both."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from tests.web.public import fill_in, slug_of, stamp_of, visiting
from tests.world import World
from trinity import crm, sources
from trinity.web.public_forms import (
    FILL_MAX_S,
    POSTS_PER_ACCOUNT_MAX,
    POSTS_PER_REMOTE_MAX,
    PUBLIC_BODY_BYTES_MAX,
    TRAP_FIELD,
)
from trinity.web.rooms.public import REFUSALS_RECORDED_MAX

GOOD = {
    "name": "Ada Byron",
    "email": "Ada@Shop.example",
    "website": "www.shop.example",
    "message": "Our site is slow.\r\nCan you help?",
}


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test but the one about time waits for an answer's usual time."""
    monkeypatch.setattr("trinity.web.public_forms.ANSWER_FLOOR_S", 0.0)


@pytest.fixture
async def visitor(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a session."""
    async with visiting(world) as client:
        yield client


async def path_of(world: World) -> str:
    return f"/p/{await slug_of(world)}/ask"


async def people(world: World) -> list[str]:
    async with world.tx() as tx:
        return [contact.email for contact in await crm.list_contacts(tx)]


async def test_a_request_makes_everything_at_once(world: World, visitor: httpx.AsyncClient) -> None:
    answer = await fill_in(world, visitor, await path_of(world), GOOD)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/p/{await slug_of(world)}/thanks")
    assert "Thank you" in (await visitor.get(answer.headers["location"])).text
    async with world.tx() as tx:
        (contact,) = await crm.list_contacts(tx)
        (deal,) = await crm.list_deals(tx)
        (lead,) = await crm.list_leads(tx)
        assert lead.source_id
        source = await sources.get_source(tx, lead.source_id)
        owned = await tx.value("select contact_id from sources where id = %(id)s", {"id": source.id})
        lines = await crm.timeline(tx, contact.id)
    assert (contact.email, contact.name, contact.company_name) == ("ada@shop.example", "Ada Byron", "shop.example")
    assert (deal.stage, deal.contact_id, deal.project_id) == ("new", contact.id, world.project_id)
    assert (source.origin, source.release_state, owned) == ("public_form", "quarantined", contact.id)
    assert source.text == "Our site is slow.\nCan you help?"
    assert (lead.deal_id, lead.website, lead.state) == (deal.id, "www.shop.example", "new")
    assert {line.kind for line in lines} == {"lead_made", "deal_opened"}
    assert all("Ada" not in str(line.facts) for line in lines)
    assert len(await world.events("request.taken")) == 1


async def test_a_machine_a_repeat_and_a_person_hear_the_same(world: World, visitor: httpx.AsyncClient) -> None:
    path = await path_of(world)
    person = await fill_in(world, visitor, path, GOOD)
    repeat = await fill_in(world, visitor, path, GOOD)
    machine = await fill_in(world, visitor, path, {**GOOD, "email": "bot@evil.example", TRAP_FIELD: "555-1234"})
    said = [(one.status_code, dict(one.headers), one.content) for one in (person, repeat, machine)]
    assert said[0] == said[1] == said[2]
    assert await people(world) == ["ada@shop.example"]
    async with world.tx() as tx:
        assert len(await crm.list_deals(tx)) == len(await crm.list_leads(tx)) == 1
    (refused,) = await world.events("public_form.refused")
    assert refused.facts == {"form": "ask", "reason": "trapped"}
    later = await fill_in(world, visitor, path, {**GOOD, "message": "Something else."})
    assert later.status_code == 303
    async with world.tx() as tx:
        assert len(await crm.list_leads(tx)) == 2


async def test_the_same_request_sent_twice_at_once_is_one(world: World, visitor: httpx.AsyncClient) -> None:
    path = await path_of(world)
    stamp = await stamp_of(visitor, path)
    world.clock.sleep(10)
    answers = await asyncio.gather(*(visitor.post(path, data={"stamp": stamp, **GOOD}) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {303}
    async with world.tx() as tx:
        assert len(await crm.list_leads(tx)) == len(await crm.list_deals(tx)) == 1


@pytest.mark.parametrize("wait_s", [0.5, FILL_MAX_S + 5])
async def test_what_comes_too_fast_or_too_late_is_asked_for_once_more(
    world: World, visitor: httpx.AsyncClient, wait_s: float
) -> None:
    path = await path_of(world)
    answer = await fill_in(world, visitor, path, GOOD, wait_s=wait_s)
    forged = await visitor.post(path, data={"stamp": "0.0", **GOOD})
    without = await visitor.post(path, data=GOOD)
    for refused in (answer, forged, without):
        assert refused.status_code == 422
        assert "Please look it over once more" in refused.text
        assert "Our site is slow." in refused.text, "what was typed is not lost"
    assert await people(world) == []
    again = await stamp_of(visitor, path)
    world.clock.sleep(5)
    assert (await visitor.post(path, data={"stamp": again, **GOOD})).status_code == 303


WRONG = [
    ("name", ""),
    ("name", "x" * 121),
    ("name", "Ada\nBcc: everybody@example.com"),
    ("name", "Ada\x00"),
    ("email", "not an address"),
    ("email", "ada@shop.example, bob@shop.example"),
    ("email", "' or 1=1 --@x"),
    ("website", "javascript:alert(1)"),
    ("website", "x" * 301),
    ("message", "   "),
    ("message", "x" * 5001),
]


async def test_what_is_not_right_is_said_and_nothing_is_kept(world: World, visitor: httpx.AsyncClient) -> None:
    for field, value in WRONG:
        answer = await fill_in(world, visitor, await path_of(world), {**GOOD, field: value})
        assert answer.status_code == 422, (field, value)
        assert f'id="{field}-problem"' in answer.text
        assert value.strip() in answer.text or not value.isprintable() or "'" in value, "what was typed is not lost"
    assert await people(world) == []


async def test_hostile_words_are_kept_and_shown_as_words(world: World, visitor: httpx.AsyncClient) -> None:
    words = "'); drop table contacts; -- <script>alert(1)</script> \u202e{{ 7919*7907 }}"
    answer = await fill_in(world, visitor, await path_of(world), {**GOOD, "name": "<b>Ada</b>", "message": words})
    assert answer.status_code == 303
    async with world.tx() as tx:
        (lead,) = await crm.list_leads(tx)
        assert lead.source_id
        assert (await sources.get_source(tx, lead.source_id)).text == words
    again = await fill_in(world, visitor, await path_of(world), {**GOOD, "email": "", "message": words})
    assert "<script>" not in again.text
    assert "62615533" not in again.text


async def test_bodies_that_are_no_form_are_refused(world: World, visitor: httpx.AsyncClient) -> None:
    path = await path_of(world)
    for size in (PUBLIC_BODY_BYTES_MAX + 1, 1_000_000):
        assert (await visitor.post(path, data={"message": "x" * size})).status_code == 413
    assert (await visitor.post(path, json=GOOD)).status_code == 415
    assert (await visitor.post(path, files={"name": b"x"})).status_code == 415
    twice = await visitor.post(
        path, content="name=a&name=b", headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert twice.status_code == 422
    foreign = await visitor.post(path, data=GOOD, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert await people(world) == []


async def test_who_sends_too_often_waits_and_others_do_not(world: World) -> None:
    path = await path_of(world)
    async with visiting(world) as client:
        for n in range(POSTS_PER_REMOTE_MAX):
            assert (await client.post(path, data={**GOOD, TRAP_FIELD: str(n)})).status_code == 303
        refused = await fill_in(world, client, path, GOOD)
        assert (refused.status_code, "A little later" in refused.text) == (429, True)
        assert refused.headers["retry-after"] == "300"
        world.clock.sleep(301)
        assert (await fill_in(world, client, path, GOOD)).status_code == 303


async def test_an_account_takes_so_many_posts_and_records_so_many_refusals(
    world: World, visitor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trinity.web.public_forms.POSTS_PER_REMOTE_MAX", POSTS_PER_ACCOUNT_MAX + 1)
    monkeypatch.setattr("trinity.web.public.REFUSALS_TOLD_MAX", POSTS_PER_ACCOUNT_MAX + 1)
    path = await path_of(world)
    for _ in range(POSTS_PER_ACCOUNT_MAX):
        await visitor.post(path, data={TRAP_FIELD: "x"})
    assert (await visitor.post(path, data={TRAP_FIELD: "x"})).status_code == 429
    assert len(await world.events("public_form.refused")) == REFUSALS_RECORDED_MAX


async def test_an_unknown_address_is_as_any_that_leads_nowhere(world: World, visitor: httpx.AsyncClient) -> None:
    nowhere = await visitor.get("/p")
    assert nowhere.status_code == 404
    for slug in ("nobody-here", "X", "a'b", "%00", "x" * 70):
        for path in (f"/p/{slug}", f"/p/{slug}/ask", f"/p/{slug}/thanks"):
            answer = await visitor.get(path)
            assert (answer.status_code, answer.content) == (404, nowhere.content)
        assert (await visitor.post(f"/p/{slug}/ask", data=GOOD)).content == nowhere.content


async def test_a_request_stays_in_its_account(open_world: Callable[..., Awaitable[World]]) -> None:
    one, other = await open_world(), await open_world()
    async with visiting(one) as client:
        stamp = await stamp_of(client, await path_of(other))
        one.clock.sleep(10)
        wrong = await client.post(await path_of(one), data={"stamp": stamp, **GOOD})
        assert wrong.status_code == 422, "a stamp holds for the account whose form it was"
        assert (await fill_in(one, client, await path_of(one), GOOD)).status_code == 303
    assert (await people(one), await people(other)) == (["ada@shop.example"], [])


async def test_answers_take_their_time(
    world: World, visitor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trinity.web.public_forms.ANSWER_FLOOR_S", 0.4)
    path, loop = await path_of(world), asyncio.get_running_loop()
    for fields in ({TRAP_FIELD: "x"}, {"stamp": "0.0"}, {}):
        started = loop.time()
        await visitor.post(path, data=fields)
        assert loop.time() - started >= 0.4


async def test_the_window_says_where_to_write_and_needs_no_script(world: World, visitor: httpx.AsyncClient) -> None:
    slug = await slug_of(world)
    for path in (f"/p/{slug}", f"/p/{slug}/ask", f"/p/{slug}/thanks"):
        page = await visitor.get(path)
        assert page.status_code == 200
        assert "<script" not in page.text
        assert "SANDBOX" in page.text
        assert "set-cookie" not in page.headers
    window = await visitor.get(f"/p/{slug}")
    assert world.alias in window.text
    assert window.headers["x-robots-tag"] == "all"
    assert (await visitor.get(f"/p/{slug}/thanks")).headers["x-robots-tag"] == "noindex"
