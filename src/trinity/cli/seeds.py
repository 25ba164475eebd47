"""Providers that the environment names, as integrations of a new account: Stripe, and the server for notices."""

from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit
from uuid import UUID

import httpx

from trinity import integrations
from trinity.errors import ProviderError, Refused
from trinity.kit.actor import Actor
from trinity.kit.permit import origin_of
from trinity.providers.stripe.client import StripeClient
from trinity.settings import Settings
from trinity.store.database import Tx

STRIPE_TIMEOUT_S = 20.0


def notice_server(settings: Settings, name: str, sender: str) -> integrations.NewIntegration | None:
    """The server of `SMTP_URL`, with the address that notices come from. Its row names no user and no password."""
    if settings.smtp_url is None:
        return None
    credential = integrations.SmtpCredential(settings.smtp_url)
    return integrations.NewIntegration("smtp", sender, name, origin_of(settings.smtp_url), credential)


def sender_of(settings: Settings, owner_email: str) -> str:
    """Whom notices come from: the server's user where that is a mail address, else `notices@` the owner's domain."""
    user = unquote(urlsplit(settings.smtp_url or "").username or "")
    return user if "@" in user else f"notices@{owner_email.rpartition('@')[2]}"


async def stripe_account(settings: Settings, name: str) -> integrations.NewIntegration | None:
    """The account that `STRIPE_API_KEY` opens; Stripe itself says which one it is."""
    if settings.stripe_api_base is None or settings.stripe_api_key is None:
        return None
    async with httpx.AsyncClient(timeout=STRIPE_TIMEOUT_S, trust_env=False) as http:
        client = StripeClient(settings.stripe_api_base, settings.stripe_api_key, http, clock=lambda: datetime.now(UTC))
        try:
            address = str((await client.get("account")).data["id"])
        except (ProviderError, KeyError) as error:
            raise Refused("stripe_not_usable", f"Stripe did not say which account this is: {error}") from error
    credential = integrations.StripeCredential(settings.stripe_api_key)
    return integrations.NewIntegration("stripe", address, name, settings.stripe_api_base, credential)


async def named_provider(
    settings: Settings, stripe: str | None, notices: str | None
) -> integrations.NewIntegration | None:
    """The provider that a command names and the environment describes; None where it names neither of these."""
    found, missing = None, ""
    if stripe:
        found, missing = await stripe_account(settings, stripe), "STRIPE_API_BASE and STRIPE_API_KEY"
    elif notices:
        found, missing = notice_server(settings, notices, notices), "SMTP_URL"
    if missing and found is None:
        raise Refused("setting_missing", f"This needs {missing}.")
    if stripe and found and found.address != stripe:
        raise Refused("stripe_account_differs", f"STRIPE_API_KEY opens {found.address}, not {stripe}.")
    return found


async def connect_or_reconnect(tx: Tx, settings: Settings, new: integrations.NewIntegration, now: datetime) -> UUID:
    """Give an integration its new credential, or connect it where the account has none of that provider and address.

    A mailbox is never connected here for the first time: a project has to write from it.
    """
    key, actor = settings.demand_encryption_key(), Actor.system(tx.account_id, "cli")
    found = [one for one in await integrations.list_integrations(tx, new.provider) if one.address == new.address]
    if found and new.provider != "gmail" and found[0].endpoint != new.endpoint:
        raise Refused("endpoint_changed", f"This integration is at {found[0].endpoint}, not at {new.endpoint}.")
    if found or new.provider == "gmail":
        made = await integrations.reconnect(tx, key, actor, new.address, new.credential, now)
    else:
        made = await integrations.connect(tx, key, actor, new, settings.mode_of, now)
    if new.provider == "stripe" and settings.stripe_webhook_secret:
        seal = integrations.webhook_key(settings)
        await integrations.add_webhook_secret(tx, seal, made, settings.stripe_webhook_secret, now)
    return made
