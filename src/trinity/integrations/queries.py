"""Reading integrations."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity.errors import NotFound
from trinity.store.database import Tx

PAGE_MAX = 100
_SELECT = "select id, provider, address, display_name, aliases, endpoint, state, created_at from integrations"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A connected mailbox; `state` is `ready`, `suspended` or `disconnected`."""

    id: UUID
    provider: str
    address: str
    display_name: str
    aliases: list[str]
    endpoint: str
    state: str
    created_at: datetime


async def get_mailbox(tx: Tx, integration_id: UUID) -> Mailbox:
    """One mailbox, or `NotFound`."""
    row = await tx.one(f"{_SELECT} where id = %(id)s", {"id": integration_id})
    if row is None:
        raise NotFound("mailbox")
    return Mailbox(**row)


async def list_mailboxes(tx: Tx) -> list[Mailbox]:
    """The account's mailboxes."""
    return [Mailbox(**row) for row in await tx.all(f"{_SELECT} order by address limit {PAGE_MAX}")]
