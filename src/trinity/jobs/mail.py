"""Workers of inbound mail: reading mailboxes, and asking their provider to say when there is something to read."""

from uuid import UUID

from trinity.store.oban_schema import stand_in_for_erlpack

stand_in_for_erlpack()

from oban import Job, worker  # noqa: E402

from trinity import accounts, gateway, integrations  # noqa: E402
from trinity.gateway.house import EXECUTOR_QUEUE  # noqa: E402
from trinity.jobs.inbound import ingest, ingest_job  # noqa: E402
from trinity.jobs.station import executor  # noqa: E402
from trinity.jobs.workers import FAILURES_TOLD_MAX, Retried  # noqa: E402


async def _mailboxes() -> list[tuple[UUID, UUID]]:
    """Account and id of every mailbox that is ready."""
    db = executor().rails.house.db
    found = []
    for account_id in await accounts.account_ids(db):
        async with db.transaction(account_id) as tx:
            boxes = await integrations.list_integrations(tx, "gmail")
        found += [(account_id, one.id) for one in boxes if one.state == "ready"]
    return found


@worker(queue=EXECUTOR_QUEUE)
class Ingest(Retried):
    """Reads one mailbox: after a push, and every minute."""

    async def process(self, job: Job) -> None:
        """What was read before is known; so this may run at any time, and twice at once."""
        await ingest(executor().rails, UUID(job.args["account_id"]), UUID(job.args["integration_id"]))


@worker(queue=EXECUTOR_QUEUE, cron="* * * * *", max_attempts=1)
class Poll:
    """Every minute: a look into every mailbox, since a push may be lost or never have been asked for."""

    async def process(self, job: Job) -> None:
        """A job for each, so that a slow mailbox is its own trouble; and a watch for one that has none yet."""
        db = executor().rails.house.db
        found = await _mailboxes()
        for account_id, integration_id in found:
            async with db.transaction(account_id) as tx:
                await tx.enqueue(ingest_job(account_id, integration_id))
        await _renew([one for one in found if not await _is_watched(*one)])


@worker(queue=EXECUTOR_QUEUE, cron="17 4 * * *", max_attempts=3)
class Watch(Retried):
    """Every day, and when an executor starts: renew each mailbox's watch, where a topic is configured.

    A watch ends after a week.
    """

    async def process(self, job: Job) -> None:
        """A watch that was not renewed is seen by the provider checks."""
        await _renew(await _mailboxes())


async def _renew(mailboxes: list[tuple[UUID, UUID]]) -> None:
    """One mailbox's failure is its own."""
    rails = executor().rails
    topic = rails.house.settings.gmail_topic
    if topic is None:
        return
    failures: list[Exception] = []
    for account_id, integration_id in mailboxes:
        try:
            await gateway.renew_watch(rails, account_id, integration_id, topic)
        except Exception as error:
            failures.append(error)
    if failures:
        raise ExceptionGroup("some watches could not be renewed", failures[:FAILURES_TOLD_MAX])


async def _is_watched(account_id: UUID, integration_id: UUID) -> bool:
    async with executor().rails.house.db.transaction(account_id) as tx:
        return await integrations.get_cursor(tx, integration_id, gateway.WATCH_CURSOR) is not None
