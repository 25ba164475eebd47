"""The first account of a new home: an owner, a mailbox, a project with something to read.

Its password is random, printed at every start of `up`, and kept in a file that only its owner can read.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import httpx

from trinity import accounts, agency, integrations, revenue, sources
from trinity.cli.secrets import KEYS, write_private
from trinity.cli.seeds import notice_server
from trinity.errors import Refused
from trinity.kit.actor import Actor
from trinity.settings import Settings
from trinity.store.database import Database, Job

OWNER_EMAIL = "owner@trinity.example"
OWNER_NAME = "Robin Owner"
ACCOUNT_NAME = "Northwind Studio"
MAILBOX = "desk@northwind.example"
NOTICES_FROM = "notices@northwind.example"
ALIASES = ("hello@northwind.example",)
PASSWORD_BYTES = 12
LOGIN_FILE = "first-login.json"
SANDBOX_TIMEOUT_S = 10.0
STRIPE_ACCOUNT = "acct_sandbox"
WEBHOOK_SECRET_BYTES = 16

PROJECT_NAME = "Website care"
PROJECT_SUMMARY = (
    "Northwind Studio looks after small companies' websites: speed, accessibility, security updates and a monthly"
    " report in plain words. Clients are shops and practices with one to twenty people. A first look is free and"
    " takes three days."
)
NOTE_TITLE = "What the first look covers"
NOTE_TEXT = (
    "The first look measures loading time on a phone, lists broken links and missing text alternatives, and checks"
    " whether security updates are older than thirty days. The result is two pages, without jargon."
)
WATCH_JOB, WATCH_ATTEMPTS_MAX = "trinity.jobs.mail.Watch", 5
OFFER_TITLE = "Snapshot report"
OFFER_SUMMARY = (
    "Two pages about your website in plain words: how fast it opens on a phone, what is broken, and which three things"
    " to mend first. Written within three days, read by a person before you get it."
)
OFFER_MINOR, OFFER_CURRENCY = 4_900, "eur"


@dataclass(frozen=True, slots=True)
class FirstLogin:
    """How somebody signs in for the first time."""

    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Opened:
    """What was opened: ids, and how its owner signs in."""

    account_id: UUID
    owner_id: UUID
    login: FirstLogin


async def ensure_first_account(settings: Settings, gmail_url: str | None, now: datetime) -> FirstLogin | None:
    """Make the first account if there is none. None for a database whose first account was made elsewhere."""
    kept = settings.home / KEYS / LOGIN_FILE
    assert settings.executor_database_url is not None
    async with Database(settings.executor_database_url, size=2, name="first account") as db:
        if await accounts.account_ids(db):
            return FirstLogin(**json.loads(kept.read_text())) if kept.is_file() else None
        login = FirstLogin(OWNER_EMAIL, secrets.token_urlsafe(PASSWORD_BYTES))
        write_private(kept, json.dumps({"email": login.email, "password": login.password}))
        opened = await open_sample_account(db, settings, gmail_url, login, now)
    return opened.login


async def open_sample_account(
    db: Database, settings: Settings, gmail_url: str | None, login: FirstLogin, now: datetime, undo_window_s: int = 30
) -> Opened:
    """An account to begin with: a mailbox at the sandbox if one is in use, a project, a note that agents may read."""
    mailbox = await _mailbox(settings, gmail_url)
    stripe, smtp = _stripe(settings), _notices(settings)
    heard = {
        "stripe": f"whsec_sandbox_{secrets.token_hex(WEBHOOK_SECRET_BYTES)}",
        "gmail": secrets.token_urlsafe(WEBHOOK_SECRET_BYTES),
    }
    first = agency.FirstAccount(
        ACCOUNT_NAME,
        (login.email, OWNER_NAME, login.password),
        mailbox,
        accounts.NewProject(PROJECT_NAME, PROJECT_SUMMARY, None, undo_window_s),
        tuple(one for one in (stripe, smtp) if one),
        heard,
    )
    account_id, owner_id = await agency.open_account(db, settings, first, now)
    if stripe:
        url = f"{settings.base_url}/webhooks/stripe/{account_id}"
        await _tell(f"{settings.stripe_api_base}/_sandbox/webhook-endpoints", {"url": url, "secret": heard["stripe"]})
    if mailbox and settings.gmail_topic:
        url = f"{settings.base_url}/webhooks/gmail/{account_id}?token={heard['gmail']}"
        await _tell(f"{gmail_url}/_sandbox/topics", {"topic": settings.gmail_topic, "push_url": url})
    await _fill(db, account_id, owner_id, now)
    return Opened(account_id, owner_id, login)


async def _mailbox(settings: Settings, gmail_url: str | None) -> integrations.NewIntegration | None:
    """A mailbox of the sandbox, where one is in use; a real one is connected by `trinity account create`."""
    if gmail_url is None or settings.google_token_url is None:
        return None
    credential = integrations.MailboxCredential(
        client_id=settings.google_client_id or "",
        client_secret=settings.google_client_secret or "",
        refresh_token=f"sandbox-refresh-{secrets.token_hex(8)}",
        token_url=settings.google_token_url,
    )
    body = {
        "address": MAILBOX,
        "display_name": ACCOUNT_NAME,
        "aliases": list(ALIASES),
        "refresh_token": credential.refresh_token,
        "client_id": credential.client_id,
        "client_secret": credential.client_secret,
    }
    await _tell(f"{gmail_url}/_sandbox/mailboxes", body)
    return integrations.NewIntegration("gmail", MAILBOX, ACCOUNT_NAME, gmail_url, credential, ALIASES)


def _stripe(settings: Settings) -> integrations.NewIntegration | None:
    """The Stripe account of the sandbox, where one is in use; a real one is connected by `trinity account connect`."""
    endpoint = settings.stripe_api_base
    if endpoint is None or settings.mode_of(endpoint) != "sandbox":
        return None
    credential = integrations.StripeCredential(settings.stripe_api_key or "")
    return integrations.NewIntegration("stripe", STRIPE_ACCOUNT, ACCOUNT_NAME, endpoint, credential)


def _notices(settings: Settings) -> integrations.NewIntegration | None:
    """The server for notices, where it is the sandbox's: no account mixes sandbox and live endpoints."""
    if settings.smtp_url is None or settings.mode_of(settings.smtp_url) != "sandbox":
        return None
    return notice_server(settings, ACCOUNT_NAME, NOTICES_FROM)


async def _tell(url: str, body: Mapping[str, object]) -> None:
    """Set something up at a sandbox: whom it hears of, whom it tells."""
    async with httpx.AsyncClient(timeout=SANDBOX_TIMEOUT_S, trust_env=False) as http:
        answer = await http.post(url, json=body)
    if answer.status_code >= 300:
        raise Refused("sandbox_refused", f"The sandbox refused {url}: {answer.status_code}.")


async def _fill(db: Database, account_id: UUID, owner_id: UUID, now: datetime) -> None:
    """Something that an agent may read, and something that a stranger may buy: in the owner's name."""
    async with db.transaction(account_id) as tx:
        actor = Actor(account_id, "user", str(owner_id))
        project = (await accounts.list_projects(tx))[0]
        note = sources.NewSource(project.id, "operator", NOTE_TITLE, NOTE_TEXT)
        source_id = await sources.add_source(tx, actor, note, now)
        await sources.decide_release(tx, actor, source_id, is_released=True, now=now)
        offer = revenue.NewOffer(project.id, OFFER_TITLE, OFFER_SUMMARY, OFFER_MINOR, OFFER_CURRENCY)
        offer_id = await revenue.create_offer(tx, actor, offer, now)
        await revenue.publish_offer(tx, actor, offer_id, now)
        # Every day it comes by itself: the first watch of a mailbox begins with the mailbox.
        await tx.enqueue(Job(WATCH_JOB, "executor", {}, None, WATCH_ATTEMPTS_MAX))
