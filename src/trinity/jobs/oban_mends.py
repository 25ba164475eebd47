"""Two defects of Oban for Python 0.7.0, mended through its own extension points.

1. The leader's lease. `elect_leader.sql` writes its interval in quotes around a parameter; the server gets
   `'$3 seconds'` and reads three seconds, whatever was asked for, while the leader renews only every half
   interval. So there are two leaders most of the time, and a cron minute is inserted twice.
2. The rescue. `rescue_jobs.sql` takes every job for an orphan that has run longer than `rescue_after`, also
   while it runs: it is then run twice at once. Here a job is an orphan when the producer that took it has
   stopped refreshing its row.

Each has a test that shows the defect without the mend. Look again at every new version of Oban: the locks pin it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from trinity.store.oban_schema import stand_in_for_erlpack

if TYPE_CHECKING:
    from oban._leader import Leader
    from oban._notifier import Notifier
    from oban._query import Query

LEADER_INTERVAL_S = 10.0
"""How long a lease holds; it is renewed at half of it, and a dead leader's successor waits this long at most."""
LEADER_INTERVAL_MIN_S = 1.0
PRODUCER_SILENCE_S = 60.0
"""A producer that refreshed its row this long ago is still alive. Oban's refresher does so every 15 s."""

ELECT = sql.SQL("""
    insert into {leaders} (name, node, elected_at, expires_at)
    values (%(name)s, %(node)s, timezone('UTC', now()),
            timezone('UTC', now()) + make_interval(secs => %(lease_s)s))
    on conflict (name) do update
        set node = excluded.node, expires_at = excluded.expires_at,
            elected_at = case when {leaders}.node = excluded.node
                              then {leaders}.elected_at else excluded.elected_at end
        where {leaders}.node = excluded.node or {leaders}.expires_at < timezone('UTC', now())
    returning node
""")

RESCUE = sql.SQL("""
    update {jobs} job
    set state = (case when attempt >= max_attempts then 'discarded' else 'available' end)::{job_state},
        discarded_at = case when attempt >= max_attempts then timezone('UTC', now()) else discarded_at end,
        meta = case when attempt >= max_attempts then meta
               else meta || jsonb_build_object('rescued', coalesce((meta ->> 'rescued')::int, 0) + 1) end
    where (state = 'available' and attempt >= max_attempts)
       or (state = 'executing'
           and attempted_at < timezone('UTC', now()) - make_interval(secs => %(rescue_after_s)s)
           and not exists (
               select from {producers} producer
               where producer.uuid::text = job.attempted_by[2]
                 and producer.updated_at > timezone('UTC', now()) - make_interval(secs => %(silence_s)s)))
""")


def install(*, leader_interval_s: float = LEADER_INTERVAL_S, producer_silence_s: float = PRODUCER_SILENCE_S) -> None:
    """Mend Oban in this process, before the first `Oban(…)` is made. Repeatable: the last call's times hold.

    `producer_silence_s` must be a few times the refresher's interval, or living producers look dead.
    """
    if leader_interval_s < LEADER_INTERVAL_MIN_S:
        raise ValueError(f"a lease of {leader_interval_s} s is shorter than {LEADER_INTERVAL_MIN_S} s")
    if producer_silence_s <= 0:
        raise ValueError("a producer's silence must be longer than nothing")
    stand_in_for_erlpack()
    from oban._extensions import put_ext

    def build_leader(config: dict[str, Any], *, name: str, node: str, notifier: "Notifier", query: "Query") -> "Leader":
        from oban._leader import Leader

        lease: Any = _Lease(query, leader_interval_s)
        return Leader(name=name, node=node, notifier=notifier, query=lease, **{**config, "interval": leader_interval_s})

    async def rescue(query: "Query", rescue_after_s: float) -> None:
        await _rescue(query, rescue_after_s, producer_silence_s)

    put_ext("leader.build", build_leader)
    put_ext("lifeline.rescue", rescue)


@dataclass(frozen=True)
class _Lease:
    """The two questions that a leader asks the database; the election is ours, the resignation Oban's."""

    query: "Query"
    lease_s: float

    async def attempt_leadership(self, name: str, node: str, _whole_seconds: int) -> bool:
        elect = ELECT.format(leaders=_table(self.query, "oban_leaders"))
        async with self.query.connection() as connection, connection.transaction():
            asked = {"name": name, "node": node, "lease_s": self.lease_s}
            return await (await connection.execute(elect, asked)).fetchone() is not None

    async def resign_leader(self, name: str, node: str) -> None:
        await self.query.resign_leader(name, node)


async def _rescue(query: "Query", rescue_after_s: float, silence_s: float) -> None:
    """Give the jobs of dead producers back to the queue, or end those that have no attempt left."""
    from oban import telemetry

    rescue = RESCUE.format(
        jobs=_table(query, "oban_jobs"),
        producers=_table(query, "oban_producers"),
        job_state=_table(query, "oban_job_state"),
    )
    with telemetry.span("oban.lifeline.rescue", {}) as context:
        async with query.connection() as connection, connection.transaction():
            times = {"rescue_after_s": rescue_after_s, "silence_s": silence_s}
            context.add({"rescued_count": (await connection.execute(rescue, times)).rowcount})


def _table(query: "Query", name: str) -> sql.Identifier:
    return sql.Identifier(query._prefix, name)
