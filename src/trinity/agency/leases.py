"""Run leases: the one secret that a runtime holds. Checked at every call of the door, and again at its commit."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from trinity.errors import Refused
from trinity.kit.actor import Actor
from trinity.kit.ids import uuid7
from trinity.store.database import Database, Tx

TOKEN_BYTES = 32
TOKEN_LENGTH_MAX = 128


@dataclass(frozen=True, slots=True)
class Leased:
    """A run whose lease is good at this moment."""

    account_id: UUID
    run_id: UUID
    project_id: UUID

    @property
    def actor(self) -> Actor:
        """The agent of this run as an actor."""
        return Actor(self.account_id, "agent", str(self.run_id))


async def grant_lease(tx: Tx, run_id: UUID, life_s: float, now: datetime) -> str:
    """A new lease of a run; earlier ones end. Returns the secret, which is nowhere stored."""
    await revoke_leases(tx, run_id, now)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    await tx.execute(
        "insert into run_leases (account_id, id, run_id, token_sha256, created_at, expires_at)"
        " values (%(a)s, %(id)s, %(run)s, %(hash)s, %(now)s, %(end)s)",
        {
            "a": tx.account_id,
            "id": uuid7(now),
            "run": run_id,
            "hash": _hash(token),
            "now": now,
            "end": now + timedelta(seconds=life_s),
        },
    )
    return token


async def revoke_leases(tx: Tx, run_id: UUID, now: datetime) -> None:
    """End every lease of a run, at once."""
    await tx.execute(
        "update run_leases set revoked_at = %(now)s where run_id = %(run)s and revoked_at is null",
        {"run": run_id, "now": now},
    )


async def account_of_lease(db: Database, token: str) -> UUID:
    """Whose lease a token is; `Refused` with code `lease_revoked` for one that never was."""
    if not 0 < len(token) <= TOKEN_LENGTH_MAX:
        raise Refused("lease_revoked", "This lease is not known.", status=401)
    async with db.transaction(None) as tx:
        account_id = await tx.value("select trinity_account_of_lease(%(hash)s)", {"hash": _hash(token)})
    if account_id is None:
        raise Refused("lease_revoked", "This lease is not known.", status=401)
    return UUID(str(account_id))


async def find_lease(tx: Tx, token: str, now: datetime) -> Leased:
    """The lease, held until this unit of work ends; `Refused` with `lease_revoked`, `lease_expired`, `run_stopped`."""
    row = await tx.one(
        """
        select l.account_id, l.run_id, r.project_id, r.state as run_state, l.expires_at, l.revoked_at
        from run_leases l join runs r on r.account_id = l.account_id and r.id = l.run_id
        where l.token_sha256 = %(hash)s for share of l
        """,
        {"hash": _hash(token)},
    )
    if row and row["run_state"] == "stopped":
        raise Refused("run_stopped", "The run was stopped.", status=401)
    if row is None or row["revoked_at"] is not None:
        raise Refused("lease_revoked", "This lease was revoked.", status=401)
    if now >= row["expires_at"]:
        raise Refused("lease_expired", "This lease has expired.", status=401)
    return Leased(row["account_id"], row["run_id"], row["project_id"])


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
