"""Conclude a review: models have looked at what an agent wrote, and either people are asked, or it ends here.

The decisions themselves are made elsewhere, with no transaction open; here their rows are read under the call's lock.
"""

from datetime import datetime
from uuid import UUID

from trinity import approvals, audit, effects, modelrouter
from trinity.errors import Reason, Refused
from trinity.gateway.endings import end
from trinity.gateway.house import House, advance_job
from trinity.gateway.operations import OPERATIONS
from trinity.kit.actor import Actor
from trinity.kit.canonical import parse_rfc3339
from trinity.kit.envelope import Envelope
from trinity.policy.content import Review, review_reasons
from trinity.store.database import Tx


async def conclude_review(house: House, account_id: UUID, call_id: UUID) -> str:
    """Let a proposed call go on, or deny it. Returns its state; `Refused` (`review_missing`) while a route said nothing.

    Safe to repeat: a call that is not `proposed` any more stays as it is.
    """
    async with house.db.transaction(account_id, barrier="review") as tx:
        row = await effects.lock_call(tx, call_id)
        now = house.clock()
        if row["state"] != "proposed":
            return str(row["state"])
        call = await effects.get_tool_call(tx, call_id)
        stored = await effects.get_envelope(tx, call_id)
        routes = OPERATIONS[call.operation].routes
        made = await modelrouter.list_decisions(tx, tool_call_id=call_id)
        reviews = [Review(one.route, one.outcome, one.input_sha256) for one in made]
        silent = [route for route in routes if route not in {one.route for one in reviews}]
        if silent:
            raise Refused("review_missing", f"No model has looked at this yet: {', '.join(silent)}.")
        if reasons := review_reasons(reviews, routes, stored.payload):
            return await _deny(tx, call_id, reasons, now)
        return await _ask(tx, stored.parsed(), now)


async def _ask(tx: Tx, envelope: Envelope, now: datetime) -> str:
    call_id = UUID(envelope.tool_call_id)
    state = "awaiting_approval" if OPERATIONS[envelope.operation].needs_approval else "ready"
    await effects.pass_review(tx, call_id, state)
    if state == "awaiting_approval":
        await approvals.open_request(tx, envelope, parse_rfc3339(envelope.expires_at), now)
    else:
        await tx.enqueue(advance_job(tx.account_id, call_id, None))
    await audit.record(tx, Actor.system(tx.account_id, "review"), "tool_call.reviewed", ("tool_call", call_id), now, {})
    return state


async def _deny(tx: Tx, call_id: UUID, reasons: list[Reason], now: datetime) -> str:
    await end(tx, call_id, "denied", reasons, now)
    facts = {"reasons": [reason.code for reason in reasons]}
    await audit.record(
        tx, Actor.system(tx.account_id, "review"), "tool_call.denied", ("tool_call", call_id), now, facts
    )
    return "denied"
