"""The workers: from a job's arguments to one call of a context or of the gateway.

Jobs may run again at any time; whatever they call is safe to be called again. A worker's path in Oban's
table is `trinity.jobs.workers.NAME`, by which lower floors enqueue it without importing it.
"""

from uuid import UUID

from trinity.store.oban_schema import stand_in_for_erlpack

stand_in_for_erlpack()

from oban import Job, worker  # noqa: E402

from trinity import accounts, agency, effects, gateway  # noqa: E402
from trinity.agency.evidence import order_of_run  # noqa: E402
from trinity.gateway.house import EXECUTOR_QUEUE, GENERAL_QUEUE, advance_job  # noqa: E402
from trinity.hermes import run_runtime  # noqa: E402
from trinity.jobs.packets import ORDER_ATTEMPTS_MAX, ask_for_order, ask_for_orders_behind, export, order_of_call  # noqa: E402
from trinity.jobs.station import executor, general  # noqa: E402
from trinity.kit.barriers import reached  # noqa: E402

BACKOFF_S_MAX = 300
PARTITION_MONTHS_AHEAD = 3
LEASE_MARGIN_S = 10.0
FAILURES_TOLD_MAX = 10


class Retried:
    """What is tried again after an error of ours or of a provider's."""

    def backoff(self, job: Job) -> int:
        """Seconds to the next try: 1, 2, 4, …, at most five minutes."""
        attempt: int = job.attempt
        return int(min(2 ** max(attempt - 1, 0), BACKOFF_S_MAX))


@worker(queue=EXECUTOR_QUEUE)
class Advance(Retried):
    """Drives one ToolCall through whatever comes next."""

    async def process(self, job: Job) -> None:
        """Claim and act, or reconcile; if it is too early, a new job stands at the right moment."""
        account_id, call_id = UUID(job.args["account_id"]), UUID(job.args["tool_call_id"])
        rails = executor().rails
        later = await gateway.advance(rails, account_id, call_id)
        if later is not None:
            async with rails.house.db.transaction(account_id) as tx:
                await tx.enqueue(advance_job(account_id, call_id, later.at))


@worker(queue=EXECUTOR_QUEUE)
class Verify(Retried):
    """Compares a settled effect with the provider's own record."""

    async def process(self, job: Job) -> None:
        """Fetch, compare, write the verification receipt."""
        await gateway.verify(executor().rails, UUID(job.args["account_id"]), UUID(job.args["tool_call_id"]))


@worker(queue=GENERAL_QUEUE)
class Packet(Retried):
    """Builds the proof packets that a verified call belongs to, and checks them with the verifier itself."""

    async def process(self, job: Job) -> None:
        """One packet for the call and, where it belongs to one, one for the run; the order's follows by its own job."""
        station = general()
        account_id, call_id = UUID(job.args["account_id"]), UUID(job.args["tool_call_id"])
        async with station.house.db.transaction(account_id) as tx:
            call = await effects.get_tool_call(tx, call_id)
            if order_id := await order_of_call(tx, call):
                await ask_for_order(tx, order_id, station.house.clock())
        db, signer = station.house.db, station.signer
        await export(db, account_id, "tool_call", call_id, signer, station.house.clock())
        if call.run_id is not None:
            await export(db, account_id, "run", call.run_id, signer, station.house.clock())


@worker(queue=GENERAL_QUEUE)
class RunPacket(Retried):
    """Builds the packet of a run that has ended."""

    async def process(self, job: Job) -> None:
        """The newest packet counts; one that was built for a call of the run before is superseded."""
        station = general()
        account_id, run_id = UUID(job.args["account_id"]), UUID(job.args["run_id"])
        async with station.house.db.transaction(account_id) as tx:
            if order_id := await order_of_run(tx, run_id):
                await ask_for_order(tx, order_id, station.house.clock())
        await export(station.house.db, account_id, "run", run_id, station.signer, station.house.clock())


@worker(queue=GENERAL_QUEUE, max_attempts=ORDER_ATTEMPTS_MAX)
class OrderPacket(Retried):
    """Builds the packet of an order, as it stands now."""

    async def process(self, job: Job) -> None:
        """The newest packet counts. One of an unfinished order says what is missing, and does not verify yet."""
        station = general()
        account_id, order_id = UUID(job.args["account_id"]), UUID(job.args["order_id"])
        await export(station.house.db, account_id, "order", order_id, station.signer, station.house.clock())


@worker(queue=GENERAL_QUEUE)
class Run(Retried):
    """Runs an agent: a lease, a process, its end."""

    async def process(self, job: Job) -> None:
        """Also after a worker died with the run: the old lease ends, the agent begins again, keys stay the same."""
        station = general()
        db, clock = station.house.db, station.house.clock
        account_id, run_id = UUID(job.args["account_id"]), UUID(job.args["run_id"])
        life_s = station.house.settings.timings.run_timeout_s
        reached("run.before_start")
        async with db.transaction(account_id) as tx:
            if not await agency.begin_run(tx, run_id, clock()):
                return
            lease = await agency.grant_lease(tx, run_id, life_s + LEASE_MARGIN_S, clock())
        reached("run.after_start")
        ended = await run_runtime(
            door_url=station.door_url,
            lease=lease,
            timeout_s=life_s,
            agent_user=station.agent_user,
            workdir=station.workdir,
        )
        reached("run.before_finish")
        async with db.transaction(account_id) as tx:
            await agency.keep_isolation(tx, run_id, ended.isolation)
            await agency.finish_run(tx, run_id, "failed", f"The runtime ended with code {ended.code}.", clock())


@worker(queue=GENERAL_QUEUE, cron="* * * * *", max_attempts=1)
class Housekeeping:
    """Every minute: what time does to calls, for every account."""

    async def process(self, job: Job) -> None:
        """Keep partitions ahead of time; expire, drive on and end what is due. One account's failure is its own."""
        house = general().house
        async with house.db.transaction(None) as tx:
            await tx.execute("select trinity_ensure_partitions(%(n)s)", {"n": PARTITION_MONTHS_AHEAD})
        failures: list[Exception] = []
        for account_id in await accounts.account_ids(house.db):
            due = (gateway.expire_due, gateway.find_stuck, gateway.end_lost_runs, gateway.take_up_held_runs)
            for work in (*due, ask_for_orders_behind):
                try:
                    await work(house, account_id)
                except Exception as error:
                    failures.append(error)
        if failures:
            raise ExceptionGroup("what is due could not be done for every account", failures[:FAILURES_TOLD_MAX])
