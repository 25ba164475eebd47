"""Connecting and suspending mailboxes."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.errors import UniqueViolation

from trinity import audit
from trinity.errors import NotFound, Refused
from trinity.integrations.credentials import MailboxCredential, seal_credential
from trinity.kit.actor import Actor
from trinity.kit.ids import uuid7
from trinity.store.database import Tx


@dataclass(frozen=True, slots=True)
class NewMailbox:
    """A mailbox to connect: its address, verified aliases, the API's base URL, and what opens it."""

    address: str
    display_name: str
    aliases: tuple[str, ...]
    endpoint: str
    mode: str
    credential: MailboxCredential


async def connect_mailbox(tx: Tx, key: bytes, actor: Actor, new: NewMailbox, now: datetime) -> UUID:
    """Connect a mailbox. No account mixes sandbox and live endpoints (design 4.3)."""
    other = await tx.value(
        "select endpoint from integrations where endpoint <> %(endpoint)s limit 1", {"endpoint": new.endpoint}
    )
    if other is not None:
        raise Refused("endpoint_mixed", f"This account already uses {other}; one account has one endpoint.")
    integration_id = uuid7(now)
    await _insert(tx, integration_id, new, now)
    await seal_credential(tx, key, integration_id, new.credential, now)
    facts = {"provider": "gmail", "endpoint": new.endpoint, "mode": new.mode}
    await audit.record(
        tx, actor, "integration.connected", ("integration", integration_id), now, facts, {"address": new.address}
    )
    return integration_id


async def _insert(tx: Tx, integration_id: UUID, new: NewMailbox, now: datetime) -> None:
    try:
        await tx.execute(
            "insert into integrations (account_id, id, provider, address, display_name, aliases, endpoint, state, created_at)"
            " values (%(a)s, %(id)s, 'gmail', %(address)s, %(name)s, %(aliases)s, %(endpoint)s, 'ready', %(now)s)",
            {
                "a": tx.account_id,
                "id": integration_id,
                "address": new.address,
                "name": new.display_name,
                "aliases": list(new.aliases),
                "endpoint": new.endpoint,
                "now": now,
            },
        )
    except UniqueViolation as error:
        raise Refused("mailbox_taken", "This account has this mailbox already.") from error


async def reconnect_mailbox(
    tx: Tx, key: bytes, actor: Actor, address: str, credential: MailboxCredential, now: datetime
) -> UUID:
    """Give a mailbox a new credential; a suspended one is ready again. The older ones are not used any more."""
    integration_id = await tx.value("select id from integrations where address = %(address)s", {"address": address})
    if integration_id is None:
        raise NotFound("mailbox")
    await seal_credential(tx, key, integration_id, credential, now)
    await tx.execute("update integrations set state = 'ready' where id = %(id)s", {"id": integration_id})
    await audit.record(tx, actor, "integration.reconnected", ("integration", integration_id), now, {})
    return UUID(str(integration_id))


async def suspend(tx: Tx, actor: Actor, integration_id: UUID, reason: str, now: datetime) -> None:
    """Stop using a mailbox until a person connects it again, e.g. after `invalid_grant`."""
    await tx.execute("update integrations set state = 'suspended' where id = %(id)s", {"id": integration_id})
    await audit.record(
        tx, actor, "integration.suspended", ("integration", integration_id), now, {"reason": reason[:200]}
    )
