"""An order's story in few words: what belongs to it and how each part stands now. The packet has it whole."""

from dataclasses import dataclass
from uuid import UUID

from trinity import agency, effects, revenue, sources
from trinity.errors import NotFound
from trinity.proof.graph import work_of_order
from trinity.revenue.evidence import order_evidence
from trinity.store.database import Tx


@dataclass(frozen=True, slots=True)
class Story:
    """Runs and calls stand in the order of their ids, which is that of time."""

    order: revenue.Order
    checkout_state: str
    intake_id: UUID | None
    intake_state: str
    fulfilment_state: str
    transfers: int
    runs: tuple[agency.Run, ...]
    calls: tuple[effects.ToolCall, ...]


async def read_story(tx: Tx, order_id: UUID) -> Story:
    """The story as it stands, or `NotFound`."""
    evidence = await order_evidence(tx, order_id)
    run_ids, about, _ = await work_of_order(tx, evidence)
    order = await revenue.get_order(tx, order_id)
    checkout = await revenue.get_checkout(tx, order.checkout_id)
    owed = await revenue.get_fulfilment(tx, order_id)
    transfers = evidence.data["transfers"]
    return Story(
        order,
        checkout.state,
        evidence.source_id,
        await _release_state(tx, evidence.source_id),
        owed.state,
        len(transfers) if isinstance(transfers, list) else 0,
        tuple([await agency.get_run(tx, run_id) for run_id in run_ids]),
        tuple([await effects.get_tool_call(tx, one.id) for one in about]),
    )


async def _release_state(tx: Tx, source_id: UUID | None) -> str:
    if source_id is None:
        return "missing"
    try:
        return (await sources.get_source(tx, source_id)).release_state
    except NotFound:
        return "missing"
