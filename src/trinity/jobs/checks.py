"""Workers that look around: whether providers are ready, and what people have not been told yet."""

from uuid import UUID

from trinity.store.oban_schema import stand_in_for_erlpack

stand_in_for_erlpack()

from oban import Job, worker  # noqa: E402

from trinity import accounts, gateway, integrations, revenue  # noqa: E402
from trinity.errors import Refused  # noqa: E402
from trinity.gateway import Rails  # noqa: E402
from trinity.gateway.house import EXECUTOR_QUEUE, GENERAL_QUEUE  # noqa: E402
from trinity.integrations import probes  # noqa: E402
from trinity.integrations.checks import CREDENTIAL, Check, Finding  # noqa: E402
from trinity.jobs.station import executor, general  # noqa: E402
from trinity.jobs.workers import FAILURES_TOLD_MAX, Retried  # noqa: E402
from trinity.providers.smtp.account import SmtpAccount  # noqa: E402
from trinity.providers.stripe.client import StripeClient  # noqa: E402

CHECKS_AT_ONCE_MAX = 200
"""Of one minute and one account; the rest is due in the next."""


@worker(queue=EXECUTOR_QUEUE, cron="* * * * *", max_attempts=1)
class CheckProviders:
    """Every minute: a job for each integration whose checks are due."""

    async def process(self, job: Job) -> None:
        """One account's failure is its own."""
        house = executor().rails.house
        failures: list[Exception] = []
        for account_id in await accounts.account_ids(house.db):
            try:
                async with house.db.transaction(account_id) as tx:
                    for one in (await integrations.due(tx, house.clock()))[:CHECKS_AT_ONCE_MAX]:
                        await integrations.ask_for_check(tx, one.id)
            except Exception as error:
                failures.append(error)
        if failures:
            raise ExceptionGroup("checks could not be begun for every account", failures[:FAILURES_TOLD_MAX])


@worker(queue=EXECUTOR_QUEUE)
class CheckIntegration(Retried):
    """Checks one integration, now."""

    async def process(self, job: Job) -> None:
        """Ask the provider, with no transaction open, and keep what it said."""
        await check(executor().rails, UUID(job.args["account_id"]), UUID(job.args["integration_id"]))


@worker(queue=GENERAL_QUEUE, cron="* * * * *", max_attempts=1)
class Notices:
    """Every minute: tell the members of each account what waits or has gone wrong, once."""

    async def process(self, job: Job) -> None:
        """One account's failure is its own."""
        house = general().house
        failures: list[Exception] = []
        for account_id in await accounts.account_ids(house.db):
            try:
                await gateway.tell_members(house, account_id)
            except Exception as error:
                failures.append(error)
        if failures:
            raise ExceptionGroup("not every account's members could be told", failures[:FAILURES_TOLD_MAX])


async def check(rails: Rails, account_id: UUID, integration_id: UUID) -> list[Finding]:
    """Check one integration and keep the findings."""
    db, clock = rails.house.db, rails.house.clock
    async with db.transaction(account_id) as tx:
        found = await integrations.get_integration(tx, integration_id)
        before = await integrations.readiness(tx, integration_id)
    try:
        findings = await _PROBES[found.provider](rails, account_id, found, before)
    except Refused as refusal:
        findings = [Finding(CREDENTIAL, "failing", refusal.message)]
    async with db.transaction(account_id) as tx:
        await integrations.record_checks(tx, integration_id, findings, clock())
    return findings


async def _gmail(rails: Rails, account_id: UUID, found: integrations.Integration, before: list[Check]) -> list[Finding]:
    client = await rails.client(account_id, found)
    async with rails.house.db.transaction(account_id) as tx:
        watch_until = await integrations.get_cursor(tx, found.id, "watch")
    return await probes.probe_gmail(client, found.aliases, watch_until, before, rails.house.clock())


async def _stripe(
    rails: Rails, account_id: UUID, found: integrations.Integration, before: list[Check]
) -> list[Finding]:
    async def known(event_ids: object) -> set[str]:
        assert isinstance(event_ids, list)
        async with rails.house.db.transaction(account_id) as tx:
            return await revenue.known_events(tx, event_ids)

    async with rails.house.db.transaction(account_id) as tx:
        credential = await integrations.open_credential(
            tx, rails.encryption_key, found.id, integrations.StripeCredential
        )
    client = StripeClient(found.endpoint, credential.api_key, rails.http, clock=rails.house.clock)
    url = f"{rails.house.settings.base_url}/webhooks/stripe/{account_id}"
    webhooks = probes.Webhooks(url, found.created_at, known)
    return await probes.probe_stripe(client, webhooks, before, rails.house.clock())


async def _smtp(rails: Rails, account_id: UUID, found: integrations.Integration, before: list[Check]) -> list[Finding]:
    async with rails.house.db.transaction(account_id) as tx:
        credential = await integrations.open_credential(tx, rails.encryption_key, found.id, integrations.SmtpCredential)
    account = SmtpAccount(credential.url, is_sandbox=rails.house.settings.mode_of(found.endpoint) == "sandbox")
    greeting = found.address.rpartition("@")[2]
    return await probes.probe_smtp(account, greeting, "@" in credential.url, before)


_PROBES = {"gmail": _gmail, "stripe": _stripe, "smtp": _smtp}
