"""Workers of runs and models: what follows from a payment and from a person's word about a text."""

from uuid import UUID

from trinity.store.oban_schema import stand_in_for_erlpack

stand_in_for_erlpack()

from oban import Job, worker  # noqa: E402

from trinity import agency  # noqa: E402
from trinity.gateway.house import GENERAL_QUEUE  # noqa: E402
from trinity.jobs.station import general  # noqa: E402
from trinity.jobs.workers import Retried  # noqa: E402


@worker(queue=GENERAL_QUEUE)
class OrderPaid(Retried):
    """Gives a paid order its run, once, however often it is told."""

    async def process(self, job: Job) -> None:
        """The run waits for the order's intake, or begins at once where the customer wrote nothing."""
        house = general().house
        async with house.db.transaction(UUID(job.args["account_id"]), barrier="order_run") as tx:
            await agency.start_run_of_order(tx, UUID(job.args["order_id"]), house.clock())


@worker(queue=GENERAL_QUEUE)
class SourceDecided(Retried):
    """Tells the runs that wait for a text what a person decided about it."""

    async def process(self, job: Job) -> None:
        """They begin, or end."""
        house = general().house
        async with house.db.transaction(UUID(job.args["account_id"]), barrier="source_decided") as tx:
            await agency.source_decided(tx, UUID(job.args["source_id"]), house.clock())
