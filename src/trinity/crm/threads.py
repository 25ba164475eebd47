"""Conversations: threads of mail with a person, and their messages in both directions.

A message is kept once however often it is reported; its words are a source (inbound) or an effect's payload
(outbound), never here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from trinity.crm.commands import add_activity
from trinity.crm.models import DIRECTIONS, MESSAGE_KINDS
from trinity.errors import NotFound, Refused
from trinity.kit.canonical import is_text
from trinity.kit.ids import uuid7
from trinity.store.database import Tx

PAGE_MAX = 200
SUBJECT_MAX = 1_000
ID_CHARS_MAX = 1_000
REFERENCES_MAX = 100
_THREAD = """
    select t.id, t.project_id, t.contact_id, c.name as contact_name, c.email as contact_email, t.integration_id,
           t.provider_thread_id, t.subject, t.state, t.created_at, t.last_at,
           (select count(*) from thread_messages m where m.account_id = t.account_id and m.thread_id = t.id) as count
    from threads t left join contacts c on c.account_id = t.account_id and c.id = t.contact_id
"""
_MESSAGE = """
    select id, thread_id, direction, kind, provider_message_id, wire_message_id, reference_ids, subject, from_addr,
           from_name, source_id, tool_call_id, facts, sent_at, created_at
    from thread_messages
"""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A mail that came or went. `wire_message_id` is its Message-ID, `reference_ids` what it answers, oldest first."""

    project_id: UUID
    integration_id: UUID
    provider_thread_id: str
    provider_message_id: str
    direction: str
    wire_message_id: str
    subject: str
    from_addr: str
    sent_at: datetime
    from_name: str = ""
    kind: str = "mail"
    reference_ids: tuple[str, ...] = ()
    contact_id: UUID | None = None
    source_id: UUID | None = None
    tool_call_id: UUID | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where a message stands; `is_new` is False where it was known."""

    thread_id: UUID
    message_id: UUID
    is_new: bool


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation. `open`: they wrote and we did not answer; `waiting`: we wrote; `answered`; `closed`."""

    id: UUID
    project_id: UUID
    contact_id: UUID | None
    contact_name: str | None
    contact_email: str | None
    integration_id: UUID
    provider_thread_id: str
    subject: str
    state: str
    created_at: datetime
    last_at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Message:
    """One mail of a conversation; the subject and the names of an inbound one are a stranger's words."""

    id: UUID
    thread_id: UUID
    direction: str
    kind: str
    provider_message_id: str
    wire_message_id: str
    reference_ids: list[str]
    subject: str
    from_addr: str
    from_name: str
    source_id: UUID | None
    tool_call_id: UUID | None
    facts: dict[str, Any]
    sent_at: datetime
    created_at: datetime


async def record_message(tx: Tx, new: NewMessage, now: datetime) -> Recorded:
    """Keep a message in its thread; the thread is made by its first one. Repeating is harmless.

    What we sent goes on the person's timeline here, since it is reported from two sides: by who sent it and by the
    mailbox. What came in goes there by who takes it in, with what it turned out to be.
    """
    _check(new)
    thread_id = await _thread(tx, new, now)
    message_id = uuid7(now)
    made = await tx.execute(
        """
        insert into thread_messages (account_id, id, thread_id, direction, kind, provider_message_id, wire_message_id,
                                     reference_ids, subject, from_addr, from_name, source_id, tool_call_id, facts,
                                     sent_at, created_at)
        values (%(a)s, %(id)s, %(thread)s, %(direction)s, %(kind)s, %(provider)s, %(wire)s, %(references)s,
                %(subject)s, %(addr)s, %(name)s, %(source)s, %(call)s, %(facts)s, %(sent)s, %(now)s)
        on conflict (account_id, thread_id, provider_message_id) do nothing
        """,
        {
            "a": tx.account_id,
            "id": message_id,
            "thread": thread_id,
            "direction": new.direction,
            "kind": new.kind,
            "provider": new.provider_message_id,
            "wire": new.wire_message_id,
            "references": list(new.reference_ids),
            "subject": new.subject,
            "addr": new.from_addr,
            "name": new.from_name,
            "source": new.source_id,
            "call": new.tool_call_id,
            "facts": Jsonb(dict(new.facts)),
            "sent": new.sent_at,
            "now": now,
        },
    )
    if not made:
        known: UUID = await tx.value(
            "select id from thread_messages where thread_id = %(thread)s and provider_message_id = %(provider)s",
            {"thread": thread_id, "provider": new.provider_message_id},
        )
        return Recorded(thread_id, known, is_new=False)
    contact_id = await _move_on(tx, thread_id, new)
    tx.notify("threads", f"thread:{thread_id}", *([f"contact:{contact_id}"] if contact_id else []))
    if new.direction == "out" and contact_id:
        subject = ("tool_call", new.tool_call_id) if new.tool_call_id else ("thread", thread_id)
        await add_activity(tx, contact_id, "mail_sent", subject, {}, now)
    return Recorded(thread_id, message_id, is_new=True)


async def set_thread_state(tx: Tx, thread_id: UUID, state: str) -> None:
    """Close a thread, or say otherwise how it stands."""
    if not await tx.execute("update threads set state = %(s)s where id = %(id)s", {"s": state, "id": thread_id}):
        raise NotFound("thread")
    tx.notify("threads", f"thread:{thread_id}")


async def get_thread(tx: Tx, thread_id: UUID) -> Thread:
    """One conversation, or `NotFound`."""
    row = await tx.one(f"{_THREAD} where t.id = %(id)s", {"id": thread_id})
    if row is None:
        raise NotFound("thread")
    return Thread(**row)


async def find_thread(tx: Tx, integration_id: UUID, provider_thread_id: str) -> Thread | None:
    """The conversation that a mailbox knows by this id, or None."""
    row = await tx.one(
        f"{_THREAD} where t.integration_id = %(integration)s and t.provider_thread_id = %(thread)s",
        {"integration": integration_id, "thread": provider_thread_id},
    )
    return Thread(**row) if row else None


async def list_threads(
    tx: Tx, *, contact_id: UUID | None = None, state: str | None = None, search: str = "", limit: int = PAGE_MAX
) -> list[Thread]:
    """Conversations, the one with the newest message first. `search` is a part of the subject or of the person."""
    rows = await tx.all(
        f"""{_THREAD}
        where (%(contact)s::uuid is null or t.contact_id = %(contact)s) and (%(state)s::text is null or t.state = %(state)s)
          and (%(search)s = '' or position(lower(%(search)s) in lower(t.subject)) > 0
               or position(lower(%(search)s) in lower(coalesce(c.email, ''))) > 0
               or position(lower(%(search)s) in lower(coalesce(c.name, ''))) > 0)
        order by t.last_at desc, t.id desc limit %(limit)s""",
        {"contact": contact_id, "state": state, "search": search, "limit": min(limit, PAGE_MAX)},
    )
    return [Thread(**row) for row in rows]


async def get_message(tx: Tx, message_id: UUID) -> Message:
    """One message, or `NotFound`."""
    row = await tx.one(f"{_MESSAGE} where id = %(id)s", {"id": message_id})
    if row is None:
        raise NotFound("message")
    return Message(**row)


async def list_messages(tx: Tx, thread_id: UUID) -> list[Message]:
    """A conversation's messages, oldest first."""
    rows = await tx.all(f"{_MESSAGE} where thread_id = %(id)s order by sent_at, id limit {PAGE_MAX}", {"id": thread_id})
    return [Message(**row) for row in rows]


def _check(new: NewMessage) -> None:
    is_known = new.direction in DIRECTIONS and new.kind in MESSAGE_KINDS
    texts = (new.provider_thread_id, new.provider_message_id, new.wire_message_id, new.from_addr, *new.reference_ids)
    is_short = all(len(text) <= ID_CHARS_MAX for text in texts) and len(new.reference_ids) <= REFERENCES_MAX
    is_named = len(new.subject) <= SUBJECT_MAX and len(new.from_name) <= SUBJECT_MAX
    if not (is_known and is_short and is_named and is_text(new.subject, new.from_name, *texts)):
        raise Refused(
            "invalid_message", "A message has a direction, a kind and short, storable header fields.", status=422
        )


async def _thread(tx: Tx, new: NewMessage, now: datetime) -> UUID:
    params = {
        "a": tx.account_id,
        "id": uuid7(now),
        "project": new.project_id,
        "contact": new.contact_id,
        "integration": new.integration_id,
        "provider": new.provider_thread_id,
        "subject": new.subject,
        "state": "open" if new.direction == "in" else "waiting",
        "sent": new.sent_at,
        "now": now,
    }
    await tx.execute(
        """
        insert into threads (account_id, id, project_id, contact_id, integration_id, provider_thread_id, subject, state,
                             created_at, last_at)
        values (%(a)s, %(id)s, %(project)s, %(contact)s, %(integration)s, %(provider)s, %(subject)s, %(state)s,
                %(now)s, %(sent)s)
        on conflict (account_id, integration_id, provider_thread_id) do nothing
        """,
        params,
    )
    found: UUID = await tx.value(
        "select id from threads where integration_id = %(integration)s and provider_thread_id = %(provider)s", params
    )
    return found


async def _move_on(tx: Tx, thread_id: UUID, new: NewMessage) -> UUID | None:
    """The thread's state after a message: the newest one decides, and a machine's answer asks for nothing.

    Gives whose the thread is. What comes late (a full look at the mailbox reports old mail) changes nothing but the contact.
    """
    contact_id: UUID | None = await tx.value(
        """
        update threads t set
            contact_id = coalesce(t.contact_id, %(contact)s),
            state = case when %(sent)s < t.last_at or %(kind)s = 'auto_reply' then t.state
                         when %(direction)s = 'in' then 'open'
                         when exists (select 1 from thread_messages m where m.thread_id = t.id and m.direction = 'in')
                              then 'answered'
                         else 'waiting' end,
            last_at = greatest(t.last_at, %(sent)s)
        where t.id = %(id)s returning t.contact_id
        """,
        {
            "id": thread_id,
            "contact": new.contact_id,
            "sent": new.sent_at,
            "kind": new.kind,
            "direction": new.direction,
        },
    )
    return contact_id
