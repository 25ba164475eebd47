"""Exporting packets: build one, let the verifier judge it, keep it, and say so where its effect is shown.

An order's packet is asked for whenever something of the order may have changed, and built once for many changes: a
short wait gathers them. A round every minute finds the orders whose newest packet is behind, so that nothing rests on
a job that was asked for in time.
"""

from datetime import datetime, timedelta
from uuid import UUID

from trinity import effects
from trinity.agency.evidence import order_of_run
from trinity.gateway import House, is_verified
from trinity.gateway.house import GENERAL_QUEUE
from trinity.proof import build_packet, orders_behind, store_packet
from trinity.proof.graph import Kind
from trinity.proof.keys import Signer
from trinity.revenue.evidence import order_about
from trinity.store.database import Database, Job, Tx
from trinity_verify import verify

ORDER_JOB = "trinity.jobs.workers.OrderPacket"
ORDER_WAIT = timedelta(seconds=2)
ORDER_ATTEMPTS_MAX = 20


async def export(db: Database, account_id: UUID, kind: Kind, subject_id: UUID, signer: Signer, now: datetime) -> None:
    """Build and judge in one unit of work, so that the packet is of one moment."""
    async with db.transaction(account_id) as tx:
        packet = await build_packet(tx, kind, subject_id, signer, now)
        verdict = verify(packet, signer.verifier_key).overall
        await store_packet(tx, kind, subject_id, packet, verdict, now)
        if kind != "tool_call":
            return
        receipts = await effects.list_receipts(tx, subject_id)
        if verdict != "verified":
            await effects.set_proof_state(tx, subject_id, "degraded")
        elif is_verified(receipts):
            await effects.set_proof_state(tx, subject_id, "verified")


async def ask_for_order(tx: Tx, order_id: UUID, now: datetime) -> None:
    """An order's packet is behind: a job a moment from now, unless one waits already. One that runs does not count."""
    args = {"account_id": str(tx.account_id), "order_id": str(order_id)}
    await tx.enqueue_unless(Job(ORDER_JOB, GENERAL_QUEUE, args, now + ORDER_WAIT, ORDER_ATTEMPTS_MAX))


async def ask_for_orders_behind(house: House, account_id: UUID) -> int:
    """Orders that have changed since their newest packet get a new one, whoever forgot to ask."""
    async with house.db.transaction(account_id) as tx:
        behind = await orders_behind(tx)
        for order_id in behind:
            await ask_for_order(tx, order_id, house.clock())
    return len(behind)


async def order_of_call(tx: Tx, call: effects.ToolCall) -> UUID | None:
    """The order that a call belongs to: by what it is about, or by its run."""
    found = await order_about(tx, call.subject_id) if call.subject_id else None
    return found or (await order_of_run(tx, call.run_id) if call.run_id else None)
