"""How a call that never acted ends: with a state, a reason, and a look at the run that was waiting for it."""

from datetime import datetime
from uuid import UUID

from trinity import agency, effects
from trinity.errors import Reason
from trinity.store.database import Tx


async def end(tx: Tx, call_id: UUID, state: str, reasons: list[Reason], now: datetime) -> None:
    """Bring a call to an end; a run that waited for nothing else is completed."""
    run_id = await effects.end_call(tx, call_id, state, [reason.as_dict() for reason in reasons], now)
    if run_id:
        await agency.settle_waiting(tx, run_id, now)
