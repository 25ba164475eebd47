"""The proof room: what can be proved, newest first, and an order's story as steps that can be walked.

The desk has the properties of one effect and the packet of any kind; here is what stands around them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity import proof
from trinity.accounts import SignedIn
from trinity.gateway import House
from trinity.kit.money import spoken
from trinity.proof import Story

LIST_MAX = 50


@dataclass(frozen=True, slots=True)
class PacketRow:
    """The newest packet of an order or a run; `label` is in words of ours, for a run its goal."""

    kind: str
    id: UUID
    label: str
    verdict: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an order's story: what it is, how it stands, and the page that shows it. `depth` is its place."""

    label: str
    state: str
    detail: str
    href: str | None = None
    depth: int = 0


class ProofRoom:
    """Reads packets and stories."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def packets(self, who: SignedIn, kind: proof.Kind) -> Sequence[PacketRow]:
        """The newest packet of each order, or of each run, the newest first."""
        async with self._house.db.transaction(who.account_id) as tx:
            found = await proof.newest_packets(tx, kind, LIST_MAX)
        return [
            PacketRow(kind.replace("_", "-"), one.subject_id, one.label, one.verdict, one.created_at) for one in found
        ]

    async def steps(self, who: SignedIn, order_id: UUID) -> Sequence[Step]:
        """An order's story from the checkout to the books, each step with its state as it stands now."""
        async with self._house.db.transaction(who.account_id) as tx:
            return steps_of(await proof.read_story(tx, order_id))


def steps_of(story: Story) -> list[Step]:
    """The steps, in the order in which they follow from each other. Pure."""
    order = story.order
    paid = spoken(order.amount_minor, order.currency)
    found = [Step("Checkout", story.checkout_state, f"{order.offer_title}, {paid}")]
    found += _calls(story, run_id=None, operation="stripe.checkout_session")
    found.append(Step("Paid", order.state, f"Order {order.number}, {paid}", f"/orders/{order.id}"))
    if story.intake_id:
        found.append(Step("What the buyer wrote", story.intake_state, "Released by a person before work begins",
                          f"/sources/{story.intake_id}"))  # fmt: skip
    for run in story.runs:
        found.append(Step("Run", run.state, run.goal, f"/runs/{run.id}"))
        found += _calls(story, run_id=run.id)
    found.append(Step("Delivery", story.fulfilment_state, "The mail with the file in it"))
    found += [one for one in _calls(story, run_id=None) if one.label not in ("stripe.checkout_session",)]
    if order.refunded_minor:
        found.append(Step("Paid back", order.state, spoken(order.refunded_minor, order.currency)))
    booked = f"{story.transfers} transfer{'' if story.transfers == 1 else 's'}"
    found.append(Step("Ledger", "booked" if story.transfers else "missing", booked, "/ledger"))
    return found


def _calls(story: Story, *, run_id: UUID | None, operation: str | None = None) -> list[Step]:
    """The effects of a run, or those without one, one step deeper."""
    return [
        Step(call.operation, call.proof_state if call.state == "succeeded" else call.state, call.tier,
             f"/proof/tool-call/{call.id}", 1)
        for call in story.calls
        if call.run_id == run_id and operation in (None, call.operation)
    ]  # fmt: skip
