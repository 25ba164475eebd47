"""Steps 5 and 15: the sequence of things, and the audit events behind every state."""

from datetime import UTC, datetime, timedelta
from typing import Any

from trinity_verify.form import at, demand, number, sha256, unbase64
from trinity_verify.judgement import is_judged
from trinity_verify.packet import Call, Packet

CLOCK_SKEW = timedelta(minutes=5)
"""How far the clocks of an installation's machines may be apart."""
ID_TOLERANCE = timedelta(milliseconds=2)
"""A UUIDv7 holds its time to the millisecond, cut or rounded."""

AFTER = {
    "tool_call.reviewed": "awaiting_approval",
    "tool_call.claimed": "executing",
    "tool_call.ready": "ready",
    "tool_call.in_doubt": "in_doubt",
    "tool_call.succeeded": "succeeded",
    "tool_call.failed": "failed",
    "tool_call.denied": "denied",
    "tool_call.expired": "expired",
    "tool_call.cancelled": "cancelled",
    "tool_call.superseded": "superseded",
    "approval.revoked": "cancelled",
}
"""The state that an event leaves a call in."""
FROM = {
    "awaiting_approval": ("proposed",),
    "executing": ("ready",),
    "ready": ("executing", "in_doubt"),
    "in_doubt": ("executing", "in_doubt"),
    "succeeded": ("executing", "in_doubt"),
    "failed": ("executing", "in_doubt"),
    "denied": ("proposed", "ready"),
    "expired": ("proposed", "awaiting_approval", "ready"),
    "cancelled": ("proposed", "awaiting_approval", "ready"),
    "superseded": ("awaiting_approval",),
}
"""The states from which a call may come to another by one of these events."""
ACTOR_KINDS = {"user", "agent", "system"}
LEASES = ("tool_call.claimed", "tool_call.reconciling")
BY_PEOPLE = ("tool_call.cancelled", "tool_call.superseded", "approval.revoked")


def sequence(packet: Packet) -> str:
    """Step 5."""
    body = packet.body
    lists = ("events", "runs", "threads", "tool_calls", "sources", "artifacts", "drafts", "model_decisions")
    timed = [(name, body[name], None if name == "tool_calls" else "created_at") for name in lists]
    timed += [("messages", thread["messages"], "created_at") for thread in body["threads"]]
    for call in packet.calls:
        timed.append(("attempts", call.data["attempts"], "started_at"))
        timed.append(("receipts", call.data["receipts"], "created_at"))
        timed.append(("decisions", (call.data["approval"] or {"decisions": []})["decisions"], "decided_at"))
    if body["order"]:
        timed += _of_order(body["order"])
    latest = at(body["exported_at"]) + CLOCK_SKEW
    for name, items, key in timed:
        found = [one["id"] for one in items]
        demand(found == sorted(set(found)), f"the {name} are not in the order of their ids")
        for one in items if key else ():
            moment = at(one[key])
            demand(abs(_time_of(one["id"]) - moment) <= ID_TOLERANCE, f"{one['id']} was not made when it says")
            demand(moment <= latest, f"{one['id']} is from after the export")
    count = sum(len(items) for _, items, _ in timed)
    return f"{number(count, 'record')} in the order of ids that carry their times"


def _of_order(order: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]], str | None]]:
    ones = [order, order["offer"], order["checkout"], order["customer"], order["intake"], order["fulfilment"]]
    found: list[tuple[str, list[dict[str, Any]], str | None]] = [("order", [one], "created_at") for one in ones if one]
    found += [(name, order[name], "created_at") for name in ("revenue_events", "transfers")]
    # A refund and a dispute say when Stripe made them; their ids say when we learned of them.
    found += [(name, order[name], None) for name in ("refunds", "disputes")]
    return [*found, ("stripe_events", order["stripe_events"], "received_at")]


def events(packet: Packet) -> str:
    """Step 15."""
    found, body = packet.events, packet.body
    subjects = {call.id: "tool_call" for call in packet.calls}
    subjects |= {one["id"]: "source" for one in body["sources"]} | {one["id"]: "run" for one in body["runs"]}
    subjects |= {one["id"]: "artifact" for one in body["artifacts"]} | {one["id"]: "thread" for one in body["threads"]}
    subjects |= {one["id"]: "model_decision" for one in body["model_decisions"]}
    if body["order"]:
        subjects |= {body["order"]["id"]: "order", body["order"]["checkout"]["id"]: "checkout"}
    strange = [event["id"] for event in found if subjects.get(event["subject_id"]) != event["subject_kind"]]
    demand(not strange, f"{number(len(strange), 'event')} about nothing that is in this packet")
    demand({event["actor_kind"] for event in found} <= ACTOR_KINDS, "an event is by an unknown kind of actor")
    for call in packet.calls:
        mine = [event for event in found if event["subject_id"] == call.id]
        _replay(packet, call, packet.about(call.id))
        _check_decided(call, [event for event in mine if event["kind"] == "approval.decided"])
        _check_claims(call, mine)
        _check_ends(packet, call, mine)
    return f"{number(len(found), 'event')} that account for {number(len(packet.calls), 'call')} with all decisions and steps"


def _replay(packet: Packet, call: Call, mine: list[dict[str, Any]]) -> None:
    """Follow the events from the proposal on: each must be possible where it stands, and lead to the state said."""
    demand(bool(mine) and mine[0]["kind"] == "tool_call.proposed", f"no event says that {call.name} was proposed")
    first, envelope = mine[0], call.envelope
    said = {"operation": envelope["operation"], "tier": envelope["tier"], "mode": envelope["mode"]}
    said["envelope_digest"] = sha256(call.envelope_bytes)
    demand(first["facts"] == said, f"the event of the proposal of {call.name} says something else")
    demand(first["created_at"] == envelope["created_at"], f"{call.name} was not proposed when its envelope was made")
    by = {"kind": first["actor_kind"], "id": first["actor_id"]}
    demand(by == envelope["requester"], f"{call.name} was proposed by another than its envelope says")
    state, approvals = _first_state(packet, call), 0
    for event in mine[1:]:
        kind, facts = event["kind"], event["facts"]
        demand(kind != "tool_call.proposed", f"{call.name} was proposed twice")
        if kind == "approval.decided":
            demand(state == "awaiting_approval", f"somebody decided on {call.name} when it was {state}")
            approvals += facts.get("decision") == "approve"
            is_enough = approvals >= envelope["quorum"]
            state = "rejected" if facts.get("decision") != "approve" else "ready" if is_enough else state
        elif kind in AFTER:
            demand(state in FROM[AFTER[kind]], f"{kind} of {call.name}, which was {state}")
            is_fitting = event["actor_kind"] == "system" or kind in BY_PEOPLE
            demand(is_fitting, f"{kind} of {call.name} by a {event['actor_kind'][:20]}")
            state = AFTER[kind]
    demand(state == call.data["state"], f"{call.name} is {call.data['state']}, and its events say {state}")


def _first_state(packet: Packet, call: Call) -> str:
    """Where a call stands when it was proposed: models judge an agent's mail before a person is asked."""
    if is_judged(call) and not packet.is_first_format:
        return "proposed"
    return "awaiting_approval" if call.is_external else "ready"


def _check_decided(call: Call, decided: list[dict[str, Any]]) -> None:
    """Each decision has its event, by the same person about the same statement, and no event is left over."""
    approval = call.data["approval"] or {"decisions": []}
    wanted = sorted(
        (
            one["decided_at"],
            one["approver_id"],
            one["decision"],
            sha256(unbase64(one["statement_b64"], "statement_b64")),
        )
        for one in approval["decisions"]
    )
    told = sorted(
        (event["created_at"], event["actor_id"], str(said.get("decision")), str(said.get("statement_sha256")))
        for event in decided
        for said in (event["facts"],)
    )
    demand(wanted == told, f"the decisions on {call.name} are not those of its events")
    digests = {event["facts"].get("envelope_digest") for event in decided}
    demand(digests <= {sha256(call.envelope_bytes)}, f"a decision on {call.name} was about other bytes")
    demand(all(event["actor_kind"] == "user" for event in decided), f"no person decided on {call.name}")


def _check_claims(call: Call, mine: list[dict[str, Any]]) -> None:
    """Each step was taken under a lease that an event tells of: a claim to act, a take-over to look."""
    claims = [event["facts"] for event in mine if event["kind"] == "tool_call.claimed"]
    moments = {e["facts"].get("lease_epoch"): e["created_at"] for e in mine if e["kind"] in LEASES}
    looks = {event["facts"].get("lease_epoch") for event in mine if event["kind"] == "tool_call.reconciling"}
    digests = {facts.get("envelope_digest") for facts in claims}
    demand(digests <= {sha256(call.envelope_bytes)}, f"{call.name} was claimed with other bytes")
    acts = {(facts.get("act_n"), facts.get("lease_epoch")) for facts in claims}
    demand(len(acts) == len(claims), f"{call.name} was claimed twice under one lease")
    for attempt in call.data["attempts"]:
        is_look = attempt["step"] == "reconcile"
        lease = (attempt["act_n"], attempt["lease_epoch"])
        is_known = attempt["lease_epoch"] in looks if is_look else lease in acts
        demand(is_known, f"no event tells of the lease of a step of {call.name}")
        is_after = moments[attempt["lease_epoch"]] <= attempt["started_at"]
        demand(is_after, f"a step of {call.name} began before its lease")
    approval = call.data["approval"]
    if approval and approval["spent_at"]:
        first = min((event["created_at"] for event in mine if event["kind"] == "tool_call.claimed"), default=None)
        demand(first == approval["spent_at"], f"the approval of {call.name} was not spent by its first claim")


def _check_ends(packet: Packet, call: Call, mine: list[dict[str, Any]]) -> None:
    """The event of success names the receipt; a verification has its event; what was replaced names what replaced it."""
    settled = call.settled
    ends = [event for event in mine if event["kind"] == "tool_call.succeeded"]
    told = [(event["created_at"], event["facts"].get("receipt_sha256")) for event in ends]
    wanted = [(one["created_at"], one["sha256"]) for one in settled]
    demand(told == wanted, f"the success of {call.name} is not that of its receipt")
    verified = [event for event in mine if event["kind"] == "tool_call.verified"]
    compared = call.receipts("verification")
    moments = [[one["created_at"] for one in some] for some in (verified, compared)]
    demand(moments[0] == moments[1], f"the comparisons of {call.name} are not those of its events")
    is_ours = all(event["actor_kind"] == "system" for event in verified)
    demand(is_ours, f"{call.name} was compared by others than the system")
    demand(all(event["facts"].get("is_good") is True for event in verified), f"{call.name} was found not to be good")
    old = next((one for one in packet.calls if one.id == call.envelope["supersedes"]), None)
    if old is not None:
        by = [event["facts"].get("by") for event in packet.events if _is_replacement(event, old)]
        demand(by == [call.id], f"{call.name} says that it replaces {old.name}, which its events do not")


def _is_replacement(event: dict[str, Any], old: Call) -> bool:
    return bool(event["kind"] == "tool_call.superseded" and event["subject_id"] == old.id)


def _time_of(key: str) -> datetime:
    return datetime.fromtimestamp((int(key.replace("-", ""), 16) >> 80) / 1000, UTC)
