"""Payouts: what Stripe sends to the bank, as Stripe says now. The ledger books them from their balance transactions."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity.kit.ids import uuid7
from trinity.providers.stripe.read import Payout
from trinity.store.database import Tx

PAGE_MAX = 100


@dataclass(frozen=True, slots=True)
class KeptPayout:
    """A payout of ours."""

    id: UUID
    provider_payout_id: str
    amount_minor: int
    currency: str
    state: str
    arrives_at: datetime | None
    created_at: datetime


async def apply_payout(tx: Tx, payout: Payout, now: datetime) -> None:
    """Keep a payout as it is now. Safe to repeat."""
    await tx.execute(
        """
        insert into payouts as p (account_id, id, provider_payout_id, amount_minor, currency, state, arrives_at,
                                  created_at, changed_at)
        values (%(a)s, %(id)s, %(payout)s, %(amount)s, %(currency)s, %(state)s, %(arrives)s, %(created)s, %(now)s)
        on conflict (account_id, provider_payout_id) do update
        set state = excluded.state, arrives_at = excluded.arrives_at, changed_at = excluded.changed_at
        where (p.state, p.arrives_at) is distinct from (excluded.state, excluded.arrives_at)
        """,
        {
            "a": tx.account_id,
            "id": uuid7(now),
            "payout": payout.id,
            "amount": payout.amount_minor,
            "currency": payout.currency,
            "state": payout.status,
            "arrives": payout.arrives_at,
            "created": payout.created_at,
            "now": now,
        },
    )
    tx.notify("ledger")


async def list_payouts(tx: Tx) -> list[KeptPayout]:
    """Payouts, newest first."""
    rows = await tx.all(
        "select id, provider_payout_id, amount_minor, currency, state, arrives_at, created_at from payouts"
        f" order by created_at desc, id desc limit {PAGE_MAX}"
    )
    return [KeptPayout(**row) for row in rows]
