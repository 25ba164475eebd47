"""The life of a run: (held →) queued → running → waiting (for people) → completed, failed or stopped.

Who takes both locks takes the lease's before the run's: an agent's call at the door holds its lease from the
start and reaches for the run later, and a person who stops the run must not be the victim of a deadlock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from trinity import accounts, audit, crm
from trinity.accounts import Permission
from trinity.accounts.commands import EMAIL
from trinity.agency.leases import revoke_leases
from trinity.errors import NotFound, Refused
from trinity.kit.actor import Actor
from trinity.kit.canonical import digest_hex, is_text
from trinity.kit.ids import uuid7
from trinity.store.database import Job, Tx

RUN_JOB = "trinity.jobs.workers.Run"
PACKET_JOB = "trinity.jobs.workers.RunPacket"
QUEUE = "general"
RUN_ATTEMPTS_MAX = 5
GOAL_MAX = 4_000
TEXT_MAX = 20_000
TITLE_MAX = 200
EVENTS_PER_RUN_MAX = 500
DRAFTS_PER_RUN_MAX = 50
LIVE_STATES = ("queued", "running")


@dataclass(frozen=True, slots=True)
class NewRun:
    """What an agent is asked to do, and for whom: a contact that a person named."""

    project_id: UUID
    goal: str
    contact_addr: str | None = None
    contact_name: str | None = None


async def start_run(tx: Tx, actor: Actor, new: NewRun, now: datetime) -> UUID:
    """Queue a run. Only a person with the role starts one."""
    await accounts.demand(tx, actor, Permission.RUN)
    if not 1 <= len(new.goal) <= GOAL_MAX or not is_text(new.goal):
        raise Refused("invalid_goal", f"A goal has 1 to {GOAL_MAX} characters.", status=422)
    if new.contact_addr is not None and EMAIL.fullmatch(new.contact_addr) is None:
        raise Refused("invalid_contact", "The contact's mail address is not valid.", status=422)
    if len(new.contact_name or "") > TITLE_MAX or not (new.contact_name or "").isprintable():
        raise Refused("invalid_contact", f"A name has at most {TITLE_MAX} printable characters.", status=422)
    await accounts.get_project(tx, new.project_id)
    known = await crm.find_contact(tx, new.contact_addr) if new.contact_addr else None
    run_id = uuid7(now)
    await tx.execute(
        """
        insert into runs (account_id, id, project_id, contact_id, goal, contact_addr, contact_name, state, started_by,
                          created_at)
        values (%(a)s, %(id)s, %(project)s, %(contact)s, %(goal)s, %(addr)s, %(name)s, 'queued', %(by)s, %(now)s)
        """,
        {
            "a": tx.account_id,
            "id": run_id,
            "project": new.project_id,
            "contact": known.id if known else None,
            "goal": new.goal,
            "addr": new.contact_addr,
            "name": new.contact_name or None,
            "by": UUID(actor.id),
            "now": now,
        },
    )
    await tx.enqueue(queue_job(tx, run_id))
    facts = {"goal_sha256": digest_hex(new.goal.encode())}
    await audit.record(tx, actor, "run.queued", ("run", run_id), now, facts)
    tx.notify("runs", f"project:{new.project_id}")
    return run_id


async def begin_run(tx: Tx, run_id: UUID, now: datetime) -> bool:
    """A worker takes the run up, also again after a worker died. False if there is nothing to run."""
    await revoke_leases(tx, run_id, now)
    row = await tx.one("select state, project_id from runs where id = %(id)s for update", {"id": run_id})
    if row is None or row["state"] not in LIVE_STATES:
        return False
    await tx.execute(
        "update runs set state = 'running', started_at = coalesce(started_at, %(now)s) where id = %(id)s",
        {"id": run_id, "now": now},
    )
    kind = "started" if row["state"] == "queued" else "restarted"
    await write_event(tx, run_id, kind, {}, now)
    actor = Actor.system(tx.account_id, "worker")
    await audit.record(tx, actor, f"run.{kind}", ("run", run_id), now, {})
    tx.notify("runs", f"project:{row['project_id']}")
    return True


async def finish_run(tx: Tx, run_id: UUID, state: str, outcome: str, now: datetime) -> None:
    """The runtime has ended: `completed` or `failed`; `waiting` if calls of it still wait for people."""
    assert state in ("completed", "failed")
    await revoke_leases(tx, run_id, now)
    row = await tx.one("select state from runs where id = %(id)s for update", {"id": run_id})
    if row is None or row["state"] not in LIVE_STATES:
        return
    if state == "completed" and await _has_open_calls(tx, run_id):
        state = "waiting"
    await tx.execute(
        "update runs set state = %(state)s, outcome = %(outcome)s,"
        " finished_at = case when %(state)s <> 'waiting' then %(now)s end where id = %(id)s",
        {"id": run_id, "state": state, "outcome": outcome[:TEXT_MAX], "now": now},
    )
    await write_event(tx, run_id, state, {}, now)
    if state != "waiting":
        await record_end(tx, run_id)
    actor = Actor.system(tx.account_id, "worker")
    await audit.record(tx, actor, f"run.{state}", ("run", run_id), now, {})
    tx.notify("runs")


async def settle_waiting(tx: Tx, run_id: UUID, now: datetime) -> None:
    """After a call of it ended: a waiting run without open calls is completed."""
    row = await tx.one("select state from runs where id = %(id)s for update", {"id": run_id})
    if row is None or row["state"] != "waiting" or await _has_open_calls(tx, run_id):
        return
    await tx.execute(
        "update runs set state = 'completed', finished_at = %(now)s where id = %(id)s", {"id": run_id, "now": now}
    )
    await write_event(tx, run_id, "completed", {}, now)
    await record_end(tx, run_id)
    await audit.record(tx, Actor.system(tx.account_id, "worker"), "run.completed", ("run", run_id), now, {})
    tx.notify("runs")


async def stop_run(tx: Tx, actor: Actor, run_id: UUID, now: datetime) -> None:
    """A person stops a run: its lease is gone at once, and nothing that it proposed is claimed any more."""
    await accounts.demand(tx, actor, Permission.RUN, Permission.CONTROL)
    await tx.lock_account(is_exclusive=True)
    await revoke_leases(tx, run_id, now)
    row = await tx.one("select state from runs where id = %(id)s for update", {"id": run_id})
    if row is None:
        raise NotFound("run")
    if row["state"] not in ("held", *LIVE_STATES, "waiting"):
        raise Refused("run_ended", f"This run is {row['state']} already.")
    await tx.execute(
        "update runs set state = 'stopped', finished_at = %(now)s where id = %(id)s", {"id": run_id, "now": now}
    )
    await write_event(tx, run_id, "stopped", {}, now)
    await record_end(tx, run_id)
    await audit.record(tx, actor, "run.stopped", ("run", run_id), now, {})
    tx.notify("runs")


async def record_event(tx: Tx, run_id: UUID, kind: str, body: Mapping[str, object], now: datetime) -> None:
    """A line that the agent says. Raises `Refused` with code `quota` when a run has said enough."""
    count = await tx.value("select count(*) from run_events where run_id = %(run)s", {"run": run_id})
    if count >= EVENTS_PER_RUN_MAX:
        raise Refused("quota", f"A run has at most {EVENTS_PER_RUN_MAX} events.", status=429)
    await write_event(tx, run_id, kind, body, now)


async def write_event(tx: Tx, run_id: UUID, kind: str, body: Mapping[str, object], now: datetime) -> None:
    """A line of our own. Never refused: an agent that used its quota up must still be stopped, ended and settled."""
    await tx.execute(
        "insert into run_events (account_id, id, run_id, kind, body, created_at)"
        " values (%(a)s, %(id)s, %(run)s, %(kind)s, %(body)s, %(now)s)",
        {
            "a": tx.account_id,
            "id": uuid7(now),
            "run": run_id,
            "kind": kind,
            "body": Jsonb(dict(body)),
            "now": now,
        },
    )
    tx.notify(f"run:{run_id}")


async def save_draft(tx: Tx, run_id: UUID, title: str, text: str, now: datetime) -> UUID:
    """Keep a text that the agent wrote. It has no effect; it is an agent's content, and labelled so."""
    if not 1 <= len(title) <= TITLE_MAX or not 1 <= len(text) <= TEXT_MAX or not is_text(title, text):
        raise Refused("invalid", f"A draft has a title and 1 to {TEXT_MAX} characters.", status=422)
    sha256 = digest_hex(text.encode())
    said = {"r": run_id, "title": title, "sha256": sha256}
    # An agent that begins again, because its worker died, writes the same things: they are kept once.
    earlier = await tx.value(
        "select id from drafts where run_id = %(r)s and title = %(title)s and sha256 = %(sha256)s limit 1", said
    )
    if earlier is not None:
        return UUID(str(earlier))
    if await tx.value("select count(*) from drafts where run_id = %(r)s", {"r": run_id}) >= DRAFTS_PER_RUN_MAX:
        raise Refused("quota", f"A run keeps at most {DRAFTS_PER_RUN_MAX} drafts.", status=429)
    draft_id = uuid7(now)
    await tx.execute(
        "insert into drafts (account_id, id, run_id, title, body, sha256, created_at)"
        " values (%(a)s, %(id)s, %(run)s, %(title)s, %(body)s, %(sha256)s, %(now)s)",
        {
            "a": tx.account_id,
            "id": draft_id,
            "run": run_id,
            "title": title,
            "body": text,
            "sha256": sha256,
            "now": now,
        },
    )
    await record_event(tx, run_id, "draft", {"draft_id": str(draft_id), "title": title}, now)
    return draft_id


async def keep_isolation(tx: Tx, run_id: UUID, sentence: str) -> None:
    """How the runtime's process was held, in one sentence for the page."""
    await tx.execute("update runs set isolation = %(s)s where id = %(id)s", {"s": sentence, "id": run_id})
    tx.notify(f"run:{run_id}")


async def request_artifact(tx: Tx, run_id: UUID, title: str, reason: str, now: datetime) -> None:
    """The agent asks people for a file; nothing is made by itself."""
    if not 1 <= len(title) <= TITLE_MAX or len(reason) > TEXT_MAX or not is_text(title, reason):
        raise Refused("invalid", "A request has a title and a reason.", status=422)
    await record_event(tx, run_id, "artifact_request", {"title": title, "reason": reason}, now)


def queue_job(tx: Tx, run_id: UUID) -> Job:
    """The job that runs the agent of a queued run."""
    return _job(RUN_JOB, tx, run_id)


async def record_end(tx: Tx, run_id: UUID) -> None:
    """What every end of a run asks for: its packet."""
    await tx.enqueue(_job(PACKET_JOB, tx, run_id))


def _job(worker: str, tx: Tx, run_id: UUID) -> Job:
    return Job(worker, QUEUE, {"account_id": str(tx.account_id), "run_id": str(run_id)}, None, RUN_ATTEMPTS_MAX)


async def _has_open_calls(tx: Tx, run_id: UUID) -> bool:
    found = await tx.value(
        "select 1 from tool_calls where run_id = %(run)s"
        " and state in ('proposed', 'awaiting_approval', 'ready', 'executing', 'in_doubt') limit 1",
        {"run": run_id},
    )
    return found is not None
