"""What a packet does not hold, in sentences: the general ones first."""

from trinity.proof.graph import CallGraph, Graph
from trinity.revenue.evidence import OrderEvidence

ALWAYS_MISSING = (
    "There is no transparency log yet: no inclusion proof and no checkpoint are in this packet.",
    "No outside witness has seen this packet: the holder of the log key could have written another history.",
    "Incidents, the agent's own reasons and its model's answers while it worked are not in this packet.",
)


def missing_of(graph: Graph) -> list[str]:
    """Sentences about what is not here."""
    found = [*ALWAYS_MISSING]
    if graph.order is not None:
        found += _of_order(graph.order)
    elif not graph.runs:
        found.append("No run belongs to this call.")
    if graph.runs:
        found.append("Sources, files, drafts and the agent's package are here by their digests only.")
        if any(run.package_sha256 is None and run.started_at for run in graph.runs):
            found.append("The digest of what the agent was told is missing.")
    for one in graph.calls:
        found += _of_call(one)
    if any(isinstance(event.facts, dict) and "private_commitment" in event.facts for event in graph.events):
        found.append("The private parts of events are here by their commitments only.")
    return found


def _of_order(order: OrderEvidence) -> list[str]:
    found = [
        "What Stripe told us is here by the digests of its events only.",
        "That a balance transaction is of this order's charge is the account's word; Stripe signs no answer.",
    ]
    if not order.data["transfers"]:
        found.append("The payment of this order is not booked yet.")
    fulfilment = order.data["fulfilment"]
    if not isinstance(fulfilment, dict) or fulfilment["state"] != "delivered":
        found.append("What was bought was not delivered yet.")
    return found


def _of_call(one: CallGraph) -> list[str]:
    found = []
    name = f"{one.call.operation} {one.call.id}"
    kinds = {receipt.kind for receipt in one.receipts}
    if any(decision.assertion is None for decision in one.decisions):
        found.append(f"A decision on {name} carries no passkey assertion: only a sandbox endpoint needs none.")
    if one.call.state in ("executing", "in_doubt"):
        found.append(f"What became of {name} is not known yet.")
    if one.call.state == "succeeded" and "provider_record" not in kinds:
        is_kept = one.call.provider != "smtp"
        why = "is missing" if is_kept else "does not exist: a mail server keeps none that could be read"
        found.append(f"The provider's own record of {name} {why}.")
    if one.call.state == "succeeded" and "verification" not in kinds:
        found.append(f"{name} was not compared with the provider's record yet.")
    return found
