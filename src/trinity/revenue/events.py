"""What Stripe told us: events are kept raw and given to a job; what is refused at the door leaves a digest and a reason."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from trinity.errors import NotFound
from trinity.kit.ids import uuid7, uuid7_floor
from trinity.providers.stripe.webhook import Event
from trinity.revenue.following import LOST_AFTER, LOST_BATCH_MAX, stripe_event_job
from trinity.store.database import IS_TO_COME, Tx

REFUSALS_PER_HOUR_MAX = 200
"""Refusals that one account records in an hour. Beyond it nothing is written: forgeries must not fill the disk."""
REFUSALS_WINDOW = timedelta(hours=1)
DETAIL_CHARS_MAX = 300


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it was kept; `outcome` is `received` until its job is done."""

    id: UUID
    provider_event_id: str
    type: str
    object_id: str
    outcome: str
    detail: str
    happened_at: datetime
    received_at: datetime


async def receive_event(tx: Tx, event: Event, raw: bytes, now: datetime, *, detail: str = "") -> bool:
    """Keep an event and enqueue its job, in one unit of work. False for one that is kept already: repeats are normal."""
    event_id = uuid7(now)
    is_new = await tx.execute(
        """
        insert into stripe_events (account_id, id, provider_event_id, type, api_version, object_id, raw, outcome, detail,
                                   happened_at, received_at)
        values (%(a)s, %(id)s, %(event)s, %(type)s, %(version)s, %(object)s, %(raw)s, 'received', %(detail)s,
                %(happened)s, %(now)s)
        on conflict (account_id, provider_event_id) do nothing
        """,
        {
            "a": tx.account_id,
            "id": event_id,
            "event": event.id,
            "type": event.type,
            "version": event.api_version,
            "object": event.object_id,
            "raw": raw,
            "detail": detail,
            "happened": event.happened_at,
            "now": now,
        },
    )
    if is_new:
        await tx.enqueue(stripe_event_job(tx.account_id, event_id))
    return bool(is_new)


async def known_events(tx: Tx, provider_event_ids: Sequence[str]) -> set[str]:
    """Those of these events that are kept already."""
    rows = await tx.all(
        "select provider_event_id as id from stripe_events where provider_event_id = any(%(ids)s)",
        {"ids": list(provider_event_ids)},
    )
    return {row["id"] for row in rows}


async def get_event(tx: Tx, event_id: UUID) -> StoredEvent:
    """One event, or `NotFound`."""
    row = await tx.one(
        "select id, provider_event_id, type, object_id, outcome, detail, happened_at, received_at from stripe_events"
        " where id = %(id)s",
        {"id": event_id},
    )
    if row is None:
        raise NotFound("event")
    return StoredEvent(**row)


async def close_event(tx: Tx, event_id: UUID, outcome: str, detail: str, now: datetime) -> None:
    """Note what became of an event, in the unit of work that it led to."""
    await tx.execute(
        "update stripe_events set outcome = %(outcome)s, detail = %(detail)s, processed_at = %(now)s"
        " where id = %(id)s and outcome = 'received'",
        {"id": event_id, "outcome": outcome, "detail": detail[:DETAIL_CHARS_MAX], "now": now},
    )


async def give_lost_events_a_job(tx: Tx, now: datetime) -> int:
    """Enqueue again every event that waits and that no job works on: jobs are never relied on. Asks Oban's table."""
    rows = await tx.all(
        f"""
        select e.id from stripe_events e where e.outcome = 'received' and e.received_at < %(before)s
          and not exists (select from oban_jobs j where j.args->>'event_id' = e.id::text
                          and {IS_TO_COME})
        order by e.id limit %(limit)s
        """,
        {"before": now - LOST_AFTER, "limit": LOST_BATCH_MAX},
    )
    for row in rows:
        await tx.enqueue(stripe_event_job(tx.account_id, row["id"]))
    return len(rows)


async def is_account(tx: Tx) -> bool:
    """Whether the account that an address names exists at all."""
    return await tx.value("select 1 from accounts where id = %(a)s", {"a": tx.account_id}) is not None


async def record_refusal(tx: Tx, provider: str, reason: str, body: bytes, now: datetime) -> bool:
    """Note what was refused: a digest, a size and a reason, never the body. False beyond the hour's quota.

    Refusals that arrive in the same moment are counted apart and may exceed the quota by as many as there are
    connections; what matters is that there is an end.
    """
    recent = await tx.value(
        "select count(*) from (select 1 from webhook_refusals where id >= %(since)s limit %(limit)s) recent",
        {"since": uuid7_floor(now - REFUSALS_WINDOW), "limit": REFUSALS_PER_HOUR_MAX},
    )
    if recent >= REFUSALS_PER_HOUR_MAX:
        return False
    await tx.execute(
        "insert into webhook_refusals (account_id, id, provider, reason, body_sha256, size_bytes, created_at)"
        " values (%(a)s, %(id)s, %(provider)s, %(reason)s, %(sha256)s, %(size)s, %(now)s)",
        {
            "a": tx.account_id,
            "id": uuid7(now),
            "provider": provider,
            "reason": reason,
            "sha256": hashlib.sha256(body).hexdigest(),
            "size": len(body),
            "now": now,
        },
    )
    return True
