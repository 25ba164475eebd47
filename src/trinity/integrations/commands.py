"""Connecting and suspending integrations: mailboxes, a Stripe account, the server for notices."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.errors import UniqueViolation

from trinity import audit
from trinity.errors import NotFound, Refused
from trinity.integrations.checks import forget_checks
from trinity.integrations.credentials import KINDS, Credential, seal_credential
from trinity.kit.actor import Actor
from trinity.kit.ids import uuid7
from trinity.store.database import Tx


@dataclass(frozen=True, slots=True)
class NewIntegration:
    """A provider to connect: the address it is known by, verified aliases, its base URL, and what opens it.

    `address` is a mailbox's mail address, a Stripe account's `acct_…`, or the sender of notices.
    """

    provider: str
    address: str
    display_name: str
    endpoint: str
    credential: Credential
    aliases: tuple[str, ...] = ()


async def connect(
    tx: Tx, key: bytes, actor: Actor, new: NewIntegration, mode_of: Callable[[str], str], now: datetime
) -> UUID:
    """Connect a provider. No account mixes sandbox and live endpoints (design 4.3); `mode_of` is the process's word."""
    assert KINDS[new.provider] is type(new.credential)
    mode = mode_of(new.endpoint)
    rows = await tx.all("select distinct endpoint from integrations limit 50")
    if other := next((row["endpoint"] for row in rows if mode_of(row["endpoint"]) != mode), None):
        text = f"This account already uses {other}, and no account mixes sandbox and live endpoints."
        raise Refused("endpoint_mixed", text)
    integration_id = uuid7(now)
    await _insert(tx, integration_id, new, now)
    await seal_credential(tx, key, integration_id, new.credential, now)
    facts = {"provider": new.provider, "endpoint": new.endpoint, "mode": mode}
    await audit.record(
        tx, actor, "integration.connected", ("integration", integration_id), now, facts, {"address": new.address}
    )
    return integration_id


async def _insert(tx: Tx, integration_id: UUID, new: NewIntegration, now: datetime) -> None:
    try:
        await tx.execute(
            "insert into integrations (account_id, id, provider, address, display_name, aliases, endpoint, state, created_at)"
            " values (%(a)s, %(id)s, %(provider)s, %(address)s, %(name)s, %(aliases)s, %(endpoint)s, 'ready', %(now)s)",
            {
                "a": tx.account_id,
                "id": integration_id,
                "provider": new.provider,
                "address": new.address,
                "name": new.display_name,
                "aliases": list(new.aliases),
                "endpoint": new.endpoint,
                "now": now,
            },
        )
    except UniqueViolation as error:
        raise Refused("integration_taken", f"This account has {new.address} already.") from error


async def reconnect(tx: Tx, key: bytes, actor: Actor, address: str, credential: Credential, now: datetime) -> UUID:
    """Give an integration a new credential; a suspended one is ready again. The older ones are not used any more."""
    provider = next(name for name, kind in KINDS.items() if kind is type(credential))
    integration_id = await tx.value(
        "select id from integrations where provider = %(provider)s and address = %(address)s",
        {"provider": provider, "address": address},
    )
    if integration_id is None:
        raise NotFound("integration")
    await seal_credential(tx, key, integration_id, credential, now)
    await tx.execute("update integrations set state = 'ready' where id = %(id)s", {"id": integration_id})
    await forget_checks(tx, integration_id, now)
    await audit.record(tx, actor, "integration.reconnected", ("integration", integration_id), now, {})
    return UUID(str(integration_id))


async def suspend(tx: Tx, actor: Actor, integration_id: UUID, reason: str, now: datetime) -> None:
    """Stop using an integration until a person connects it again, e.g. after `invalid_grant`."""
    await tx.execute("update integrations set state = 'suspended' where id = %(id)s", {"id": integration_id})
    await audit.record(
        tx, actor, "integration.suspended", ("integration", integration_id), now, {"reason": reason[:200]}
    )


async def move_cursor(tx: Tx, integration_id: UUID, name: str, value: str, now: datetime) -> None:
    """Note how far a provider's list was read, in the transaction that keeps what was read."""
    await tx.execute(
        "insert into cursors (account_id, id, integration_id, name, value, changed_at)"
        " values (%(a)s, %(id)s, %(i)s, %(name)s, %(value)s, %(now)s)"
        " on conflict (account_id, integration_id, name) do update set value = excluded.value, changed_at = excluded.changed_at",
        {"a": tx.account_id, "id": uuid7(now), "i": integration_id, "name": name, "value": value, "now": now},
    )
