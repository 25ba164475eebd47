"""Where a mail belongs: which messages are known, which thread they answer, which project a stranger's mail goes to.

Only what this account keeps is asked, so that ids of another account's mails lead nowhere, however they were learnt.
"""

from collections.abc import Sequence
from uuid import UUID

from trinity.crm.threads import Thread, get_thread
from trinity.store.database import Tx

IDS_MAX = 500
SOURCES_MAX = 5_000


async def lock_mailbox(tx: Tx, integration_id: UUID) -> None:
    """Let one unit of work at a time take mail of a mailbox in, so that each message has one place."""
    key = f"mailbox/{tx.account_id}/{integration_id}"
    await tx.execute("select pg_advisory_xact_lock(hashtextextended(%(key)s, 0))", {"key": key})


async def known_messages(tx: Tx, integration_id: UUID, provider_message_ids: Sequence[str]) -> set[str]:
    """Which of these messages of a mailbox are kept already."""
    assert len(provider_message_ids) <= IDS_MAX
    rows = await tx.all(
        "select m.provider_message_id as id from thread_messages m"
        " join threads t on t.account_id = m.account_id and t.id = m.thread_id"
        f" where m.provider_message_id = any(%(ids)s) and t.integration_id = %(integration)s limit {IDS_MAX}",
        {"ids": list(provider_message_ids), "integration": integration_id},
    )
    return {row["id"] for row in rows}


async def find_by_wire_ids(tx: Tx, integration_id: UUID, wire_ids: Sequence[str]) -> Thread | None:
    """The mailbox's thread that holds one of these Message-IDs; the last named counts most."""
    found: UUID | None = await tx.value(
        "select m.thread_id from thread_messages m"
        " join threads t on t.account_id = m.account_id and t.id = m.thread_id"
        " where m.wire_message_id = any(%(ids)s) and t.integration_id = %(integration)s"
        " order by array_position(%(ids)s, m.wire_message_id) desc, m.id desc limit 1",
        {"ids": list(wire_ids)[-IDS_MAX:], "integration": integration_id},
    )
    return await get_thread(tx, found) if found else None


async def project_of(tx: Tx, integration_id: UUID, contact_id: UUID | None) -> UUID | None:
    """The project that a new conversation of a mailbox belongs to: of the person's newest deal, else the oldest one.

    Only projects of that mailbox count while there are any, since answers go out through it.
    """
    found: UUID | None = await tx.value(
        "select p.id from projects p left join deals d on d.account_id = p.account_id and d.project_id = p.id"
        " and d.contact_id = %(contact)s"
        " order by (p.integration_id is not distinct from %(integration)s) desc, d.id desc nulls last, p.id limit 1",
        {"contact": contact_id, "integration": integration_id},
    )
    return found


async def inbound_sources(tx: Tx, thread_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """The sources of what came in, by thread."""
    rows = await tx.all(
        "select thread_id, source_id from thread_messages where thread_id = any(%(ids)s) and source_id is not null"
        f" order by id desc limit {SOURCES_MAX}",
        {"ids": list(thread_ids)},
    )
    found: dict[UUID, list[UUID]] = {}
    for row in rows:
        found.setdefault(row["thread_id"], []).append(row["source_id"])
    return found
