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
