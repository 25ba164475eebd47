"""A mailbox that was suspended comes back with a new credential, and the newest credential is the one that counts."""

import pytest

from tests.world import CLIENT, CLIENT_SECRET, ENCRYPTION_KEY, World
from trinity import integrations
from trinity.errors import NotFound


async def test_a_suspended_mailbox_comes_back(world: World) -> None:
    renewed = integrations.MailboxCredential(CLIENT, CLIENT_SECRET, "sandbox-renewed", f"{world.gmail_url}/token")
    async with world.rails.house.db.transaction(world.account_id) as tx:
        (mailbox,) = await integrations.list_integrations(tx)
        await integrations.suspend(tx, world.owner, mailbox.id, "invalid_grant", world.clock())
        again = await integrations.reconnect(tx, ENCRYPTION_KEY, world.owner, mailbox.address, renewed, world.clock())
        assert again == mailbox.id
        assert (await integrations.get_integration(tx, mailbox.id)).state == "ready"
        assert (
            await integrations.open_credential(tx, ENCRYPTION_KEY, mailbox.id, integrations.MailboxCredential)
            == renewed
        )


async def test_a_mailbox_that_was_never_connected_is_not_found(world: World) -> None:
    renewed = integrations.MailboxCredential(CLIENT, CLIENT_SECRET, "sandbox-renewed", f"{world.gmail_url}/token")
    async with world.rails.house.db.transaction(world.account_id) as tx:
        with pytest.raises(NotFound):
            await integrations.reconnect(
                tx, ENCRYPTION_KEY, world.owner, "else@northwind.example", renewed, world.clock()
            )
