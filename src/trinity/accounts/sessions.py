"""Sessions: a random token in a cookie, its SHA-256 in the database, a new one at every login."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from trinity import audit
from trinity.accounts.commands import EMAIL
from trinity.accounts.passwords import is_password
from trinity.errors import Refused
from trinity.kit.actor import Actor
from trinity.kit.ids import uuid7, uuid7_floor
from trinity.store.database import Database, Tx

TOKEN_BYTES = 32
TOKEN_LENGTH_MAX = 128
LIFE = timedelta(hours=12)
FAILURES_MAX = 10
FAILURE_WINDOW = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person with a live session in one account."""

    account_id: UUID
    account_name: str
    session_id: UUID
    user_id: UUID
    email: str
    name: str
    role: str
    expires_at: datetime

    @property
    def actor(self) -> Actor:
        """This person as an actor."""
        return Actor(self.account_id, "user", str(self.user_id), frozenset({self.role}))


async def sign_in(db: Database, email: str, password: str, now: datetime) -> tuple[str, SignedIn]:
    """Check a password and open a session. Returns (token, who). `Refused` says nothing about who exists."""
    refusal = Refused("bad_credentials", "The mail address or the password is wrong.", status=401)
    account_id = None
    if EMAIL.fullmatch(email):
        async with db.transaction(None) as tx:
            account_id = await tx.value("select trinity_account_of_email(%(email)s)", {"email": email.lower()})
    if account_id is None:
        await is_password(password, None)
        raise refusal
    async with db.transaction(account_id) as tx:
        row = await tx.one(
            "select id, password_hash from users where email = %(email)s and disabled_at is null",
            {"email": email.lower()},
        )
        failures = await tx.value(
            "select count(*) from audit_events where kind = 'login.refused' and subject_id = %(id)s"
            " and id >= %(since)s",
            {"id": row["id"] if row else None, "since": uuid7_floor(now - FAILURE_WINDOW)},
        )
    is_locked = failures >= FAILURES_MAX
    if await is_password(password, row["password_hash"] if row else None) and row and not is_locked:
        return await _open(db, account_id, row["id"], now)
    if row and failures <= FAILURES_MAX:
        # One more than the lock takes, to say that it holds: what is tried then neither fills the log nor
        # keeps the person out for as long as somebody tries.
        async with db.transaction(account_id) as tx:
            system = Actor.system(account_id, "web")
            await audit.record(tx, system, "login.refused", ("user", row["id"]), now, {"is_locked": is_locked})
    raise refusal


async def _open(db: Database, account_id: UUID, user_id: UUID, now: datetime) -> tuple[str, SignedIn]:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session_id = uuid7(now)
    async with db.transaction(account_id) as tx:
        await tx.execute(
            "insert into sessions (account_id, id, user_id, token_sha256, created_at, expires_at)"
            " values (%(a)s, %(id)s, %(u)s, %(hash)s, %(now)s, %(end)s)",
            {"a": account_id, "id": session_id, "u": user_id, "hash": _hash(token), "now": now, "end": now + LIFE},
        )
        actor = Actor(account_id, "user", str(user_id))
        await audit.record(tx, actor, "session.opened", ("session", session_id), now, {})
    found = await find_session(db, token, now)
    assert found is not None
    return token, found


async def find_session(db: Database, token: str, now: datetime) -> SignedIn | None:
    """Who a token stands for, or None. Membership is read each time, so that a removal counts at once."""
    if not 0 < len(token) <= TOKEN_LENGTH_MAX:
        return None
    async with db.transaction(None) as tx:
        account_id = await tx.value("select trinity_account_of_session(%(hash)s)", {"hash": _hash(token)})
    if account_id is None:
        return None
    async with db.transaction(account_id) as tx:
        row = await tx.one(
            """
            select s.account_id, a.name as account_name, s.id as session_id, u.id as user_id, u.email, u.name, m.role,
                   s.expires_at
            from sessions s join accounts a on a.id = s.account_id join users u on u.id = s.user_id
            join memberships m on m.account_id = s.account_id and m.user_id = s.user_id
            where s.token_sha256 = %(hash)s and s.revoked_at is null and s.expires_at > %(now)s
              and u.disabled_at is null
            """,
            {"hash": _hash(token), "now": now},
        )
    return SignedIn(**row) if row else None


async def sign_out(tx: Tx, who: SignedIn, now: datetime) -> None:
    """End this session; its open streams close."""
    await tx.execute("update sessions set revoked_at = %(now)s where id = %(id)s", {"now": now, "id": who.session_id})
    await audit.record(tx, who.actor, "session.closed", ("session", who.session_id), now, {})
    tx.notify(f"session:{who.session_id}")


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
