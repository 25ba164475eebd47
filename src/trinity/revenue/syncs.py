"""A fence around "fetch the current state, then apply it": state that was fetched before another's is never applied after.

Who wants to apply an object's state first reads its number, then fetches, then applies in a unit of work that raises
the number. If somebody else has raised it meanwhile, what was fetched may be older than what was applied: fetch again.
The row's lock also makes appliers of one object wait for each other.
"""

from datetime import datetime

from trinity.kit.ids import uuid7
from trinity.store.database import Tx


async def sync_number(tx: Tx, object_id: str) -> int:
    """How often the object's state was applied; read before fetching."""
    n = await tx.value("select n from stripe_syncs where object_id = %(id)s", {"id": object_id})
    return int(n or 0)


async def raise_sync(tx: Tx, object_id: str, seen: int, now: datetime) -> bool:
    """Begin to apply what was fetched after `seen` was read. False: somebody was faster; fetch again."""
    changed = await tx.execute(
        """
        insert into stripe_syncs as s (account_id, id, object_id, n, changed_at)
        values (%(a)s, %(id)s, %(object)s, 1, %(now)s)
        on conflict (account_id, object_id) do update set n = s.n + 1, changed_at = excluded.changed_at
        where s.n = %(seen)s
        """,
        {"a": tx.account_id, "id": uuid7(now), "object": object_id, "seen": seen, "now": now},
    )
    return bool(changed)
