"""`trinity doctor`: what is configured, reachable, missing, unsafe."""

import asyncio
import json
import sys
from dataclasses import dataclass

import click
import httpx

from trinity.cli import settings as read_settings
from trinity.errors import TrinityError
from trinity.settings import Settings
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
    return found + [await _reach(settings, name, url) for name, url in urls.items()]


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


async def _reach(settings: Settings, name: str, url: str | None) -> Finding:
    if url is None:
        return Finding(name, "missing", "not set")
    try:
        async with httpx.AsyncClient(timeout=REACH_TIMEOUT_S, trust_env=False) as http:
            await http.get(url)
    except httpx.HTTPError as error:
        return Finding(name, "unreachable", f"{url}: {type(error).__name__}")
    return Finding(name, "ok", f"{url} ({settings.mode_of(url)})")
