"""Runs that nobody starts by hand: an order's work follows from a payment, an answer from a mail that arrived.

Such a run is `held` while the text it is about is quarantined: it begins when a person releases that text, and ends
when a person rejects it. Who decides about the text need not know who waits for it, so a job brings the news here.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity import accounts, audit, crm, revenue, sources
from trinity.accounts import Permission
from trinity.agency.runs import GOAL_MAX, queue_job, record_end, write_event
from trinity.errors import Refused
from trinity.kit.actor import Actor
from trinity.kit.canonical import digest_hex, is_text
from trinity.kit.ids import uuid7
from trinity.store.database import Row, Tx

ORDER_GOAL = (
    "Fulfil order #{number}: {title}. Read what the customer told us, write the report that was bought, have it made"
    " into files, and propose the mail that delivers it."
)
REPLY_GOAL = "Answer the newest message of this conversation. Stay with what it asks and what we know."
REJECTED = "A person rejected the text that this run was about."
GIVEN_BACK = ("refunded", "dispute_lost")
HELD_MAX = 200
LIVE_REPLY_STATES = ("held", "queued", "running", "waiting")


@dataclass(frozen=True, slots=True)
class OrderRun:
    """The work that a paid order asks for. `held_for_id` is the order's intake, if the customer wrote one."""

    order_id: UUID
    project_id: UUID
    contact_id: UUID
    goal: str
    held_for_id: UUID | None


async def start_order_run(tx: Tx, new: OrderRun, now: datetime) -> UUID:
    """The one run of an order, made when it is asked for the first time; the same one ever after."""
    if not 1 <= len(new.goal) <= GOAL_MAX or not is_text(new.goal):
        raise Refused("invalid_goal", f"A goal has 1 to {GOAL_MAX} characters.", status=422)
    made = await _insert(
        tx,
        {
            "kind": "acquisition",
            "project": new.project_id,
            "contact": new.contact_id,
            "order": new.order_id,
            "thread": None,
            "held_for": new.held_for_id,
            "goal": new.goal,
            "by": None,
        },
        now,
    )
    if made is not None:
        return made
    earlier = await tx.value(
        "select id from runs where order_id = %(order)s and kind = 'acquisition'", {"order": new.order_id}
    )
    return UUID(str(earlier))


async def start_run_of_order(tx: Tx, order_id: UUID, now: datetime) -> UUID | None:
    """The same, from what the order itself says: its offer is the goal, its intake is what the run waits for.

    None for an order whose money went back before the work began.
    """
    order = await revenue.get_order(tx, order_id)
    if order.state in GIVEN_BACK:
        return None
    goal = ORDER_GOAL.format(number=order.number, title=order.offer_title)[:GOAL_MAX]
    intake = await revenue.get_intake(tx, order_id)
    new = OrderRun(order_id, order.project_id, order.contact_id, goal, intake.source_id)
    run_id = await start_order_run(tx, new, now)
    await revenue.link_run(tx, order_id, run_id)
    return run_id


async def start_reply_run(tx: Tx, actor: Actor, thread_id: UUID, now: datetime) -> UUID:
    """A run that answers a conversation; the one that is at it already, if there is one.

    A person with the role starts it, or the system does. It is held until the newest message is released.
    """
    if actor.kind != "system":
        await accounts.demand(tx, actor, Permission.RUN)
    thread = await crm.get_thread(tx, thread_id)
    if thread.contact_id is None:
        raise Refused("no_contact", "Nobody is known behind this conversation, so there is nobody to answer.")
    newest_source_id = await _newest_source(tx, thread_id)
    if newest_source_id is None:
        raise Refused("nothing_to_answer", "No message of this conversation waits for an answer.")
    made = await _insert(
        tx,
        {
            "kind": "reply",
            "project": thread.project_id,
            "contact": thread.contact_id,
            "order": None,
            "thread": thread_id,
            "held_for": newest_source_id,
            "goal": REPLY_GOAL,
            "by": UUID(actor.id) if actor.kind == "user" else None,
        },
        now,
    )
    if made is not None:
        return made
    earlier = await tx.value(
        "select id from runs where thread_id = %(thread)s and kind = 'reply' and state = any(%(states)s)",
        {"thread": thread_id, "states": list(LIVE_REPLY_STATES)},
    )
    if earlier is None:
        raise Refused("busy", "Another run of this conversation has just ended; ask again.")
    return UUID(str(earlier))


async def source_decided(tx: Tx, source_id: UUID, now: datetime) -> None:
    """A person has decided about a text: the runs that waited for it begin or end. Repeatable."""
    source = await sources.hold_source(tx, source_id)
    if source.release_state == "quarantined":
        return
    held = await tx.all(
        "select id, project_id from runs where held_for_id = %(source)s and state = 'held' order by id for update",
        {"source": source_id},
    )
    for row in held:
        if source.release_state == "released":
            await _begin(tx, row, source_id, now)
        else:
            await _end(tx, row, source_id, now)


async def find_decided(tx: Tx) -> list[UUID]:
    """Texts that are decided although runs still wait for them: their job was lost."""
    rows = await tx.all(
        f"""
        select distinct s.id from runs r
        join sources s on s.account_id = r.account_id and s.id = r.held_for_id
        where r.state = 'held' and s.release_state <> 'quarantined' limit {HELD_MAX}
        """
    )
    return [row["id"] for row in rows]


async def _insert(tx: Tx, values: dict[str, object], now: datetime) -> UUID | None:
    """The new run, held or queued; None if the order or the conversation has one."""
    held_for = values["held_for"]
    state = "queued"
    if isinstance(held_for, UUID):
        decided = (await sources.hold_source(tx, held_for)).release_state
        state = {"quarantined": "held", "released": "queued"}.get(decided, "stopped")
    contact = await crm.get_contact(tx, UUID(str(values["contact"])))
    run_id = uuid7(now)
    inserted = await tx.execute(
        """
        insert into runs (account_id, id, project_id, kind, contact_id, order_id, thread_id, held_for_id, goal,
                          contact_addr, contact_name, state, outcome, started_by, created_at, finished_at)
        values (%(a)s, %(id)s, %(project)s, %(kind)s, %(contact)s, %(order)s, %(thread)s, %(held_for)s, %(goal)s,
                %(addr)s, %(name)s, %(state)s, %(outcome)s, %(by)s, %(now)s, %(finished)s)
        on conflict do nothing
        """,
        values
        | {
            "a": tx.account_id,
            "id": run_id,
            "addr": contact.email,
            "name": contact.name or None,
            "state": state,
            "outcome": REJECTED if state == "stopped" else None,
            "now": now,
            "finished": now if state == "stopped" else None,
        },
    )
    if not inserted:
        return None
    facts: dict[str, object] = {"goal_sha256": digest_hex(str(values["goal"]).encode()), "kind": values["kind"]}
    actor = Actor.system(tx.account_id, "agency")
    if values["by"]:
        actor = Actor(tx.account_id, "user", str(values["by"]))
    await audit.record(tx, actor, f"run.{state}", ("run", run_id), now, facts)
    if state != "queued":
        await write_event(tx, run_id, state, {"source_id": str(held_for)}, now)
    if state == "queued":
        await tx.enqueue(queue_job(tx, run_id))
    elif state == "stopped":
        await record_end(tx, run_id)
    tx.notify("runs", f"project:{values['project']}")
    return run_id


async def _begin(tx: Tx, row: Row, source_id: UUID, now: datetime) -> None:
    await tx.execute("update runs set state = 'queued' where id = %(id)s", {"id": row["id"]})
    await write_event(tx, row["id"], "released", {"source_id": str(source_id)}, now)
    await tx.enqueue(queue_job(tx, row["id"]))
    actor, facts = Actor.system(tx.account_id, "agency"), {"source_id": str(source_id)}
    await audit.record(tx, actor, "run.queued", ("run", row["id"]), now, facts)
    tx.notify("runs", f"project:{row['project_id']}")


async def _end(tx: Tx, row: Row, source_id: UUID, now: datetime) -> None:
    await tx.execute(
        "update runs set state = 'stopped', outcome = %(outcome)s, finished_at = %(now)s where id = %(id)s",
        {"id": row["id"], "outcome": REJECTED, "now": now},
    )
    await write_event(tx, row["id"], "rejected", {"source_id": str(source_id)}, now)
    await record_end(tx, row["id"])
    actor, facts = Actor.system(tx.account_id, "agency"), {"source_id": str(source_id)}
    await audit.record(tx, actor, "run.stopped", ("run", row["id"]), now, facts)
    tx.notify("runs", f"project:{row['project_id']}")


async def _newest_source(tx: Tx, thread_id: UUID) -> UUID | None:
    """The text of the newest mail that came from outside and that nobody rejected."""
    for message in reversed(await crm.list_messages(tx, thread_id)):
        if message.direction == "in" and message.kind == "mail" and message.source_id:
            source = await sources.get_source(tx, message.source_id)
            if source.release_state != "rejected":
                return source.id
    return None
