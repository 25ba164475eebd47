"""Workers of runs and models: what follows from a payment and from a person's word about a text."""

from uuid import UUID

from trinity.store.oban_schema import stand_in_for_erlpack

stand_in_for_erlpack()

from oban import Job, worker  # noqa: E402

from trinity import agency, gateway  # noqa: E402
from trinity.gateway.house import GENERAL_QUEUE  # noqa: E402
from trinity.jobs.reviewing import review_mail, score_text  # noqa: E402
from trinity.jobs.station import general  # noqa: E402
from trinity.jobs.workers import Retried  # noqa: E402
from trinity.store.database import Job as Enqueued  # noqa: E402

SCORE_JOB = "trinity.jobs.models.Score"
SCORE_ATTEMPTS_MAX = 6
REVIEW_ATTEMPTS_MAX = 6
"""After so many tries, each of several questions, a silent model denies what it was asked about."""


class ModelAway(Exception):
    """No model could be asked; the job is tried again later, a bounded number of times."""


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
    """Tells the runs that wait for a text what a person decided about it, and has the text rated."""

    async def process(self, job: Job) -> None:
        """They begin, or end. The rating is a job of its own, so that no run waits for a model."""
        house = general().house
        async with house.db.transaction(UUID(job.args["account_id"]), barrier="source_decided") as tx:
            await agency.source_decided(tx, UUID(job.args["source_id"]), house.clock())
            await tx.enqueue(Enqueued(SCORE_JOB, GENERAL_QUEUE, dict(job.args), None, SCORE_ATTEMPTS_MAX))


@worker(queue=GENERAL_QUEUE)
class Review(Retried):
    """Has models look at what an agent proposed, and lets the gateway conclude what follows."""

    async def process(self, job: Job) -> None:
        """A model that is away leaves the call as it is, for so many jobs; then silence denies it."""
        station = general()
        account_id, call_id = UUID(job.args["account_id"]), UUID(job.args["tool_call_id"])
        found = await review_mail(station.house.db, station.router, account_id, call_id)
        if found.is_away and job.attempt < REVIEW_ATTEMPTS_MAX:
            raise ModelAway("no model could be asked about a proposed mail")
        if found.is_open:
            await gateway.conclude_review(station.house, account_id, call_id)


@worker(queue=GENERAL_QUEUE)
class Score(Retried):
    """Has the words of somebody new rated. It is advice: where no model answers, there is none."""

    async def process(self, job: Job) -> None:
        """Ask once per text; a model that is away is asked again later."""
        station = general()
        account_id, source_id = UUID(job.args["account_id"]), UUID(job.args["source_id"])
        is_done = await score_text(station.house.db, station.router, account_id, source_id)
        if not is_done and job.attempt < SCORE_ATTEMPTS_MAX:
            raise ModelAway("no model could be asked for a rating")
