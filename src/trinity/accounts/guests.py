"""Guests: people of a sponsor who may look at one project, and the mail domains that they come from.

A link is made for an address of an allowed domain and leads to one project until it expires or is taken back, or its
domain is. The database has the SHA-256 of its token. See docs/adr/0015.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from trinity import audit
from trinity.accounts.permissions import Permission
from trinity.accounts.queries import demand, get_project
from trinity.errors import NotFound, Refused
from trinity.kit.actor import Actor
from trinity.kit.addresses import domain_of, normal_domain
from trinity.kit.ids import uuid7, uuid7_floor
from trinity.store.database import Database, Tx

TOKEN_BYTES = 32
TOKEN_CHARS = 43
"""The length of every token: 32 bytes in base64 without padding."""
LIFE = timedelta(days=7)
DOMAINS_MAX = 50
GUESTS_MAX = 200
PROJECTS_PER_ADDRESS_MAX = 5
LINKS_PER_ADDRESS_MAX = 3
LINKS_PER_DOMAIN_MAX = 30
"""Links to one project within the window: the form must not become a way to flood a sponsor's people with mail."""
LINKS_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SponsorDomain:
    """A mail domain, as an A-label, whose people may look at a project."""

    id: UUID
    project_id: UUID
    domain: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who asked for a link and got one."""

    id: UUID
    project_id: UUID
    email: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Invited:
    """A link that was just made; `token` is said once, to the address that it is for."""

    guest_id: UUID
    project_id: UUID
    project_name: str
    token: str
    expires_at: datetime


async def allow_domain(tx: Tx, actor: Actor, project_id: UUID, domain: str, now: datetime) -> UUID:
    """Let people of exactly this mail domain look at a project: an owner's decision. Repeating is harmless."""
    await demand(tx, actor, Permission.ADMINISTER)
    normal = normal_domain(domain)
    if normal is None:
        raise Refused("invalid_domain", "Not a mail domain, such as sponsor.example.", status=422)
    await get_project(tx, project_id)
    if len(await list_sponsor_domains(tx, project_id)) >= DOMAINS_MAX:
        raise Refused("quota", f"A project has at most {DOMAINS_MAX} sponsor domains.", status=429)
    params = {"a": tx.account_id, "id": uuid7(now), "project": project_id, "domain": normal, "now": now}
    changed = await tx.execute(
        "insert into sponsor_domains (account_id, id, project_id, domain, created_at)"
        " values (%(a)s, %(id)s, %(project)s, %(domain)s, %(now)s)"
        " on conflict (account_id, project_id, domain) do update set revoked_at = null"
        " where sponsor_domains.revoked_at is not null",
        params,
    )
    domain_id: UUID = await tx.value(
        "select id from sponsor_domains where project_id = %(project)s and domain = %(domain)s", params
    )
    if changed:
        facts = {"project_id": str(project_id), "domain": normal}
        await audit.record(tx, actor, "sponsor_domain.allowed", ("sponsor_domain", domain_id), now, facts)
        tx.notify(f"project:{project_id}")
    return domain_id


async def revoke_domain(tx: Tx, actor: Actor, project_id: UUID, domain_id: UUID, now: datetime) -> None:
    """Take a domain back; the links of its people end with it."""
    await demand(tx, actor, Permission.ADMINISTER)
    params = {"id": domain_id, "project": project_id, "now": now}
    row = await tx.one(
        "update sponsor_domains set revoked_at = coalesce(revoked_at, %(now)s)"
        " where id = %(id)s and project_id = %(project)s returning domain, revoked_at = %(now)s as is_changed",
        params,
    )
    if row is None:
        raise NotFound("sponsor domain")
    if not row["is_changed"]:
        return
    ended = await tx.execute(
        "update guests set revoked_at = %(now)s where project_id = %(project)s and revoked_at is null"
        " and split_part(email, '@', 2) = %(domain)s",
        params | {"domain": row["domain"]},
    )
    facts = {"project_id": str(project_id), "domain": row["domain"], "guests_ended": ended}
    await audit.record(tx, actor, "sponsor_domain.revoked", ("sponsor_domain", domain_id), now, facts)
    tx.notify(f"project:{project_id}")


async def revoke_guest(tx: Tx, actor: Actor, project_id: UUID, guest_id: UUID, now: datetime) -> None:
    """Take one link back."""
    await demand(tx, actor, Permission.ADMINISTER)
    params = {"id": guest_id, "project": project_id, "now": now}
    if await tx.one("select 1 from guests where id = %(id)s and project_id = %(project)s", params) is None:
        raise NotFound("guest")
    if await tx.execute("update guests set revoked_at = %(now)s where id = %(id)s and revoked_at is null", params):
        await audit.record(tx, actor, "guest.revoked", ("guest", guest_id), now, {"project_id": str(project_id)})
        tx.notify(f"project:{project_id}")


async def invite_guest(tx: Tx, actor: Actor, email: str, now: datetime) -> list[Invited]:
    """Make a link for each project that an address's domain may look at: none for any other domain.

    `email` has passed `normal_address`, so the domain is compared as A-labels, whole.
    """
    projects = await tx.all(
        f"""
        select p.id, p.name, of_address, of_domain
        from sponsor_domains d join projects p on p.account_id = d.account_id and p.id = d.project_id
        cross join lateral (
            select count(*) filter (where g.email = %(email)s) as of_address, count(*) as of_domain
            from guests g where g.account_id = p.account_id and g.project_id = p.id and g.id >= %(since)s
              and split_part(g.email, '@', 2) = d.domain
        ) recent
        where d.domain = %(domain)s and d.revoked_at is null order by p.id limit {PROJECTS_PER_ADDRESS_MAX}
        """,
        {"email": email, "domain": domain_of(email), "since": uuid7_floor(now - LINKS_WINDOW)},
    )
    return [
        await _invite(tx, actor, email, (row["id"], row["name"]), now)
        for row in projects
        if row["of_address"] < LINKS_PER_ADDRESS_MAX and row["of_domain"] < LINKS_PER_DOMAIN_MAX
    ]


async def find_guest(db: Database, account_id: UUID, token: str, now: datetime) -> Guest | None:
    """Whose link a token is, in this account, if it still holds."""
    if len(token) != TOKEN_CHARS or not token.isascii():
        return None
    params = {"hash": _hash(token), "now": now}
    async with db.transaction(None) as tx:
        if await tx.value("select trinity_account_of_guest(%(hash)s)", params) != account_id:
            return None
    async with db.transaction(account_id) as tx:
        row = await tx.one(
            """
            select g.id, g.project_id, g.email, g.created_at, g.expires_at, g.revoked_at
            from guests g join sponsor_domains d on d.account_id = g.account_id and d.project_id = g.project_id
                                                and d.domain = split_part(g.email, '@', 2) and d.revoked_at is null
            where g.token_sha256 = %(hash)s and g.revoked_at is null and g.expires_at > %(now)s
            """,
            params,
        )
    return Guest(**row) if row else None


async def get_guest(tx: Tx, guest_id: UUID) -> Guest:
    """One guest, or `NotFound`."""
    row = await tx.one(
        "select id, project_id, email, created_at, expires_at, revoked_at from guests where id = %(id)s",
        {"id": guest_id},
    )
    if row is None:
        raise NotFound("guest")
    return Guest(**row)


async def list_sponsor_domains(tx: Tx, project_id: UUID) -> list[SponsorDomain]:
    """The domains whose people may look at a project."""
    rows = await tx.all(
        "select id, project_id, domain, created_at from sponsor_domains"
        f" where project_id = %(p)s and revoked_at is null order by domain limit {DOMAINS_MAX}",
        {"p": project_id},
    )
    return [SponsorDomain(**row) for row in rows]


async def list_guests(tx: Tx, project_id: UUID) -> list[Guest]:
    """Who got a link to a project, newest first."""
    rows = await tx.all(
        "select id, project_id, email, created_at, expires_at, revoked_at from guests"
        f" where project_id = %(p)s order by id desc limit {GUESTS_MAX}",
        {"p": project_id},
    )
    return [Guest(**row) for row in rows]


async def _invite(tx: Tx, actor: Actor, email: str, project: tuple[UUID, str], now: datetime) -> Invited:
    token, guest_id, expires_at = secrets.token_urlsafe(TOKEN_BYTES), uuid7(now), now + LIFE
    await tx.execute(
        "insert into guests (account_id, id, project_id, email, token_sha256, created_at, expires_at)"
        " values (%(a)s, %(id)s, %(project)s, %(email)s, %(hash)s, %(now)s, %(end)s)",
        {
            "a": tx.account_id,
            "id": guest_id,
            "project": project[0],
            "email": email,
            "hash": _hash(token),
            "now": now,
            "end": expires_at,
        },
    )
    facts = {"project_id": str(project[0])}
    await audit.record(tx, actor, "guest.invited", ("guest", guest_id), now, facts, {"email": email})
    tx.notify(f"project:{project[0]}")
    return Invited(guest_id, project[0], project[1], token, expires_at)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
