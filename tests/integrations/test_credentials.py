"""Mailboxes and their sealed credentials: readable only with the key, and only where they belong."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from psycopg.errors import InsufficientPrivilege

from tests.world import CLIENT_SECRET, ENCRYPTION_KEY, World
from trinity import integrations
from trinity.errors import Refused
from trinity.integrations import MailboxCredential, NewIntegration, open_credential

type Open = Callable[..., Awaitable[World]]


async def mailbox_of(world: World) -> integrations.Integration:
    async with world.tx() as tx:
        (found,) = await integrations.list_integrations(tx)
    return found


async def opened(world: World, key: bytes = ENCRYPTION_KEY, integration_id: UUID | None = None) -> MailboxCredential:
    wanted = integration_id or (await mailbox_of(world)).id
    async with world.rails.house.db.transaction(world.account_id) as tx:
        return await open_credential(tx, key, wanted, MailboxCredential)


async def code_of(doing: Awaitable[object]) -> str:
    with pytest.raises(Refused) as error:
        await doing
    return error.value.code


async def test_a_credential_opens_with_the_key_and_shows_no_secret(world: World) -> None:
    credential = await opened(world)
    assert credential.client_secret == CLIENT_SECRET
    assert CLIENT_SECRET not in repr(credential) and credential.refresh_token not in repr(credential)
    (row,) = world.tamper("select * from integration_credentials where account_id = %(account)s")
    for secret in (CLIENT_SECRET, credential.refresh_token):
        assert secret.encode() not in bytes(row["sealed"])


async def test_another_key_opens_nothing(world: World) -> None:
    assert await code_of(opened(world, b"another key of thirty-two bytes!")) == "credential_invalid"
    assert await code_of(opened(world, integration_id=uuid4())) == "credential_missing"


@pytest.mark.parametrize(
    "change",
    [
        "sealed = set_byte(sealed, 3, (get_byte(sealed, 3) + 1) %% 256)",
        "sealed = substr(sealed, 1, length(sealed) - 1)",
        "sealed = ''",
        "nonce = set_byte(nonce, 0, (get_byte(nonce, 0) + 1) %% 256)",
    ],
)
async def test_a_changed_credential_does_not_open(world: World, change: str) -> None:
    world.tamper(f"update integration_credentials set {change} where account_id = %(account)s")
    assert await code_of(opened(world)) == "credential_invalid"


async def test_a_credential_that_was_moved_does_not_open(open_world: Open) -> None:
    """Sealed for one account and mailbox, laid into another's row: the associated data disagree."""
    one, other = await open_world(), await open_world()
    theirs = await mailbox_of(other)
    one.tamper("delete from integration_credentials where account_id = %(account)s")
    one.tamper(
        "update integration_credentials set account_id = %(account)s, integration_id = %(mine)s where integration_id = %(id)s",
        mine=(await mailbox_of(one)).id,
        id=theirs.id,
    )
    assert await code_of(opened(one)) == "credential_invalid"


async def test_the_apps_role_cannot_even_read_the_sealed_bytes(world: World) -> None:
    with pytest.raises(InsufficientPrivilege):
        await ask(world)


async def ask(world: World) -> None:
    async with world.tx() as tx:
        await open_credential(tx, ENCRYPTION_KEY, uuid4(), MailboxCredential)


async def test_an_account_has_one_endpoint_and_each_mailbox_once(world: World) -> None:
    credential = MailboxCredential("c", "s", "r", "http://127.0.0.1:1/token")
    new = NewIntegration("gmail", "else@northwind.example", "x", world.gmail_url, credential)

    async def connect(one: NewIntegration) -> UUID:
        async with world.rails.house.db.transaction(world.account_id) as tx:
            mode_of = world.settings.mode_of
            return await integrations.connect(tx, ENCRYPTION_KEY, world.owner, one, mode_of, world.clock())

    assert await code_of(connect(replace(new, endpoint="https://gmail.googleapis.com"))) == "endpoint_mixed"
    assert await code_of(connect(replace(new, address=world.mailbox))) == "integration_taken"
    made = await connect(new)
    async with world.tx() as tx:
        assert (await integrations.get_integration(tx, made)).state == "ready"
        await integrations.suspend(tx, world.owner, made, "because", world.clock())
        assert (await integrations.get_integration(tx, made)).state == "suspended"
    (connected, *_), (suspended,) = (
        await world.events("integration.connected"),
        await world.events("integration.suspended"),
    )
    assert world.mailbox not in str(connected.facts), "an address is personal, and kept apart"
    assert suspended.facts == {"reason": "because"}
