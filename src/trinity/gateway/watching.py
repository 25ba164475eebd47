"""Asking a mailbox's provider to tell us of new mail: maintenance of our own connection, not an effect on anybody.

It needs a Permit like any write, for the mailbox's own origin and for this moment; it is repeatable, and leaves an audit
event and the time at which it ends.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from trinity import audit, integrations
from trinity.gateway.house import Rails
from trinity.kit.actor import Actor
from trinity.kit.canonical import rfc3339
from trinity.kit.ids import uuid7
from trinity.kit.permit import mint, origin_of
from trinity.providers.gmail import act

OPERATION = "gmail.watch"
WATCH_CURSOR = "watch"
"""Beside it stands when the watch ends, in RFC 3339."""
PERMIT_S = 30.0


async def renew_watch(rails: Rails, account_id: UUID, integration_id: UUID, topic: str) -> datetime:
    """Begin or renew a mailbox's watch; when it ends."""
    house, now = rails.house, rails.house.clock()
    async with house.db.transaction(account_id) as tx:
        mailbox = await integrations.get_integration(tx, integration_id)
    permit = mint(
        tool_call_id=uuid7(now),
        epoch=0,
        operation=OPERATION,
        origins=frozenset({origin_of(mailbox.endpoint)}),
        deadline=now + timedelta(seconds=PERMIT_S),
    )
    client = await rails.client(account_id, mailbox)
    until = datetime.fromtimestamp(await act.watch(client, permit, topic) / 1000, UTC)
    async with house.db.transaction(account_id) as tx:
        await integrations.move_cursor(tx, integration_id, WATCH_CURSOR, rfc3339(until), house.clock())
        subject, facts = ("integration", integration_id), {"until": rfc3339(until)}
        await audit.record(tx, Actor.system(account_id, "mail"), "mailbox.watched", subject, house.clock(), facts)
    return until
