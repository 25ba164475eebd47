"""Workers that make files."""

from uuid import UUID

from trinity.store.oban_schema import stand_in_for_erlpack

stand_in_for_erlpack()

from oban import Job, worker  # noqa: E402

from trinity import accounts, agency, sources  # noqa: E402
from trinity.gateway.house import GENERAL_QUEUE  # noqa: E402
from trinity.jobs.station import general  # noqa: E402
from trinity.jobs.workers import FAILURES_TOLD_MAX, Retried  # noqa: E402


@worker(queue=GENERAL_QUEUE, cron="17 3 * * *", max_attempts=1)
class CheckFiles:
    """Every night: reads some files of every account back. Other bytes than those taken in become an incident."""

    async def process(self, job: Job) -> None:
        """One account's failure is its own."""
        house = general().house
        store = sources.open_store(house.settings)
        failures: list[Exception] = []
        for account_id in await accounts.account_ids(house.db):
            try:
                await sources.check_files(house.db, store, account_id, house.clock())
            except Exception as error:
                failures.append(error)
        if failures:
            raise ExceptionGroup("not every account's files could be read back", failures[:FAILURES_TOLD_MAX])


@worker(queue=GENERAL_QUEUE)
class Report(Retried):
    """Makes a run's newest draft into files. Again, it finds them made."""

    async def process(self, job: Job) -> None:
        """Render, keep in quarantine, note at the order."""
        house = general().house
        account_id, run_id = UUID(job.args["account_id"]), UUID(job.args["run_id"])
        store = sources.open_store(house.settings)
        async with house.db.transaction(account_id) as tx:
            await agency.report_draft(tx, store, run_id, None, house.clock())
