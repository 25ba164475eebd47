"""Conversations as a proof packet holds them: ids and times, no subject, no name, no address."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity.store.database import Tx

THREADS_MAX, MESSAGES_MAX = 200, 1_000


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """One mail of a conversation."""

    id: UUID
    direction: str
    kind: str
    provider_message_id: str
    wire_message_id: str
    source_id: UUID | None
    tool_call_id: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ThreadRecord:
    """One conversation with its mails, in the order in which we learned of them."""

    id: UUID
    contact_id: UUID | None
    provider_thread_id: str
    created_at: datetime
    messages: tuple[MessageRecord, ...]


async def thread_records(tx: Tx, *, call_ids: list[UUID], message_ids: list[UUID]) -> list[ThreadRecord]:
    """The conversations that some calls have written in, and those of some mails, oldest first."""
    rows = await tx.all(
        f"""
        select id, contact_id, provider_thread_id, created_at from threads
        where id in (select thread_id from thread_messages
                     where tool_call_id = any(%(calls)s) or id = any(%(messages)s))
        order by id limit {THREADS_MAX}
        """,
        {"calls": call_ids, "messages": message_ids},
    )
    return [ThreadRecord(**row, messages=await _messages(tx, row["id"])) for row in rows]


async def _messages(tx: Tx, thread_id: UUID) -> tuple[MessageRecord, ...]:
    rows = await tx.all(
        f"""
        select id, direction, kind, provider_message_id, wire_message_id, source_id, tool_call_id, created_at
        from thread_messages where thread_id = %(id)s order by id limit {MESSAGES_MAX}
        """,
        {"id": thread_id},
    )
    return tuple(MessageRecord(**row) for row in rows)
