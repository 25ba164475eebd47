"""Keeping packets: what was exported, when, and what the verifier said about it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity.kit.ids import uuid7
from trinity.proof.graph import Kind
from trinity.store.database import Tx

TOPICS: dict[Kind, str] = {"run": "run", "tool_call": "call", "order": "order"}
"""What pages that show a packet's subject listen for."""


@dataclass(frozen=True, slots=True)
class StoredPacket:
    """One exported packet. `verdict` is the verifier's: `verified`, `self_consistent` or `failed`."""

    id: UUID
    kind: str
    subject_id: UUID
    body: bytes
    verdict: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PacketLine:
    """The newest packet of one subject, without its bytes. `label` is an order's number or a run's goal."""

    subject_id: UUID
    label: str
    verdict: str
    created_at: datetime


async def store_packet(tx: Tx, kind: Kind, subject_id: UUID, body: bytes, verdict: str, now: datetime) -> UUID:
    """Keep a packet. `body` is the whole file, as `build_packet` made it. Packets are never changed."""
    packet_id = uuid7(now)
    await tx.execute(
        "insert into packets (account_id, id, kind, subject_id, body, verdict, created_at)"
        " values (%(a)s, %(id)s, %(kind)s, %(subject)s, %(body)s, %(verdict)s, %(now)s)",
        {
            "a": tx.account_id,
            "id": packet_id,
            "kind": kind,
            "subject": subject_id,
            "body": body,
            "verdict": verdict,
            "now": now,
        },
    )
    tx.notify(f"{TOPICS[kind]}:{subject_id}", "sent")
    return packet_id


async def latest_packet(tx: Tx, kind: Kind, subject_id: UUID) -> StoredPacket | None:
    """The newest packet of an order, a run or a ToolCall, or None."""
    row = await tx.one(
        "select id, kind, subject_id, body, verdict, created_at from packets"
        " where kind = %(kind)s and subject_id = %(subject)s order by id desc limit 1",
        {"kind": kind, "subject": subject_id},
    )
    return StoredPacket(**row) if row else None


async def newest_packets(tx: Tx, kind: Kind, limit: int) -> list[PacketLine]:
    """The newest packet of each subject of a kind, the newest first."""
    rows = await tx.all(
        """
        select subject_id, label, verdict, created_at from (
            select distinct on (p.subject_id) p.subject_id, p.verdict, p.created_at,
                   coalesce('Order ' || o.number, r.goal, '') as label
            from packets p
            left join orders o on p.kind = 'order' and o.id = p.subject_id
            left join runs r on p.kind = 'run' and r.id = p.subject_id
            where p.kind = %(kind)s order by p.subject_id, p.id desc
        ) newest order by created_at desc limit %(limit)s
        """,
        {"kind": kind, "limit": limit},
    )
    return [PacketLine(**row) for row in rows]


BEHIND_MAX = 50


async def orders_behind(tx: Tx) -> list[UUID]:
    """Orders whose newest packet is older than their money, or than the packets of their runs and calls.

    Asks the tables of revenue, agency and effects: what a packet holds is on all these floors.
    """
    rows = await tx.all(
        f"""
        select o.id from orders o
        left join lateral (select max(p.created_at) as at from packets p
                           where p.kind = 'order' and p.subject_id = o.id) newest on true
        where newest.at is null
           or exists (select from revenue_events e where e.order_id = o.id and e.created_at > newest.at)
           or exists (select from ledger_transfers t where t.order_id = o.id and t.created_at > newest.at)
           or exists (select from runs r join packets p on p.kind = 'run' and p.subject_id = r.id
                      where r.order_id = o.id and p.created_at > newest.at)
           or exists (select from tool_calls c join packets p on p.kind = 'tool_call' and p.subject_id = c.id
                      where c.subject_id in (o.id, o.checkout_id) and p.created_at > newest.at)
        order by o.id desc limit {BEHIND_MAX}
        """
    )
    return [row["id"] for row in rows]
