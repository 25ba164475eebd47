"""How a call that never acted ends: with a state, a reason, and a look at what was waiting for it."""

from datetime import datetime
from uuid import UUID

from trinity import agency, effects
from trinity.errors import Reason
from trinity.gateway.drivers.driver import Done
from trinity.gateway.operations import OPERATIONS
from trinity.store.database import Tx


async def end(tx: Tx, call_id: UUID, state: str, reasons: list[Reason], now: datetime) -> None:
    """Bring a call to an end; a run that waited for nothing else is completed, and the driver hears of it."""
    ended = await effects.end_call(tx, call_id, state, [reason.as_dict() for reason in reasons], now)
    if ended is None:
        return
    if operation := OPERATIONS.get(ended.operation):
        await operation.driver.ended(tx, Done(call_id, ended.operation, ended.run_id, ended.subject_id), now)
    if ended.run_id:
        await agency.settle_waiting(tx, ended.run_id, now)
