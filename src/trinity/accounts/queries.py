"""Reading people and projects."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity.accounts.permissions import Permission, may
from trinity.errors import NotFound, Refused
from trinity.kit.actor import Actor
from trinity.store.database import Database, Tx

PAGE_MAX = 200
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")


@dataclass(frozen=True, slots=True)
class PublicAccount:
    """What anybody may know of an account: the name it goes by and its public address."""

    id: UUID
    slug: str
    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """A person in this account."""

    user_id: UUID
    email: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Project:
    """A project and the mailbox it writes from (`mailbox` is None until one is connected)."""

    id: UUID
    name: str
    summary: str
    undo_window_s: int
    integration_id: UUID | None
    mailbox: str | None
    aliases: list[str]
    created_at: datetime


_PROJECT = """
    select p.id, p.name, p.summary, p.undo_window_s, p.integration_id, i.address as mailbox,
           coalesce(i.aliases, '{}') as aliases, p.created_at
    from projects p left join integrations i on i.account_id = p.account_id and i.id = p.integration_id
"""
_MEMBER = "select u.id as user_id, u.email, u.name, m.role from memberships m join users u on u.id = m.user_id"


async def account_ids(db: Database) -> list[UUID]:
    """Every account, oldest first: for cron and start-up, which begin without one."""
    async with db.transaction(None) as tx:
        return [row["id"] for row in await tx.all("select trinity_account_ids() as id")]


async def account_of_slug(db: Database, slug: str) -> PublicAccount | None:
    """The account of a public address, or None: for visitors, who begin without one."""
    if SLUG.fullmatch(slug) is None:
        return None
    async with db.transaction(None) as tx:
        account_id = await tx.value("select trinity_account_of_slug(%(slug)s)", {"slug": slug})
    if account_id is None:
        return None
    async with db.transaction(account_id) as tx:
        return await get_public_account(tx)


async def get_public_account(tx: Tx) -> PublicAccount:
    """The account of this unit of work, as anybody may see it."""
    row = await tx.one("select id, slug, name from accounts where id = %(id)s", {"id": tx.account_id})
    if row is None:
        raise NotFound("account")
    return PublicAccount(**row)


async def get_member(tx: Tx, user_id: UUID) -> Member:
    """One member, or `NotFound`."""
    row = await tx.one(f"{_MEMBER} where m.user_id = %(id)s and u.disabled_at is null", {"id": user_id})
    if row is None:
        raise NotFound("member")
    return Member(**row)


async def demand(tx: Tx, actor: Actor, *some: Permission) -> Member:
    """The member behind an actor, if that role, read now, has one of these permissions.

    `Refused` with code `person_required` for an agent or the system, `forbidden` for a role without it.
    """
    if actor.kind != "user":
        raise Refused("person_required", "Only a person does this.", status=403)
    member = await get_member(tx, UUID(actor.id))
    if not any(may(member.role, permission) for permission in some):
        raise Refused("forbidden", f"The role {member.role} may not do this.", status=403)
    return member


async def list_members(tx: Tx) -> list[Member]:
    """Everybody in the account."""
    return [Member(**row) for row in await tx.all(f"{_MEMBER} order by u.email limit {PAGE_MAX}")]


async def list_active_members(tx: Tx, roles: Iterable[str]) -> list[Member]:
    """Those with one of these roles who may sign in."""
    rows = await tx.all(
        f"{_MEMBER} where m.role = any(%(roles)s) and u.disabled_at is null order by u.email limit {PAGE_MAX}",
        {"roles": list(roles)},
    )
    return [Member(**row) for row in rows]


async def get_project(tx: Tx, project_id: UUID) -> Project:
    """One project, or `NotFound`."""
    row = await tx.one(f"{_PROJECT} where p.id = %(id)s", {"id": project_id})
    if row is None:
        raise NotFound("project")
    return Project(**row)


async def list_projects(tx: Tx) -> list[Project]:
    """The account's projects, newest first."""
    return [Project(**row) for row in await tx.all(f"{_PROJECT} order by p.id desc limit {PAGE_MAX}")]
