"""Posture: `live`, `draft_only`, `read_only`, `hold`, from loosest to tightest."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from trinity import accounts, audit
from trinity.accounts import Permission
from trinity.controls.models import MODES
from trinity.errors import Refused
from trinity.kit.actor import Actor
from trinity.kit.canonical import is_text
from trinity.kit.ids import uuid7
from trinity.store.database import Tx

REASON_MAX = 500


@dataclass(frozen=True, slots=True)
class Posture:
    """The newest posture of the account, who set it and why."""

    mode: str
    reason: str
    set_by: str
    created_at: datetime


async def get_posture(tx: Tx) -> Posture:
    """What counts now. An account without a posture is on hold: unknown means no."""
    row = await tx.one("select mode, reason, set_by, created_at from postures order by id desc limit 1")
    return (
        Posture(**row)
        if row
        else Posture("hold", "No posture was ever set.", "system", datetime.min.replace(tzinfo=UTC))
    )


async def begin(tx: Tx, actor: Actor, now: datetime) -> None:
    """The first posture of a new account: `live`."""
    if await tx.value("select 1 from postures limit 1") is not None:
        raise Refused("posture_set", "This account has a posture already.")
    await _insert(tx, actor, "live", "A new account.", now)


async def tighten(tx: Tx, actor: Actor, mode: str, reason: str, now: datetime) -> list[UUID]:
    """Set a tighter posture at once. Returns the ids of the calls in flight, which end or are reconciled.

    Holds the account's lock exclusively, so that every claim is either before this or sees it.
    Loosening needs an approved `extreme` action: 403 `loosening_needs_approval`.
    """
    if mode not in MODES:
        raise Refused("invalid_posture", f"No such posture: {mode}.", status=422)
    if not is_text(reason):
        raise Refused("invalid_reason", "The reason holds a character that cannot be kept.", status=422)
    if actor.kind != "system":
        await accounts.demand(tx, actor, Permission.CONTROL)
    await tx.lock_account(is_exclusive=True)
    current = await get_posture(tx)
    if MODES.index(mode) < MODES.index(current.mode):
        raise Refused("loosening_needs_approval", "Loosening a posture needs an approved action.", status=403)
    if mode != current.mode:
        # The newest row counts, and rows are in order of their ids: one that was set by a slower clock, or in
        # the same millisecond, must still come after the one that it tightens.
        now = max(now, current.created_at + timedelta(milliseconds=1))
        await _insert(tx, actor, mode, reason[:REASON_MAX], now)
    rows = await tx.all("select id from tool_calls where state = 'executing' order by id limit 500")
    return [row["id"] for row in rows]


async def _insert(tx: Tx, actor: Actor, mode: str, reason: str, now: datetime) -> None:
    await tx.execute(
        "insert into postures (account_id, id, scope, mode, reason, set_by, created_at)"
        " values (%(a)s, %(id)s, 'account', %(mode)s, %(reason)s, %(by)s, %(now)s)",
        {
            "a": tx.account_id,
            "id": uuid7(now),
            "mode": mode,
            "reason": reason,
            "by": f"{actor.kind}:{actor.id}",
            "now": now,
        },
    )
    await audit.record(tx, actor, "posture.set", ("account", tx.account_id), now, {"mode": mode})
    tx.notify("posture")
