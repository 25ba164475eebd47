"""`trinity doctor`: what is configured, reachable, missing, unsafe."""

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import httpx

from trinity.cli import settings as read_settings
from trinity.errors import Declined, ProviderError, TrinityError
from trinity.kit.permit import origin_of
from trinity.providers.smtp.account import SmtpAccount
from trinity.providers.smtp.read import greet
from trinity.settings import Settings
from trinity.sources import open_store
from trinity.store.checks import assert_safe
from trinity.store.database import Database
from trinity.store.migrate import is_current
from trinity.store.urls import APP_ROLE, url_of

REACH_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `state` is ok, missing, unreachable or unsafe."""

    name: str
    state: str
    detail: str


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def doctor(as_json: bool) -> None:
    """Say what is configured, reachable, missing, unsafe. Exit 1 unless all is well."""
    findings = asyncio.run(_examine(read_settings()))
    is_well = all(one.state == "ok" for one in findings)
    if as_json:
        rows = [{"name": one.name, "state": one.state, "detail": one.detail} for one in findings]
        click.echo(json.dumps({"ok": is_well, "findings": rows}))
    else:
        for one in findings:
            click.echo(f"{one.state:<12} {one.name:<22} {one.detail}")
    sys.exit(0 if is_well else 1)


async def _examine(settings: Settings) -> list[Finding]:
    named = {
        "TRINITY_SECRET_KEY": settings.secret_key,
        "TRINITY_ENCRYPTION_KEY": settings.encryption_key,
        "TRINITY_LOG_KEY": settings.log_key,
        "GOOGLE_CLIENT_ID": settings.google_client_id,
        "GOOGLE_CLIENT_SECRET": settings.google_client_secret,
    }
    found = [
        Finding(name, "ok" if value else "missing", "set" if value else "not set") for name, value in named.items()
    ]
    found.append(await _database(settings))
    urls = {"GMAIL_API_BASE": settings.gmail_api_base, "GOOGLE_TOKEN_URL": settings.google_token_url}
    urls |= {"NVIDIA_BASE_URL": settings.nvidia_base_url}
    urls |= {"STRIPE_API_BASE": settings.stripe_api_base}
    found += [await _reach(settings, name, url) for name, url in urls.items()]
    return [*found, await _mail_server(settings), await _artifacts(settings)]


async def _database(settings: Settings) -> Finding:
    if settings.database_url is None or settings.secret_key is None:
        return Finding("DATABASE_URL", "missing", "not set; `trinity up` brings a database of its own")
    try:
        if not await asyncio.to_thread(is_current, settings.database_url):
            return Finding("DATABASE_URL", "missing", "not migrated; run `trinity migrate`")
        async with Database(url_of(settings.database_url, APP_ROLE, settings.secret_key), size=1, name="doctor") as db:
            await assert_safe(db)
    except TrinityError as error:
        return Finding("DATABASE_URL", "unsafe", str(error))
    except Exception as error:
        return Finding("DATABASE_URL", "unreachable", f"{type(error).__name__}: {error}".splitlines()[0])
    return Finding("DATABASE_URL", "ok", "reachable, migrated, safe")


async def _mail_server(settings: Settings) -> Finding:
    """Whether the server for notices lets us in. Its address is shown without user and password."""
    if settings.smtp_url is None:
        return Finding("SMTP_URL", "missing", "not set; members get no notices by mail")
    origin, mode = origin_of(settings.smtp_url), settings.mode_of(settings.smtp_url)
    account = SmtpAccount(settings.smtp_url, is_sandbox=mode == "sandbox")
    try:
        async with asyncio.timeout(REACH_TIMEOUT_S):
            await greet(account, "localhost")
    except Declined as error:
        return Finding("SMTP_URL", "unsafe", f"{origin}: {error}")
    except (ProviderError, TimeoutError) as error:
        return Finding("SMTP_URL", "unreachable", f"{origin}: {error or 'no answer in time'}")
    if mode == "live" and not account.needs_tls:
        return Finding("SMTP_URL", "ok", f"{origin} ({mode}, not encrypted: it is on this machine)")
    return Finding("SMTP_URL", "ok", f"{origin} ({mode})")


async def _artifacts(settings: Settings) -> Finding:
    """Whether the place for files works, by writing a small object and reading it back, and is nobody else's."""
    parts = urlsplit(settings.artifacts_url)
    place = Path(unquote(parts.path))
    try:
        await open_store(settings).probe()
    except TrinityError as error:
        return Finding("ARTIFACTS_URL", "unreachable", str(error))
    mode = (await asyncio.to_thread(place.stat)).st_mode if parts.scheme == "file" else 0
    if mode & 0o022:
        return Finding("ARTIFACTS_URL", "unsafe", f"others may write to {place}")
    return Finding("ARTIFACTS_URL", "ok", f"{settings.artifacts_url} (written and read back)")


async def _reach(settings: Settings, name: str, url: str | None) -> Finding:
    if url is None:
        return Finding(name, "missing", "not set")
    try:
        async with httpx.AsyncClient(timeout=REACH_TIMEOUT_S, trust_env=False) as http:
            await http.get(url)
    except httpx.HTTPError as error:
        return Finding(name, "unreachable", f"{url}: {type(error).__name__}")
    return Finding(name, "ok", f"{url} ({settings.mode_of(url)})")
