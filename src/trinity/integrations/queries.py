"""Reading integrations."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity.errors import NotFound
from trinity.store.database import Tx

PAGE_MAX = 100
_SELECT = "select id, provider, address, display_name, aliases, endpoint, state, created_at from integrations"


@dataclass(frozen=True, slots=True)
class Integration:
    """A connected provider (`gmail`, `stripe`, `smtp`); `state` is `ready`, `suspended` or `disconnected`."""

    id: UUID
    provider: str
    address: str
    display_name: str
    aliases: list[str]
    endpoint: str
    state: str
    created_at: datetime


async def get_integration(tx: Tx, integration_id: UUID) -> Integration:
    """One integration, or `NotFound`."""
    row = await tx.one(f"{_SELECT} where id = %(id)s", {"id": integration_id})
    if row is None:
        raise NotFound("integration")
    return Integration(**row)


async def find_integration(tx: Tx, provider: str) -> Integration | None:
    """The account's first integration of a provider; there is one Stripe account and one server for notices."""
    row = await tx.one(f"{_SELECT} where provider = %(p)s order by id limit 1", {"p": provider})
    return Integration(**row) if row else None


async def list_integrations(tx: Tx, provider: str | None = None) -> list[Integration]:
    """The account's integrations, optionally of one provider."""
    rows = await tx.all(
        f"{_SELECT} where (%(p)s::text is null or provider = %(p)s) order by provider, address limit {PAGE_MAX}",
        {"p": provider},
    )
    return [Integration(**row) for row in rows]


async def get_cursor(tx: Tx, integration_id: UUID, name: str) -> str | None:
    """How far a provider's list was read; None before the first time."""
    value = await tx.value(
        "select value from cursors where integration_id = %(i)s and name = %(n)s", {"i": integration_id, "n": name}
    )
    return str(value) if value is not None else None


async def cursor_moved_at(tx: Tx, integration_id: UUID, name: str) -> datetime | None:
    """When a cursor moved last; None before the first time."""
    moved_at: datetime | None = await tx.value(
        "select changed_at from cursors where integration_id = %(i)s and name = %(n)s", {"i": integration_id, "n": name}
    )
    return moved_at
