"""Guests: an allowed domain is matched whole, a link holds for one project of one account, for a while."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from tests.world import World
from trinity import accounts
from trinity.accounts import Invited, NewProject
from trinity.accounts.guests import LIFE, LINKS_PER_ADDRESS_MAX, LINKS_PER_DOMAIN_MAX, LINKS_WINDOW
from trinity.errors import Refused
from trinity.kit.actor import Actor


async def allow(
    world: World, domain: str = "sponsor.example", *, by: Actor | None = None, project: UUID | None = None
) -> UUID:
    async with world.tx() as tx:
        return await accounts.allow_domain(tx, by or world.owner, project or world.project_id, domain, world.clock())


async def invite(world: World, email: str = "ann@sponsor.example") -> list[Invited]:
    async with world.tx() as tx:
        system = Actor.system(world.account_id, "tests")
        return await accounts.invite_guest(tx, system, email, world.clock())


async def holds(world: World, token: str, *, account_id: UUID | None = None) -> bool:
    found = await accounts.find_guest(world.app.db, account_id or world.account_id, token, world.clock())
    return found is not None


async def refused(doing: Awaitable[object]) -> tuple[str, int]:
    with pytest.raises(Refused) as error:
        await doing
    return error.value.code, error.value.status


async def test_a_link_of_an_allowed_domain_opens_one_project_for_a_while(world: World) -> None:
    await allow(world)
    (made,) = await invite(world)
    found = await accounts.find_guest(world.app.db, world.account_id, made.token, world.clock())
    assert found is not None
    assert (found.project_id, found.email) == (world.project_id, "ann@sponsor.example")
    assert not await holds(world, made.token[:-1] + "x")
    assert not await holds(world, "")
    assert not await holds(world, "é" * 43)
    assert not await holds(world, made.token, account_id=uuid4())
    world.clock.sleep(LIFE.total_seconds() + 1)
    assert not await holds(world, made.token)


@pytest.mark.parametrize(
    "email",
    ["ann@sub.sponsor.example", "ann@sponsor.example.evil.example", "ann@xsponsor.example", "ann@sponsor.examples",
     "ann@example", "ann@xn--sponsor-example-.example", "sponsor.example@evil.example"],
)  # fmt: skip
async def test_neighbours_of_an_allowed_domain_get_nothing(world: World, email: str) -> None:
    await allow(world)
    assert await invite(world, email) == []


async def test_a_domain_has_one_spelling(world: World) -> None:
    first = await allow(world, "Bücher.Example")
    assert await allow(world, "xn--bcher-kva.example") == first
    assert len(await invite(world, "ann@xn--bcher-kva.example")) == 1
    assert len(await world.events("sponsor_domain.allowed")) == 1
    for wrong in ("", "nonsense", "*.example.com", "a@b.example", "https://sponsor.example", "127.0.0.1", "x" * 300):
        assert await refused(allow(world, wrong)) == ("invalid_domain", 422)


async def test_taking_a_domain_back_ends_its_links_and_no_other(world: World) -> None:
    one = await allow(world)
    await allow(world, "other.example")
    (ended,), (kept,) = await invite(world), await invite(world, "ben@other.example")
    async with world.tx() as tx:
        await accounts.revoke_domain(tx, world.owner, world.project_id, one, world.clock())
        await accounts.revoke_domain(tx, world.owner, world.project_id, one, world.clock())
    assert (await holds(world, ended.token), await holds(world, kept.token)) == (False, True)
    assert await invite(world) == []
    (event,) = await world.events("sponsor_domain.revoked")
    assert event.facts == {"project_id": str(world.project_id), "domain": "sponsor.example", "guests_ended": 1}
    assert await allow(world) == one
    assert not await holds(world, ended.token), "who was shut out asks for a new link"
    assert len(await invite(world)) == 1


async def test_one_link_is_taken_back_alone(world: World) -> None:
    await allow(world)
    (one,), (two,) = await invite(world), await invite(world)
    async with world.tx() as tx:
        await accounts.revoke_guest(tx, world.owner, world.project_id, one.guest_id, world.clock())
    assert (await holds(world, one.token), await holds(world, two.token)) == (False, True)
    async with world.tx() as tx:
        assert len(await accounts.list_guests(tx, world.project_id)) == 2
        assert (await accounts.get_guest(tx, one.guest_id)).revoked_at is not None


async def test_an_address_gets_so_many_links_an_hour(world: World) -> None:
    await allow(world)
    for _ in range(LINKS_PER_ADDRESS_MAX):
        assert len(await invite(world)) == 1
    assert await invite(world) == []
    assert len(await invite(world, "ben@sponsor.example")) == 1
    world.clock.sleep((LINKS_WINDOW + timedelta(minutes=1)).total_seconds())
    assert len(await invite(world)) == 1


async def test_a_domain_s_people_get_so_many_links_an_hour(world: World) -> None:
    await allow(world)
    await allow(world, "other.example")
    for n in range(LINKS_PER_DOMAIN_MAX):
        assert len(await invite(world, f"person{n}@sponsor.example")) == 1
    assert await invite(world, "one.more@sponsor.example") == []
    assert len(await invite(world, "ben@other.example")) == 1


async def test_a_sponsor_of_two_projects_gets_a_link_to_each(world: World) -> None:
    async with world.tx() as tx:
        second = await accounts.create_project(tx, world.owner, NewProject("Second", "", None), world.clock())
    await allow(world)
    await allow(world, project=second)
    made = await invite(world)
    assert [one.project_id for one in made] == [world.project_id, second]
    assert made[0].token != made[1].token


async def test_only_an_owner_lets_people_in(world: World) -> None:
    for role in ("approver", "operator", "auditor"):
        person = await world.second_person(role, f"{role}.{world.mailbox}")
        assert await refused(allow(world, by=person)) == ("forbidden", 403)
    assert await refused(allow(world, by=world.agent)) == ("person_required", 403)
    assert await refused(allow(world, project=uuid4())) == ("not_found", 404)


async def test_another_account_s_sponsors_and_guests_are_not_there(open_world: Callable[..., Awaitable[World]]) -> None:
    one, other = await open_world(), await open_world()
    domain_id = await allow(one)
    (made,) = await invite(one)
    assert await invite(other) == []
    assert not await holds(other, made.token)

    async def revoke(kind: str) -> None:
        async with other.tx() as tx:
            if kind == "domain":
                await accounts.revoke_domain(tx, other.owner, one.project_id, domain_id, other.clock())
            else:
                await accounts.revoke_guest(tx, other.owner, one.project_id, made.guest_id, other.clock())

    assert await refused(revoke("domain")) == await refused(revoke("guest")) == ("not_found", 404)
    assert await holds(one, made.token)


async def test_the_database_keeps_no_token(world: World) -> None:
    await allow(world)
    (made,) = await invite(world)
    async with world.tx() as tx:
        rows = await tx.all("select g.*, g::text as whole from guests g")
        events = await tx.all("select facts, private from audit_events")
    assert made.token not in str(rows) + str(events)
