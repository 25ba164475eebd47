"""Opening an account: its first owner, its posture, its mailbox, its first project, in one unit of work."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from trinity import accounts, controls, integrations
from trinity.kit.actor import Actor
from trinity.kit.ids import uuid7
from trinity.settings import Settings
from trinity.store.database import Database


@dataclass(frozen=True, slots=True)
class FirstAccount:
    """What an account begins with. `owner` is (mail address, name, password)."""

    name: str
    owner: tuple[str, str, str] = field(repr=False)
    mailbox: integrations.NewIntegration | None
    project: accounts.NewProject | None
    others: tuple[integrations.NewIntegration, ...] = ()
    webhook_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By provider: what Stripe signs its webhooks with, the token that Gmail's pushes carry."""


async def open_account(db: Database, settings: Settings, first: FirstAccount, now: datetime) -> tuple[UUID, UUID]:
    """Make all of it or nothing. Needs the executor's database role. Returns (account id, owner's user id)."""
    account_id = uuid7(now)
    actor = Actor.system(account_id, "cli")
    async with db.transaction(account_id) as tx:
        owner_id = await accounts.create_account(tx, actor, first.name, first.owner, now)
        await controls.begin(tx, actor, now)
        key, mode_of = settings.demand_encryption_key(), settings.mode_of
        mailbox_id = None
        for new in (first.mailbox, *first.others):
            if new is None:
                continue
            made = await integrations.connect(tx, key, actor, new, mode_of, now)
            mailbox_id = made if new is first.mailbox else mailbox_id
            if secret := first.webhook_secrets.get(new.provider):
                await integrations.add_webhook_secret(tx, integrations.webhook_key(settings), made, secret, now)
        if first.project:
            project = accounts.NewProject(
                first.project.name, first.project.summary, mailbox_id, first.project.undo_window_s
            )
            await accounts.create_project(tx, actor, project, now)
    return account_id, owner_id
