"""People, passwords, sessions, projects: what is promised, and refusals with codes."""

import hashlib
from collections.abc import Awaitable
from datetime import timedelta
from uuid import uuid4

import pytest
from argon2 import extract_parameters

from tests.world import PASSWORD, World
from trinity import accounts
from trinity.accounts import PERMISSIONS, NewProject, Permission, may
from trinity.accounts.passwords import LENGTH_MAX, hash_password, is_password
from trinity.accounts.sessions import FAILURE_WINDOW, FAILURES_MAX, LIFE
from trinity.errors import Refused


async def refused(doing: Awaitable[object]) -> tuple[str, int]:
    with pytest.raises(Refused) as error:
        await doing
    return error.value.code, error.value.status


def email_of(world: World, name: str = "owner") -> str:
    return f"{name}@{world.mailbox.partition('@')[2]}"


async def test_a_password_is_kept_as_argon2id_and_a_session_as_a_hash(world: World) -> None:
    token, who = await accounts.sign_in(world.app.db, email_of(world).upper(), PASSWORD, world.clock())
    rows = world.tamper("select password_hash from users where id = %(id)s", id=world.owner_id)
    assert rows[0]["password_hash"].startswith("$argon2id$") and PASSWORD not in rows[0]["password_hash"]
    (session,) = world.tamper("select * from sessions where account_id = %(account)s")
    assert session["token_sha256"] == hashlib.sha256(token.encode()).digest()
    assert (who.user_id, who.role, who.actor) == (world.owner_id, "owner", world.owner)
    assert await accounts.find_session(world.app.db, token, world.clock()) == who


async def test_the_real_parameters_are_no_smaller_than_owasp_asks() -> None:
    found = extract_parameters(await hash_password(PASSWORD))
    assert found.memory_cost >= 19_456 and found.time_cost >= 2 and found.hash_len >= 32 and found.salt_len >= 16


async def test_every_login_has_a_token_of_its_own(world: World) -> None:
    tokens = {(await accounts.sign_in(world.app.db, email_of(world), PASSWORD, world.clock()))[0] for _ in range(3)}
    assert len(tokens) == 3


async def test_a_refused_login_says_nothing_about_who_exists(world: World) -> None:
    own = email_of(world)
    cases = [(own, "wrong password!"), ("nobody@else.example", PASSWORD), (own, ""), ("", PASSWORD), (own, "x" * 5_000)]
    strange = [
        ("a\x00@b.example", PASSWORD),
        ("\ud800", PASSWORD),
        (own, "\ud800" * 12),
        (own, "\x00" * 12),
        ("x" * 9_999, "y"),
    ]
    said = set()
    for email, password in (*cases, *strange):
        with pytest.raises(Refused) as error:
            await accounts.sign_in(world.app.db, email, password, world.clock())
        said.add((error.value.code, error.value.status, error.value.message))
    assert len(said) == 1
    assert next(iter(said))[:2] == ("bad_credentials", 401)


async def test_guessing_is_stopped_and_recorded(world: World) -> None:
    for _ in range(FAILURES_MAX):
        await refused(accounts.sign_in(world.app.db, email_of(world), "a wrong password", world.clock()))
    for _ in range(3):
        right = accounts.sign_in(world.app.db, email_of(world), PASSWORD, world.clock())
        assert await refused(right) == ("bad_credentials", 401)
    assert len(await world.events("login.refused")) == FAILURES_MAX + 1
    world.clock.sleep(FAILURE_WINDOW.total_seconds() + 1)
    await accounts.sign_in(world.app.db, email_of(world), PASSWORD, world.clock())


async def test_a_session_ends_by_time_by_sign_out_and_with_its_person(world: World) -> None:
    async def opened() -> tuple[str, accounts.SignedIn]:
        return await accounts.sign_in(world.app.db, email_of(world), PASSWORD, world.clock())

    async def find(token: str) -> accounts.SignedIn | None:
        return await accounts.find_session(world.app.db, token, world.clock())

    token, who = await opened()
    world.clock.now = who.expires_at - timedelta(seconds=1)
    assert await find(token)
    world.clock.now += LIFE
    assert await find(token) is None
    token, who = await opened()
    async with world.tx() as tx:
        await accounts.sign_out(tx, who, world.clock())
    assert await find(token) is None
    token, who = await opened()
    world.tamper("update memberships set role = 'auditor' where account_id = %(account)s")
    found = await find(token)
    assert found is not None and found.role == "auditor"
    world.tamper("update users set disabled_at = now() where id = %(id)s", id=world.owner_id)
    assert await find(token) is None
    await refused(opened())
    for nonsense in ("", "x", "x" * 10_000):
        assert await find(nonsense) is None


@pytest.mark.parametrize("password", ["", "short", "x" * (LENGTH_MAX + 1), "\ud800" * 12, "\x00" * 12])
async def test_a_weak_or_impossible_password_is_refused(password: str) -> None:
    assert await refused(hash_password(password)) == ("weak_password", 422)
    assert not await is_password(password, await hash_password(PASSWORD))


async def test_passwords_are_compared_exactly() -> None:
    stored = await hash_password("pässwörter sind lang")
    assert await is_password("pässwörter sind lang", stored)
    assert not await is_password("pa\u0308sswo\u0308rter sind lang", stored)
    assert not await is_password("pässwörter sind lang ", stored)
    assert not await is_password("pässwörter sind lang", "not a hash")
    assert not await is_password("a password that nobody has", None)


async def test_people_are_made_with_care(world: World) -> None:
    async def person(email: str, name: str = "Sam", role: str = "operator") -> object:
        async with world.tx() as tx:
            return await accounts.create_user(tx, world.owner, email, name, PASSWORD, role, world.clock())

    for email in ("", "x", "a@b", "a b@c.example", "a@exаmple.com", "a@b.example\n", "a\x00@b.example"):
        assert await refused(person(email)) == ("invalid_email", 422)
    for role in ("", "Owner", "root", "agent"):
        assert await refused(person(email_of(world, "x"), role=role)) == ("invalid_role", 422)
    for name in ("", "x" * 121, "a\nb", "a\x00", "\ud800", "\u202eevil"):
        assert await refused(person(email_of(world, "x"), name=name)) == ("invalid_name", 422)
    assert await refused(person(email_of(world).upper())) == ("email_taken", 409)
    await person(email_of(world, "Sam"))
    async with world.tx() as tx:
        assert [one.email for one in await accounts.list_members(tx)] == [email_of(world), email_of(world, "sam")]
    assert await refused(member(world)) == ("not_found", 404)


async def member(world: World) -> object:
    async with world.tx() as tx:
        return await accounts.get_member(tx, uuid4())


async def test_projects_are_made_with_care(world: World) -> None:
    async def project(new: NewProject) -> object:
        async with world.tx() as tx:
            return await accounts.create_project(tx, world.owner, new, world.clock())

    assert await refused(project(NewProject("", "", None))) == ("invalid_name", 422)
    assert await refused(project(NewProject("x", "x" * 20_001, None))) == ("too_long", 422)
    assert await refused(project(NewProject("x", "\x00", None))) == ("invalid_project", 422)
    for seconds in (-1, 3_601):
        assert await refused(project(NewProject("x", "", None, seconds))) == ("invalid_project", 422)
    assert await refused(project(NewProject("x", "", uuid4()))) == ("not_found", 404)
    await project(NewProject("Second", "", None, 0))
    async with world.tx() as tx:
        assert [(one.name, one.mailbox) for one in await accounts.list_projects(tx)] == [
            ("Second", None),
            ("Website care", world.mailbox),
        ]


async def test_accounts_are_listed_without_one(world: World) -> None:
    assert world.account_id in await accounts.account_ids(world.app.db)


def test_who_may_what() -> None:
    assert all(may("owner", one) for one in Permission)
    assert not any(may(role, one) for role in ("", "root", "agent", "Owner") for one in Permission)
    assert {role for role in PERMISSIONS if may(role, Permission.APPROVE)} == {"owner", "approver"}
    assert {role for role in PERMISSIONS if may(role, Permission.ADMINISTER)} == {"owner"}
    assert {role for role in PERMISSIONS if may(role, Permission.PROPOSE)} == {"owner", "operator"}
    assert PERMISSIONS["auditor"] == {Permission.READ}


async def test_a_public_address_leads_to_its_account_and_nothing_else_does(world: World) -> None:
    async with world.tx() as tx:
        slug = await tx.value("select slug from accounts")
    found = await accounts.account_of_slug(world.app.db, slug)
    assert found is not None
    assert (found.id, found.slug) == (world.account_id, slug)
    for other in (
        slug.upper(),
        f"{slug}x",
        f" {slug}",
        f"{slug}\n",
        "",
        "x",
        "-a",
        "' or 1=1 --",
        "%",
        "a" * 100,
        "\x00",
    ):
        assert await accounts.account_of_slug(world.app.db, other) is None
