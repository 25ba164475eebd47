"""Exporting a packet: build it, let the verifier judge it, keep it, and say so where its effect is shown."""

from datetime import datetime
from uuid import UUID

from trinity import effects
from trinity.gateway import is_verified
from trinity.proof import build_packet, store_packet
from trinity.proof.graph import Kind
from trinity.proof.keys import Signer
from trinity.store.database import Database
from trinity_verify import verify


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
