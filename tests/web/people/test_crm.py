"""The CRM's pages and API on the real contexts: seen by every member, changed by those who may."""

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import httpx

from tests.web.public import signed_in
from tests.world import World
from trinity import crm, sources
from trinity.accounts import PublicAccount
from trinity.crm import NewMessage
from trinity.web.rooms.public import NewRequest, PublicRoom

API = "/api/v1"
WORDS = "Please look at <b>our</b> site.\u200b"


async def asked(world: World, email: str = "ada@shop.example", name: str = "Ada Byron") -> tuple[UUID, UUID, UUID]:
    """A request of a stranger: contact, deal and source."""
    account = PublicAccount(world.account_id, "any", "Any")
    await PublicRoom(world.app).ask(account, NewRequest(email, name, "", WORDS))
    async with world.tx() as tx:
        contact = await crm.find_contact(tx, email)
        assert contact
        (lead,) = await crm.list_leads(tx, contact_id=contact.id)
    assert lead.deal_id and lead.source_id
    return contact.id, lead.deal_id, lead.source_id


async def test_the_board_shows_deals_and_a_form_moves_them(world: World) -> None:
    _, deal_id, _ = await asked(world)
    async with signed_in(world) as owner:
        board = (await owner.get("/crm")).text
        assert "Request from Ada Byron" in board
        assert board.count(f"/crm/deals/{deal_id}/stage") == 1
        moved = await owner.post(f"/crm/deals/{deal_id}/stage", data={"stage": "qualified"})
        assert (moved.status_code, moved.headers["location"]) == (303, "/crm")
        from_page = await owner.post(f"/crm/deals/{deal_id}/stage", data={"stage": "proposal", "from": "deal"})
        assert from_page.headers["location"] == f"/crm/deals/{deal_id}"
        page = (await owner.get(f"/crm/deals/{deal_id}")).text
        assert "Qualified → proposal" in page and "by Robin Owner" in page
        assert (await owner.post(f"/crm/deals/{deal_id}/stage", data={"stage": "sold"})).status_code == 422
        assert (await owner.post(f"/crm/deals/{uuid4()}/stage", data={"stage": "won"})).status_code == 404


async def test_a_person_s_page_has_words_facts_and_what_was_written(world: World) -> None:
    contact_id, deal_id, source_id = await asked(world)
    async with world.tx() as tx:
        integration = await tx.value("select id from integrations limit 1")
        mail = NewMessage(
            world.project_id, integration, "t-1", "m-1", "in", "<1@x.example>", "About it", "ada@shop.example",
            world.clock(), contact_id=contact_id,
        )  # fmt: skip
        thread = await crm.record_message(tx, mail, world.clock())
        contact = await crm.get_contact(tx, contact_id)
    async with signed_in(world) as owner:
        page = (await owner.get(f"/crm/contacts/{contact_id}")).text
        for text in ("Asked through the public form", "A deal was opened", "shop.example", "About it", "they wait"):
            assert text in page
        for href in (f"/sources/{source_id}", f"/crm/deals/{deal_id}", f"/inbox/{thread.thread_id}"):
            assert href in page
        assert "<b>our</b>" not in page, "a stranger's markup is text"
        assert "U+200B" in page, "what hides is shown"
        firm = (await owner.get(f"/crm/companies/{contact.company_id}")).text
        assert "Ada Byron" in firm and "Request from Ada Byron" in firm


async def test_what_a_person_wrote_is_released_or_rejected_there(world: World) -> None:
    contact_id, _, source_id = await asked(world)
    other_id, _, rejected_id = await asked(world, "ben@farm.example", "Ben")
    async with signed_in(world) as owner:
        path = f"/crm/contacts/{contact_id}/sources/{source_id}"
        assert (await owner.post(path, data={"decision": "perhaps"})).status_code == 422
        wrong = await owner.post(f"/crm/contacts/{other_id}/sources/{source_id}", data={"decision": "release"})
        assert wrong.status_code == 404
        assert (await owner.post(path, data={"decision": "release"})).status_code == 303
        rejected = await owner.post(f"/crm/contacts/{other_id}/sources/{rejected_id}", data={"decision": "reject"})
        assert rejected.status_code == 303
    async with world.tx() as tx:
        assert (await sources.get_source(tx, source_id)).release_state == "released"
        assert (await sources.get_source(tx, rejected_id)).release_state == "rejected"


async def test_search_finds_people_companies_and_deals(world: World) -> None:
    await asked(world)
    await asked(world, "ben@farm.example", "Ben Farmer")
    async with signed_in(world) as owner:
        found = (await owner.get("/crm?q=farm")).text
        assert "Ben Farmer" in found and "Ada Byron" not in found
        assert "Nothing was found" in (await owner.get("/crm", params={"q": "' or 1=1 --%"})).text
        for view in ("deals", "people", "companies", "nonsense"):
            assert (await owner.get(f"/crm?view={view}")).status_code == 200
        items = (await owner.get(f"{API}/contacts?search=FARM")).json()["items"]
        assert [one["email"] for one in items] == ["ben@farm.example"]
        assert len((await owner.get(f"{API}/contacts")).json()["items"]) == 2
        assert (await owner.get(f"{API}/contacts", params={"search": "x" * 101})).status_code == 422


async def test_the_api_tells_of_people_and_moves_deals(world: World) -> None:
    contact_id, deal_id, source_id = await asked(world)
    async with signed_in(world) as owner:
        one = (await owner.get(f"{API}/contacts/{contact_id}")).json()
        assert (one["email"], one["company"]["domain"]) == ("ada@shop.example", "shop.example")
        assert {line["kind"] for line in one["timeline"]} == {"lead_made", "deal_opened"}
        assert [source["id"] for source in one["sources"]] == [str(source_id)]
        assert WORDS not in str(one), "the words stay on the source's page"
        moved = await owner.post(f"{API}/deals/{deal_id}/stage", json={"stage": "won"})
        assert (moved.status_code, moved.json()["stage"]) == (200, "won")
        assert [deal["id"] for deal in (await owner.get(f"{API}/deals?stage=won")).json()["items"]] == [str(deal_id)]
        assert (await owner.get(f"{API}/deals?stage=lost")).json()["items"] == []
        assert (await owner.get(f"{API}/deals?stage=sold")).status_code == 422
        for body in ({"stage": "sold"}, {"stage": "won", "why": "x"}, {}):
            assert (await owner.post(f"{API}/deals/{deal_id}/stage", json=body)).status_code == 422


async def test_roles_see_everything_and_change_what_they_may(world: World) -> None:
    contact_id, deal_id, source_id = await asked(world)
    for role, may_move, may_release in (("approver", 403, 303), ("operator", 200, 303), ("auditor", 403, 403)):
        email = f"{role}.{world.mailbox}"
        await world.second_person(role, email)
        async with signed_in(world, email) as person:
            board = await person.get("/crm")
            assert (board.status_code, "Move to…" in board.text) == (200, may_move == 200)
            moved = await person.post(f"{API}/deals/{deal_id}/stage", json={"stage": "qualified"})
            assert moved.status_code == may_move, role
            decided = await person.post(f"/crm/contacts/{contact_id}/sources/{source_id}", data={"decision": "release"})
            assert decided.status_code == may_release, role


async def test_nobody_sees_another_account_s_people(open_world: Callable[..., Awaitable[World]]) -> None:
    one, other = await open_world(), await open_world()
    contact_id, deal_id, source_id = await asked(one)
    async with one.tx() as tx:
        company_id = (await crm.get_contact(tx, contact_id)).company_id
    async with signed_in(other) as stranger:
        for path in (
            f"/crm/contacts/{contact_id}",
            f"/crm/companies/{company_id}",
            f"/crm/deals/{deal_id}",
            f"{API}/contacts/{contact_id}",
        ):
            assert (await stranger.get(path)).status_code == 404, path
        assert (await stranger.post(f"{API}/deals/{deal_id}/stage", json={"stage": "won"})).status_code == 404
        released = await stranger.post(f"/crm/contacts/{contact_id}/sources/{source_id}", data={"decision": "release"})
        assert released.status_code == 404
        assert "Ada Byron" not in (await stranger.get("/crm?view=people")).text


async def test_without_a_session_there_is_only_the_way_in(world: World) -> None:
    async with signed_in(world) as owner:
        owner.cookies.clear()
        answer: httpx.Response = await owner.get("/crm")
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/crm")
        assert (await owner.get(f"{API}/contacts")).status_code == 401
