"""The seven properties of an effect, as pages show them: held, failed, or missing, with a sentence."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from trinity import effects
from trinity.gateway import PROPERTIES
from trinity.proof.store import latest_packet
from trinity.store.database import Tx

PACKETED = "proof-packeted"


@dataclass(frozen=True, slots=True)
class Check:
    """One property. `state` is `ok`, `failed` or `missing`; `detail` says why."""

    name: str
    state: Literal["ok", "failed", "missing"]
    detail: str


async def checks(tx: Tx, tool_call_id: UUID) -> list[Check]:
    """All seven, in order: six from the newest verification receipt, the last from the newest packet."""
    receipts = await effects.list_receipts(tx, tool_call_id)
    newest = next((one for one in reversed(receipts) if one.kind == "verification"), None)
    said = newest.facts.get("properties", {}) if newest else {}
    found = [_property(name, said.get(name)) for name in PROPERTIES if name != PACKETED]
    return [*found, await _packeted(tx, tool_call_id)]


def _property(name: str, said: dict[str, object] | None) -> Check:
    if said is None:
        return Check(name, "missing", "This was not checked yet.")
    return Check(name, "ok" if said.get("is_held") is True else "failed", str(said.get("detail", "")))


async def _packeted(tx: Tx, tool_call_id: UUID) -> Check:
    packet = await latest_packet(tx, "tool_call", tool_call_id)
    if packet is None:
        return Check(PACKETED, "missing", "No packet was exported yet.")
    if packet.verdict == "verified":
        return Check(PACKETED, "ok", "The newest packet verifies with the log key.")
    return Check(PACKETED, "failed", f"The verifier says of the newest packet: {packet.verdict}.")
