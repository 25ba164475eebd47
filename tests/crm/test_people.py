"""People, companies and deals: one contact a person, stages that leave a trace, and nothing across accounts."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.world import World
from trinity import crm, sources
from trinity.crm import Contact, NewContact, NewDeal, NewLead
from trinity.errors import Refused
from trinity.kit.actor import Actor


async def meet(world: World, email: str = "ada@shop.example", **changes: Any) -> Contact:
    plain: dict[str, Any] = {"project_id": world.project_id, "name": "Ada Byron", "website": ""}
    async with world.tx() as tx:
        return await crm.meet(tx, system(world), NewContact(email=email, **plain | changes), world.clock())


async def deal_of(world: World, contact: Contact, **changes: Any) -> UUID:
    plain: dict[str, Any] = {"project_id": world.project_id, "contact_id": contact.id, "title": "A new site"}
    async with world.tx() as tx:
        return await crm.open_deal(tx, system(world), NewDeal(**plain | changes), world.clock())


def system(world: World) -> Actor:
    return Actor.system(world.account_id, "tests")


async def refused(doing: Awaitable[object]) -> tuple[str, int]:
    with pytest.raises(Refused) as error:
        await doing
    return error.value.code, error.value.status


async def test_a_person_is_one_contact_however_the_address_is_written(world: World) -> None:
    first = await meet(world)
    again = await meet(world, "ADA@Shop.Example", name="Somebody else")
    assert again == first
    async with world.tx() as tx:
        assert await crm.find_contact(tx, "Ada@SHOP.example") == first
        assert await crm.find_contact(tx, "nobody@shop.example") is None
        assert await crm.find_contact(tx, "no address") is None
    assert first.name == "Ada Byron"
    assert len(await world.events("contact.met")) == 1


async def test_the_company_is_the_website_s_else_the_address_s_and_never_a_free_mailer_s(world: World) -> None:
    by_mail = await meet(world, "ada@shop.example")
    by_site = await meet(world, "ben@gmail.com", website="https://www.shop.example/about")
    nobody = await meet(world, "cleo@gmail.com")
    assert by_mail.company_id == by_site.company_id is not None
    assert nobody.company_id is None
    later = await meet(world, "cleo@gmail.com", website="cleo.example")
    assert later.company_name == "cleo.example"
    kept = await meet(world, "cleo@gmail.com", website="other.example")
    assert kept.company_name == "cleo.example"
    async with world.tx() as tx:
        companies = await crm.list_companies(tx)
        people = await crm.list_contacts(tx, company_id=by_mail.company_id)
    assert [one.domain for one in companies] == ["other.example", "cleo.example", "shop.example"]
    assert {one.email for one in people} == {"ada@shop.example", "ben@gmail.com"}


NO_PERSON: list[tuple[dict[str, Any], str]] = [
    ({"email": "no address"}, "invalid_email"),
    ({"email": "a@b.example\n"}, "invalid_email"),
    ({"name": ""}, "invalid_name"),
    ({"name": "x" * 201}, "invalid_name"),
    ({"name": "Ada\nBcc: x"}, "invalid_name"),
    ({"name": "\ud800"}, "invalid_name"),
    ({"project_id": uuid4()}, "not_found"),
]


async def test_what_is_no_person_changes_nothing(world: World) -> None:
    for changes, code in NO_PERSON:
        assert (await refused(meet(world, **changes)))[0] == code, changes
    async with world.tx() as tx:
        assert await crm.list_contacts(tx) == []


async def test_search_takes_what_is_typed_at_its_word(world: World) -> None:
    await meet(world, "ada@shop.example", name="Ada 100% Byron")
    await meet(world, "ben@farm.example", name="Ben_Farmer")

    async def found(search: str) -> list[str]:
        async with world.tx() as tx:
            return [one.email for one in await crm.list_contacts(tx, search=search)]

    assert await found("BYRON") == ["ada@shop.example"]
    assert await found("farm.ex") == ["ben@farm.example"]
    assert await found("100%") == ["ada@shop.example"]
    assert await found("n_F") == ["ben@farm.example"]
    assert (
        await found("a%n")
        == await found("\\")
        == await found("'; drop table contacts; --")
        == await found("\x00")
        == []
    )
    assert len(await found("  ")) == 2


async def test_a_deal_moves_and_says_so(world: World) -> None:
    ada = await meet(world)
    deal_id = await deal_of(world, ada, amount_minor=49_00, currency="usd")
    async with world.tx() as tx:
        lead = NewLead(world.project_id, ada.id, "public_form", deal_id, None, "shop.example")
        await crm.add_lead(tx, system(world), lead, world.clock())
        await crm.move_deal(tx, world.owner, deal_id, "qualified", world.clock())
        await crm.move_deal(tx, world.owner, deal_id, "qualified", world.clock())
        await crm.move_deal(tx, system(world), deal_id, "won", world.clock())
        deal = await crm.get_deal(tx, deal_id)
        lines = await crm.timeline(tx, ada.id)
        leads = await crm.list_leads(tx, deal_id=deal_id)
        counts = await crm.count_deals(tx)
        won, lost = await crm.list_deals(tx, stage="won"), await crm.list_deals(tx, stage="lost")
    assert (deal.stage, deal.amount_minor, deal.currency, deal.company_name) == ("won", 4900, "usd", "shop.example")
    assert [(line.kind, line.facts) for line in lines] == [
        ("deal_moved", {"from": "qualified", "to": "won"}),
        ("deal_moved", {"from": "new", "to": "qualified"}),
        ("lead_made", {"origin": "public_form"}),
        ("deal_opened", {}),
    ]
    assert [one.state for one in leads] == ["customer"]
    assert (counts, won, lost) == ({"won": 1}, [deal], [])
    assert len(await world.events("deal.moved")) == 2


async def test_only_those_who_may_propose_move_deals(world: World) -> None:
    deal_id = await deal_of(world, await meet(world))

    async def move(actor: Actor, stage: str = "won") -> None:
        async with world.tx() as tx:
            await crm.move_deal(tx, actor, deal_id, stage, world.clock())

    auditor = await world.second_person("auditor", f"audit.{world.mailbox}")
    operator = await world.second_person("operator", f"operator.{world.mailbox}")
    assert await refused(move(auditor)) == ("forbidden", 403)
    assert await refused(move(world.agent)) == ("person_required", 403)
    assert await refused(move(world.owner, "sold")) == ("invalid_stage", 422)
    await move(operator)


NO_DEAL: list[tuple[dict[str, Any], str]] = [
    ({"amount_minor": 5}, "invalid_amount"),
    ({"currency": "usd"}, "invalid_amount"),
    ({"amount_minor": -1, "currency": "usd"}, "invalid_amount"),
    ({"amount_minor": 1, "currency": "US$"}, "invalid_amount"),
    ({"title": ""}, "invalid_title"),
    ({"contact_id": uuid4()}, "not_found"),
    ({"project_id": uuid4()}, "not_found"),
]


async def test_what_is_no_deal_is_refused(world: World) -> None:
    ada = await meet(world)
    for changes, code in NO_DEAL:
        assert (await refused(deal_of(world, ada, **changes)))[0] == code, changes
    async with world.tx() as tx:
        assert await crm.list_deals(tx) == []


async def test_an_activity_holds_no_prose(world: World) -> None:
    ada = await meet(world)

    async def add(kind: str = "order_paid", subject: str = "order", fact: str = "x") -> None:
        async with world.tx() as tx:
            await crm.add_activity(tx, ada.id, kind, (subject, None), {"fact": fact}, world.clock())

    await add()
    assert (await refused(add(kind="Order paid!")))[0] == "invalid_activity"
    assert (await refused(add(subject="")))[0] == "invalid_activity"
    assert (await refused(add(fact="x" * 201)))[0] == "invalid_activity"


async def test_a_bounce_is_said_once_until_the_person_writes(world: World) -> None:
    ada = await meet(world)
    async with world.tx() as tx:
        await crm.mark_bounced(tx, ada.id, world.clock())
        await crm.mark_bounced(tx, ada.id, world.clock())
        assert (await crm.get_contact(tx, ada.id)).state == "bounced"
        assert [line.kind for line in await crm.timeline(tx, ada.id)] == ["bounced"]
        await crm.mark_active(tx, ada.id)
        assert (await crm.get_contact(tx, ada.id)).state == "active"


async def test_another_account_s_people_are_not_there(open_world: Callable[..., Awaitable[World]]) -> None:
    one, other = await open_world(), await open_world()
    ada = await meet(one)
    deal_id = await deal_of(one, ada)
    async with other.tx() as tx:
        assert await crm.list_contacts(tx, search="ada") == []
        assert await crm.list_deals(tx) == []
        assert await crm.timeline(tx, ada.id) == []
        assert await crm.find_contact(tx, ada.email) is None

    async def ask(what: str) -> object:
        async with other.tx() as tx:
            match what:
                case "contact":
                    return await crm.get_contact(tx, ada.id)
                case "deal":
                    return await crm.get_deal(tx, deal_id)
                case "company":
                    assert ada.company_id
                    return await crm.get_company(tx, ada.company_id)
                case _:
                    await crm.move_deal(tx, other.owner, deal_id, "won", other.clock())
                    return None

    for what in ("contact", "deal", "company", "move"):
        assert await refused(ask(what)) == ("not_found", 404)
    assert (await meet(other)).id != ada.id


async def test_a_lead_points_at_what_was_written(world: World) -> None:
    ada = await meet(world)
    async with world.tx() as tx:
        new = sources.NewSource(world.project_id, "public_form", "A request", "Please help.")
        source_id = await sources.add_source(tx, system(world), new, world.clock())
        lead = NewLead(world.project_id, ada.id, "public_form", None, source_id, "shop.example")
        await crm.add_lead(tx, system(world), lead, world.clock())
        found = await crm.list_leads(tx, contact_id=ada.id)
        lines = await crm.timeline(tx, ada.id)
    assert [(one.source_id, one.state, one.website) for one in found] == [(source_id, "new", "shop.example")]
    assert [(line.subject_kind, line.subject_id) for line in lines] == [("source", source_id)]
