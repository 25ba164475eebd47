"""What the gateway's verbs are handed: the house for those that decide, rails for those that act."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import httpx

from trinity.gateway.spent import SpentRegister
from trinity.integrations import Integration, MailboxCredential, SmtpCredential, StripeCredential, open_credential
from trinity.providers.gmail.account import GmailAccount, GmailClient
from trinity.providers.smtp.account import SmtpAccount
from trinity.providers.stripe.client import StripeClient
from trinity.settings import Settings
from trinity.store.database import Database, Job

ADVANCE_JOB = "trinity.jobs.workers.Advance"
REVIEW_JOB = "trinity.jobs.models.Review"
VERIFY_JOB = "trinity.jobs.workers.Verify"
PACKET_JOB = "trinity.jobs.workers.Packet"
EXECUTOR_QUEUE = "executor"
GENERAL_QUEUE = "general"
ATTEMPTS_MAX = 100


@dataclass(frozen=True, slots=True)
class House:
    """Database, settings and clock: enough to propose and decide, not enough to act."""

    db: Database
    settings: Settings
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Rails:
    """What only an executor has: the house, the key to credentials, a way out, and the spent register."""

    house: House
    http: httpx.AsyncClient
    spent: SpentRegister
    encryption_key: bytes = field(repr=False)

    async def client(self, account_id: UUID, mailbox: Integration) -> GmailClient:
        """A client for one mailbox, with its credential unsealed for as long as the call lasts."""
        async with self.house.db.transaction(account_id) as tx:
            credential = await open_credential(tx, self.encryption_key, mailbox.id, MailboxCredential)
        account = GmailAccount(
            api_base=mailbox.endpoint,
            token_url=credential.token_url,
            client_id=credential.client_id,
            client_secret=credential.client_secret,
            refresh_token=credential.refresh_token,
            address=mailbox.address,
        )
        return GmailClient(account, self.http, clock=self.house.clock)

    async def stripe(self, account_id: UUID, integration: Integration) -> StripeClient:
        """A client for one Stripe account, in the same way."""
        async with self.house.db.transaction(account_id) as tx:
            credential = await open_credential(tx, self.encryption_key, integration.id, StripeCredential)
        return StripeClient(integration.endpoint, credential.api_key, self.http, clock=self.house.clock)

    async def smtp(self, account_id: UUID, integration: Integration) -> SmtpAccount:
        """The way to the server that carries notices, in the same way."""
        async with self.house.db.transaction(account_id) as tx:
            credential = await open_credential(tx, self.encryption_key, integration.id, SmtpCredential)
        is_sandbox = self.house.settings.mode_of(integration.endpoint) == "sandbox"
        return SmtpAccount(credential.url, is_sandbox=is_sandbox)


def advance_job(account_id: UUID, call_id: UUID, run_at: datetime | None) -> Job:
    """The job that drives one call on."""
    return _job(ADVANCE_JOB, EXECUTOR_QUEUE, account_id, call_id, run_at)


def review_job(account_id: UUID, call_id: UUID) -> Job:
    """The job that has models look at what an agent wrote."""
    return _job(REVIEW_JOB, GENERAL_QUEUE, account_id, call_id, None)


def verify_job(account_id: UUID, call_id: UUID) -> Job:
    """The job that compares an effect with the provider's own record."""
    return _job(VERIFY_JOB, EXECUTOR_QUEUE, account_id, call_id, None)


def packet_job(account_id: UUID, call_id: UUID) -> Job:
    """The job that builds and checks the proof packet."""
    return _job(PACKET_JOB, GENERAL_QUEUE, account_id, call_id, None)


def _job(worker: str, queue: str, account_id: UUID, call_id: UUID, run_at: datetime | None) -> Job:
    args = {"account_id": str(account_id), "tool_call_id": str(call_id)}
    return Job(worker, queue, args, run_at, ATTEMPTS_MAX)
