"""Making accounts, people and projects."""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.errors import UniqueViolation

from trinity import audit
from trinity.accounts.passwords import hash_password
from trinity.accounts.permissions import PERMISSIONS
from trinity.errors import NotFound, Refused
from trinity.kit.actor import Actor
from trinity.kit.canonical import is_text
from trinity.kit.ids import uuid7
from trinity.store.database import Tx

EMAIL = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII)
NAME_MAX = 120
SUMMARY_MAX = 20_000
SLUG_MAX = 40
UNDO_WINDOW_S = 30
UNDO_WINDOW_MAX_S = 3_600
OWN_MAILBOX = "select 1 from integrations where id = %(id)s"


@dataclass(frozen=True, slots=True)
class NewProject:
    """What a project starts with. `integration_id` is the mailbox it writes from."""

    name: str
    summary: str
    integration_id: UUID | None
    undo_window_s: int = UNDO_WINDOW_S


async def create_account(tx: Tx, actor: Actor, name: str, owner: tuple[str, str, str], now: datetime) -> UUID:
    """The account of this unit of work, with its first owner: (mail address, name, password). Returns the owner's id."""
    slug = await _free_slug(tx, _name(name))
    await tx.execute(
        "insert into accounts (id, name, slug, created_at) values (%(id)s, %(name)s, %(slug)s, %(now)s)",
        {"id": tx.account_id, "name": name, "slug": slug, "now": now},
    )
    await audit.record(tx, actor, "account.created", ("account", tx.account_id), now, {})
    return await create_user(tx, actor, *owner, "owner", now)


async def create_user(tx: Tx, actor: Actor, email: str, name: str, password: str, role: str, now: datetime) -> UUID:
    """A person with one role in this account."""
    if role not in PERMISSIONS:
        raise Refused("invalid_role", f"No such role: {role}.", status=422)
    if EMAIL.fullmatch(email) is None:
        raise Refused("invalid_email", "Not a mail address.", status=422)
    user_id = uuid7(now)
    try:
        await tx.execute(
            "insert into users (id, email, name, password_hash, created_at)"
            " values (%(id)s, %(email)s, %(name)s, %(hash)s, %(now)s)",
            {
                "id": user_id,
                "email": email.lower(),
                "name": _name(name),
                "hash": await hash_password(password),
                "now": now,
            },
        )
    except UniqueViolation as error:
        raise Refused("email_taken", "This mail address already has a login.") from error
    await tx.execute(
        "insert into memberships (account_id, user_id, role, created_at) values (%(a)s, %(u)s, %(r)s, %(now)s)",
        {"a": tx.account_id, "u": user_id, "r": role, "now": now},
    )
    await audit.record(tx, actor, "member.added", ("user", user_id), now, {"role": role}, {"email": email.lower()})
    return user_id


async def create_project(tx: Tx, actor: Actor, new: NewProject, now: datetime) -> UUID:
    """A project: the frame in which runs work and mails are written."""
    if len(new.summary) > SUMMARY_MAX:
        raise Refused("too_long", f"A summary has at most {SUMMARY_MAX} characters.", status=422)
    if not is_text(new.summary) or not 0 <= new.undo_window_s <= UNDO_WINDOW_MAX_S:
        raise Refused("invalid_project", f"An undo window has 0 to {UNDO_WINDOW_MAX_S} seconds.", status=422)
    if new.integration_id and await tx.value(OWN_MAILBOX, {"id": new.integration_id}) is None:
        raise NotFound("mailbox")
    project_id = uuid7(now)
    await tx.execute(
        "insert into projects (account_id, id, name, summary, undo_window_s, integration_id, created_at)"
        " values (%(a)s, %(id)s, %(name)s, %(summary)s, %(undo)s, %(integration)s, %(now)s)",
        {
            "a": tx.account_id,
            "id": project_id,
            "name": _name(new.name),
            "summary": new.summary,
            "undo": new.undo_window_s,
            "integration": new.integration_id,
            "now": now,
        },
    )
    await audit.record(tx, actor, "project.created", ("project", project_id), now, {"undo_window_s": new.undo_window_s})
    tx.notify("projects")
    return project_id


async def _free_slug(tx: Tx, name: str) -> str:
    """The part of public addresses that stands for the account: its name's letters, and an id where they are taken."""
    plain, sure = slugs_of(name, tx.account_id)
    taken = plain is None or await tx.value("select trinity_account_of_slug(%(slug)s)", {"slug": plain}) is not None
    return sure if taken or plain is None else plain


def slugs_of(name: str, account_id: UUID) -> tuple[str | None, str]:
    """The slug that a name suggests, None where it says too little, and one that is free whatever the name."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:SLUG_MAX]
    return (words if len(words) > 1 else None), f"{words or 'a'}-{account_id.hex[-8:]}"


def _name(name: str) -> str:
    if not 1 <= len(name) <= NAME_MAX or not name.isprintable():
        raise Refused("invalid_name", f"A name has 1 to {NAME_MAX} printable characters.", status=422)
    return name
