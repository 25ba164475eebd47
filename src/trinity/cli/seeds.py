"""Providers that the environment names, as integrations of a new account: Stripe, and the server for notices."""

from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

import httpx

from trinity import integrations
from trinity.errors import ProviderError, Refused
from trinity.kit.permit import origin_of
from trinity.providers.stripe.client import StripeClient
from trinity.settings import Settings

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
