"""`trinity account` and `trinity user`: administration by whoever runs the installation."""

import asyncio
import json
import os
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from uuid import UUID

import click

from trinity import accounts, agency, audit, integrations
from trinity.accounts import PERMISSIONS
from trinity.cli import settings as read_settings
from trinity.cli.local import local_database
from trinity.cli.seeds import connect_or_reconnect, named_provider, notice_server, sender_of, stripe_account
from trinity.errors import NotFound, Refused
from trinity.integrations import webhook_key
from trinity.kit.actor import Actor
from trinity.settings import Settings
from trinity.store.database import Database

PUSH_TOKEN_BYTES = 32

type Work = Callable[[Settings, Database], Awaitable[dict[str, object]]]


@click.group()
def account() -> None:
    """Accounts: create, list, connect a mailbox again, have it tell of new mail."""


@account.command("create")
@click.argument("name")
@click.option("--email", required=True, help="The owner's mail address.")
@click.option("--owner", "owner_name", required=True, help="The owner's name.")
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True, envvar="TRINITY_NEW_PASSWORD")
@click.option("--mailbox", help="A Gmail address to connect.")
@click.option("--alias", "aliases", multiple=True, help="A verified alias of the mailbox; may be repeated.")
@click.option("--refresh-token", envvar="TRINITY_REFRESH_TOKEN", help="The mailbox's OAuth refresh token.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def create_account(
    name: str,
    email: str,
    owner_name: str,
    password: str,
    mailbox: str | None,
    aliases: tuple[str, ...],
    refresh_token: str | None,
    as_json: bool,
) -> None:
    """Open an account with its first owner; connect a mailbox if one is named, Stripe and SMTP_URL if they are set."""

    async def work(settings: Settings, db: Database) -> dict[str, object]:
        new = _mailbox(settings, mailbox, name, aliases, refresh_token) if mailbox else None
        project = accounts.NewProject(name, "", None)
        found = (await stripe_account(settings, name), notice_server(settings, name, sender_of(settings, email)))
        others = tuple(one for one in found if one)
        heard = {"stripe": settings.stripe_webhook_secret} if settings.stripe_webhook_secret else {}
        first = agency.FirstAccount(name, (email, owner_name, password), new, project, others, heard)
        account_id, owner_id = await agency.open_account(db, settings, first, datetime.now(UTC))
        return {"account_id": str(account_id), "owner_id": str(owner_id)}

    _report(work, as_json)


@account.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def list_accounts(as_json: bool) -> None:
    """List the accounts of this installation."""

    async def work(_: Settings, db: Database) -> dict[str, object]:
        return {"accounts": [str(one) for one in await accounts.account_ids(db)]}

    _report(work, as_json)


@account.command("connect")
@click.option("--account", "account_id", type=click.UUID, required=True, help="The account's id.")
@click.option("--mailbox", help="A mailbox that this account has already.")
@click.option("--refresh-token", envvar="TRINITY_REFRESH_TOKEN", help="The mailbox's new OAuth refresh token.")
@click.option("--stripe", help="The Stripe account (acct_…) that STRIPE_API_KEY opens.")
@click.option("--notices", help="The address that notices come from, through SMTP_URL.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def connect_again(
    account_id: UUID,
    mailbox: str | None,
    refresh_token: str | None,
    stripe: str | None,
    notices: str | None,
    as_json: bool,
) -> None:
    """Connect a mailbox, Stripe or the server for notices again: a new credential, and ready where it was suspended.

    Stripe and the server for notices may also be connected for the first time.
    """
    if sum(1 for one in (mailbox, stripe, notices) if one) != 1:
        raise click.UsageError("Name one of --mailbox, --stripe and --notices.")

    async def work(settings: Settings, db: Database) -> dict[str, object]:
        new = await named_provider(settings, stripe, notices)
        if new is None:
            new = _mailbox(settings, mailbox or "", "", (), refresh_token)
        async with db.transaction(account_id) as tx:
            found = await connect_or_reconnect(tx, settings, new, datetime.now(UTC))
        return {"integration_id": str(found)}

    _report(work, as_json)


@account.command("push")
@click.option("--account", "account_id", type=click.UUID, required=True, help="The account's id.")
@click.option("--mailbox", "address", required=True, help="A mailbox of this account.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def push_address(account_id: UUID, address: str, as_json: bool) -> None:
    """Make the address that a Pub/Sub push subscription tells of new mail; the one before it ends. Shown this once."""

    async def work(settings: Settings, db: Database) -> dict[str, object]:
        token, now = secrets.token_urlsafe(PUSH_TOKEN_BYTES), datetime.now(UTC)
        async with db.transaction(account_id) as tx:
            boxes = await integrations.list_integrations(tx, "gmail")
            found = next((one for one in boxes if one.address == address), None)
            if found is None:
                raise NotFound("mailbox")
            await integrations.retire_webhook_secrets(tx, found.id, now)
            await integrations.add_webhook_secret(tx, webhook_key(settings), found.id, token, now)
            actor, about = Actor.system(account_id, "cli"), ("integration", found.id)
            await audit.record(tx, actor, "mailbox.push_address_made", about, now, {})
        return {"push_url": f"{settings.base_url}/webhooks/gmail/{account_id}?token={token}"}

    _report(work, as_json)


@click.group()
def user() -> None:
    """People: create, list."""


@user.command("create")
@click.option("--account", "account_id", type=click.UUID, required=True, help="The account's id.")
@click.option("--email", required=True)
@click.option("--name", required=True)
@click.option("--role", type=click.Choice(list(PERMISSIONS)), required=True)
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True, envvar="TRINITY_NEW_PASSWORD")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def create_user(account_id: UUID, email: str, name: str, role: str, password: str, as_json: bool) -> None:
    """Add a person with one role to an account."""

    async def work(_: Settings, db: Database) -> dict[str, object]:
        async with db.transaction(account_id) as tx:
            actor = Actor.system(account_id, "cli")
            made = await accounts.create_user(tx, actor, email, name, password, role, datetime.now(UTC))
        return {"user_id": str(made)}

    _report(work, as_json)


@user.command("list")
@click.option("--account", "account_id", type=click.UUID, required=True, help="The account's id.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def list_users(account_id: UUID, as_json: bool) -> None:
    """List the people of an account."""

    async def work(_: Settings, db: Database) -> dict[str, object]:
        async with db.transaction(account_id) as tx:
            found = await accounts.list_members(tx)
        return {"users": [asdict(one) | {"user_id": str(one.user_id)} for one in found]}

    _report(work, as_json)


def _mailbox(
    settings: Settings, address: str, name: str, aliases: tuple[str, ...], refresh_token: str | None
) -> integrations.NewIntegration:
    missing = [
        text
        for text, value in {
            "GMAIL_API_BASE": settings.gmail_api_base,
            "GOOGLE_TOKEN_URL": settings.google_token_url,
            "GOOGLE_CLIENT_ID": settings.google_client_id,
            "--refresh-token": refresh_token,
        }.items()
        if not value
    ]
    if missing:
        raise Refused("setting_missing", f"A mailbox needs {', '.join(missing)}.")
    endpoint = settings.gmail_api_base or ""
    credential = integrations.MailboxCredential(
        settings.google_client_id or "",
        settings.google_client_secret or "",
        refresh_token or "",
        settings.google_token_url or "",
    )
    return integrations.NewIntegration("gmail", address, name, endpoint, credential, aliases)


def _report(work: Work, as_json: bool) -> None:
    async def run() -> dict[str, object]:
        async with local_database(read_settings(), os.environ) as (settings, db):
            return await work(settings, db)

    found = asyncio.run(run())
    if as_json:
        click.echo(json.dumps(found))
        return
    for name, value in found.items():
        for line in value if isinstance(value, list) else [value]:
            click.echo(f"{name}: {line}")
