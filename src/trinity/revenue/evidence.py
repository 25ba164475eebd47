"""Everything that stands about one order, as plain data: what a proof packet holds of it.

Amounts, ids, states and times, no names and no addresses. What Stripe told us is here by the digest of its bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity.errors import NotFound, Refused
from trinity.kit.canonical import Json, check, rfc3339
from trinity.store.database import Tx

RECORDS_MAX = 2_000
"""Of each kind, for one order."""

_ORDER = """
    select id, number, project_id, contact_id, offer_id, customer_id, checkout_id, payment_intent_id, charge_id, state,
           amount_minor, currency, refunded_minor, paid_at, created_at
    from orders where id = %(id)s
"""
_ONES = {
    "offer": "select id, title, amount_minor, currency, created_at from offers where id = %(offer_id)s",
    "checkout": """
        select id, offer_id, contact_id, tool_call_id, provider_session_id, state, amount_minor, currency, created_at
        from checkout_sessions where id = %(checkout_id)s""",
    "customer": "select id, contact_id, provider_customer_id, created_at from customers where id = %(customer_id)s",
    "intake": "select id, source_id, created_at from order_intakes where order_id = %(id)s",
    "fulfilment": """
        select id, run_id, artifact_id, tool_call_id, state, created_at, delivered_at
        from fulfilments where order_id = %(id)s""",
}
_LISTS = {
    "revenue_events": """
        select id, kind, provider_id, amount_minor, currency, created_at
        from revenue_events where order_id = %(id)s order by id limit %(limit)s""",
    "refunds": """
        select id, provider_refund_id, tool_call_id, state, amount_minor, currency, created_at
        from refunds where order_id = %(id)s order by id limit %(limit)s""",
    "disputes": """
        select id, provider_dispute_id, charge_id, state, amount_minor, currency, created_at
        from disputes where order_id = %(id)s order by id limit %(limit)s""",
    "transfers": """
        select t.id, d.code as debit, c.code as credit, t.amount_minor, t.currency, t.kind, t.txn_id, t.source_id,
               t.happened_at, t.created_at
        from ledger_transfers t
        join ledger_accounts d on d.account_id = t.account_id and d.id = t.debit_id
        join ledger_accounts c on c.account_id = t.account_id and c.id = t.credit_id
        where t.order_id = %(id)s order by t.id limit %(limit)s""",
    "stripe_events": """
        select id, provider_event_id, type, object_id, encode(sha256(raw), 'hex') as raw_sha256,
               octet_length(raw) as size_bytes, outcome, received_at
        from stripe_events where object_id = any(%(objects)s) order by id limit %(limit)s""",
}


@dataclass(frozen=True, slots=True)
class OrderEvidence:
    """`data` is canonical: texts, whole numbers, None. The ids say where the rest of the story hangs."""

    id: UUID
    number: int
    contact_id: UUID
    checkout_id: UUID
    source_id: UUID | None
    artifact_id: UUID | None
    call_ids: tuple[UUID, ...]
    data: dict[str, Json]


async def order_evidence(tx: Tx, order_id: UUID) -> OrderEvidence:
    """What stands about an order; `NotFound`, or `Refused` with code `too_large`."""
    row = await tx.one(_ORDER, {"id": order_id})
    if row is None:
        raise NotFound("order")
    ones = {name: await tx.one(statement, row) for name, statement in _ONES.items()}
    lists: dict[str, list[Mapping[str, object]]] = {}
    for name, statement in _LISTS.items():
        objects = _objects([row, ones["checkout"] or {}, *lists.get("refunds", []), *lists.get("disputes", [])])
        lists[name] = list(await tx.all(statement, row | {"objects": objects, "limit": RECORDS_MAX + 1}))
        if len(lists[name]) > RECORDS_MAX:
            raise Refused("too_large", f"More than {RECORDS_MAX} {name} belong to this order.", status=422)
    data = _plain(row)
    data |= {name: _plain(found) if found else None for name, found in ones.items()}
    data |= {name: [_plain(one) for one in found] for name, found in lists.items()}
    calls = [one.get("tool_call_id") for one in (ones["checkout"], ones["fulfilment"], *lists["refunds"]) if one]
    return OrderEvidence(
        order_id,
        row["number"],
        row["contact_id"],
        row["checkout_id"],
        (ones["intake"] or {}).get("source_id"),
        (ones["fulfilment"] or {}).get("artifact_id"),
        tuple(one for one in calls if isinstance(one, UUID)),
        data,
    )


async def order_about(tx: Tx, subject_id: UUID) -> UUID | None:
    """The order that this is, or that this checkout led to; None for anything else."""
    found: UUID | None = await tx.value(
        "select id from orders where id = %(id)s or checkout_id = %(id)s limit 1", {"id": subject_id}
    )
    return found


def _objects(rows: list[Mapping[str, object]]) -> list[str]:
    """The ids by which Stripe knows the parts of an order."""
    names = ("payment_intent_id", "charge_id", "provider_session_id", "provider_refund_id", "provider_dispute_id")
    return sorted({str(row[name]) for row in rows for name in names if row.get(name)})


def _plain(row: Mapping[str, object]) -> dict[str, Json]:
    return {name: _value(value) for name, value in row.items()}


def _value(value: object) -> Json:
    if isinstance(value, datetime):
        return rfc3339(value)
    return str(value) if isinstance(value, UUID) else check(value)
