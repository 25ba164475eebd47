"""The ledger: transfers between two accounts, booked from Stripe's balance transactions and from nothing else.

Each balance transaction moves what we hold at Stripe, so the account `stripe` is one side of every transfer. The other
side says why (`OPPOSITE`); a positive amount debits `stripe` and credits the other account, a negative one debits the
other account and credits `stripe`:

| balance transaction                          | debits                | credits               |
|----------------------------------------------|-----------------------|-----------------------|
| charge, payment                              | `stripe`              | `sales`               |
| refund, payment_refund                       | `refunds`             | `stripe`              |
| refund_failure, payment_failure_refund       | `stripe`              | `refunds`             |
| adjustment about a dispute: withdrawn        | `disputes`            | `stripe`              |
| adjustment about a dispute: reinstated       | `stripe`              | `disputes`            |
| payout                                       | `bank`                | `stripe`              |
| payout_failure, payout_cancel                | `stripe`              | `bank`                |
| stripe_fee and other costs                   | `fees`                | `stripe`              |
| anything else                                | `adjustments`/`stripe`| `stripe`/`adjustments`|
| its fee, as a leg of its own (`….fee`)       | `fees`                | `stripe`              |

So the balance of `stripe` is the sum of the transactions' nets, which is Stripe's own balance, and `bank` is what was
paid out and has not come back. A transfer has two accounts of one currency: an unbalanced one cannot be written.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from trinity.kit.ids import uuid7
from trinity.providers.stripe.read import Movement
from trinity.revenue.models import LEDGER_CODES
from trinity.store.database import Tx

OPPOSITE = {
    "charge": "sales",
    "payment": "sales",
    "refund": "refunds",
    "payment_refund": "refunds",
    "refund_failure": "refunds",
    "payment_failure_refund": "refunds",
    "payout": "bank",
    "payout_failure": "bank",
    "payout_cancel": "bank",
    "stripe_fee": "fees",
    "stripe_fx_fee": "fees",
    "network_cost": "fees",
    "tax_fee": "fees",
}
DISPUTE_CATEGORIES = ("dispute", "dispute_reversal")
PAGE_MAX = 200


@dataclass(frozen=True, slots=True)
class Leg:
    """One transfer to be: from which account to which, how much, and which leg of its transaction it is."""

    kind: str
    debit: str
    credit: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class DaySales:
    """Sales of one day in one currency, less refunds."""

    day: date
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account of the ledger holds in a currency: its debits without its credits."""

    code: str
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """A line of the ledger."""

    id: UUID
    debit: str
    credit: str
    amount_minor: int
    currency: str
    kind: str
    txn_id: str
    source_id: str
    order_id: UUID | None
    order_number: int | None
    happened_at: datetime


def legs_of(movement: Movement) -> list[Leg]:
    """The transfers of a balance transaction: the amount, and its fee apart. Pure."""
    is_dispute = movement.kind == "adjustment" and movement.category in DISPUTE_CATEGORIES
    other = "disputes" if is_dispute else OPPOSITE.get(movement.kind, "adjustments")
    found = [
        _leg(movement.kind, other, movement.amount_minor),
        # A fee is what Stripe takes: seen from our balance it is negative.
        _leg(f"{movement.kind}.fee", "fees", -movement.fee_minor),
    ]
    return [leg for leg in found if leg.amount_minor]


async def booked(tx: Tx, txn_ids: list[str]) -> set[str]:
    """Those of these balance transactions that are in the ledger."""
    rows = await tx.all("select distinct txn_id from ledger_transfers where txn_id = any(%(ids)s)", {"ids": txn_ids})
    return {row["txn_id"] for row in rows}


async def book(tx: Tx, movement: Movement, order_id: UUID | None, now: datetime) -> int:
    """Write a balance transaction's transfers, each at most once. How many were new."""
    count = 0
    for leg in legs_of(movement):
        count += await tx.execute(
            """
            insert into ledger_transfers (account_id, id, debit_id, credit_id, amount_minor, currency, kind, txn_id,
                                          source_id, order_id, happened_at, created_at)
            values (%(a)s, %(id)s, %(debit)s, %(credit)s, %(amount)s, %(currency)s, %(kind)s, %(txn)s, %(source)s,
                    %(order)s, %(happened)s, %(now)s)
            on conflict (account_id, txn_id, kind) do nothing
            """,
            {
                "a": tx.account_id,
                "id": uuid7(now),
                "debit": await _account(tx, leg.debit, movement.currency, now),
                "credit": await _account(tx, leg.credit, movement.currency, now),
                "amount": leg.amount_minor,
                "currency": movement.currency,
                "kind": leg.kind,
                "txn": movement.id,
                "source": movement.source_id,
                "order": order_id,
                "happened": movement.created_at,
                "now": now,
            },
        )
    if count:
        tx.notify("ledger", *([f"order:{order_id}"] if order_id else []))
    return count


async def balances(tx: Tx) -> list[Balance]:
    """Every account of the ledger. The sum over all of a currency is nought, whatever was booked."""
    rows = await tx.all(
        """
        select a.code, a.currency,
               coalesce((select sum(t.amount_minor) from ledger_transfers t
                         where t.account_id = a.account_id and t.debit_id = a.id), 0)
               - coalesce((select sum(t.amount_minor) from ledger_transfers t
                           where t.account_id = a.account_id and t.credit_id = a.id), 0) as amount_minor
        from ledger_accounts a order by a.currency, array_position(%(codes)s::text[], a.code)
        """,
        {"codes": list(LEDGER_CODES)},
    )
    return [Balance(row["code"], row["currency"], int(row["amount_minor"])) for row in rows]


async def list_transfers(
    tx: Tx,
    *,
    code: str | None = None,
    currency: str | None = None,
    order_id: UUID | None = None,
    before: UUID | None = None,
    limit: int = PAGE_MAX,
) -> list[Transfer]:
    """Transfers, newest first: of one account, one currency, one order, or all; `before` is the last one seen."""
    rows = await tx.all(
        """
        select t.id, d.code as debit, c.code as credit, t.amount_minor, t.currency, t.kind, t.txn_id, t.source_id,
               t.order_id, o.number as order_number, t.happened_at
        from ledger_transfers t
        join ledger_accounts d on d.account_id = t.account_id and d.id = t.debit_id
        join ledger_accounts c on c.account_id = t.account_id and c.id = t.credit_id
        left join orders o on o.account_id = t.account_id and o.id = t.order_id
        where (%(code)s::text is null or %(code)s in (d.code, c.code))
          and (%(currency)s::text is null or t.currency = %(currency)s)
          and (%(order)s::uuid is null or t.order_id = %(order)s) and (%(before)s::uuid is null or t.id < %(before)s)
        order by t.id desc limit %(limit)s
        """,
        {"code": code, "currency": currency, "order": order_id, "before": before, "limit": min(limit, PAGE_MAX)},
    )
    return [Transfer(**row) for row in rows]


async def sales_by_day(tx: Tx, since: datetime) -> list[DaySales]:
    """What sales brought by day (UTC) since a moment, less refunds, before fees. A day without any is left out."""
    rows = await tx.all(
        """
        select (timezone('UTC', t.happened_at))::date as day, t.currency,
               sum(case when c.code = 'sales' then t.amount_minor else 0 end)
               - sum(case when d.code = 'refunds' then t.amount_minor else 0 end) as amount_minor
        from ledger_transfers t
        join ledger_accounts d on d.account_id = t.account_id and d.id = t.debit_id
        join ledger_accounts c on c.account_id = t.account_id and c.id = t.credit_id
        where t.happened_at >= %(since)s and (c.code = 'sales' or d.code = 'refunds')
        group by day, t.currency order by day, t.currency limit %(limit)s
        """,
        {"since": since, "limit": PAGE_MAX},
    )
    return [DaySales(row["day"], row["currency"], int(row["amount_minor"])) for row in rows]


def _leg(kind: str, other: str, amount_minor: int) -> Leg:
    """A movement of `stripe` and its other side: into our balance if positive, out of it if negative."""
    debit, credit = ("stripe", other) if amount_minor > 0 else (other, "stripe")
    return Leg(kind, debit, credit, abs(amount_minor))


async def _account(tx: Tx, code: str, currency: str, now: datetime) -> UUID:
    """The ledger's account, opened with its first transfer."""
    params = {"a": tx.account_id, "id": uuid7(now), "code": code, "currency": currency, "now": now}
    await tx.execute(
        "insert into ledger_accounts (account_id, id, code, currency, created_at)"
        " values (%(a)s, %(id)s, %(code)s, %(currency)s, %(now)s) on conflict (account_id, code, currency) do nothing",
        params,
    )
    found = await tx.value("select id from ledger_accounts where code = %(code)s and currency = %(currency)s", params)
    return UUID(str(found))
