"""Steps 5, 14 and 15: the order of things, the audit events behind every state, and the run around it all."""

from datetime import UTC, datetime, timedelta
from typing import Any

from trinity_verify.form import at, demand, number, sha256, unbase64
from trinity_verify.packet import Call, Packet

CLOCK_SKEW = timedelta(minutes=5)
"""How far the clocks of an installation's machines may be apart."""
ID_TOLERANCE = timedelta(milliseconds=2)
"""A UUIDv7 holds its time to the millisecond, cut or rounded."""

AFTER = {
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
    "executing": ("ready",),
    "ready": ("executing", "in_doubt"),
    "in_doubt": ("executing", "in_doubt"),
    "succeeded": ("executing", "in_doubt"),
    "failed": ("executing", "in_doubt"),
    "denied": ("ready",),
    "expired": ("awaiting_approval", "ready"),
    "cancelled": ("awaiting_approval", "ready"),
    "superseded": ("awaiting_approval",),
}
"""The states from which a call may come to another by one of these events."""
ACTOR_KINDS = {"user", "agent", "system"}
LEASES = ("tool_call.claimed", "tool_call.reconciling")
BY_PEOPLE = ("tool_call.cancelled", "tool_call.superseded", "approval.revoked")
RUN_STATES = {
    "run.queued": "queued",
    "run.started": "running",
    "run.restarted": "running",
    "run.waiting": "waiting",
    "run.completed": "completed",
    "run.failed": "failed",
    "run.stopped": "stopped",
}
RUN_ENDS = ("completed", "failed", "stopped")
RELEASED = {"released": "source.released", "rejected": "source.rejected"}


def order(packet: Packet) -> str:
    """Step 5."""
    body = packet.body
    timed: list[tuple[str, list[dict[str, Any]], str]] = [
        ("events", body["events"], "created_at"),
        ("sources", body["sources"], "created_at"),
        ("drafts", body["drafts"], "created_at"),
    ]
    for call in packet.calls:
        timed.append(("attempts", call.data["attempts"], "started_at"))
        timed.append(("receipts", call.data["receipts"], "created_at"))
        timed.append(("decisions", (call.data["approval"] or {"decisions": []})["decisions"], "decided_at"))
    ids = [call.id for call in packet.calls]
    demand(ids == sorted(set(ids)), "the calls are not in the order of their ids")
    latest = at(body["exported_at"]) + CLOCK_SKEW
    for name, items, key in timed:
        found = [one["id"] for one in items]
        demand(found == sorted(set(found)), f"the {name} are not in the order of their ids")
        for one in items:
            moment = at(one[key])
            demand(abs(_time_of(one["id"]) - moment) <= ID_TOLERANCE, f"{one['id']} was not made when it says")
            demand(moment <= latest, f"{one['id']} is from after the export")
    count = sum(len(items) for _, items, _ in timed)
    return f"{number(count, 'record')} in the order of ids that carry their times"


def events(packet: Packet) -> str:
    """Step 14."""
    found = packet.events
    subjects = {call.id: "tool_call" for call in packet.calls} | {one["id"]: "source" for one in packet.body["sources"]}
    subjects |= {packet.body["run"]["id"]: "run"} if packet.body["run"] else {}
    strange = [event["id"] for event in found if subjects.get(event["subject_id"]) != event["subject_kind"]]
    demand(not strange, f"{number(len(strange), 'event')} about nothing that is in this packet")
    demand({event["actor_kind"] for event in found} <= ACTOR_KINDS, "an event is by an unknown kind of actor")
    for call in packet.calls:
        mine = [event for event in found if event["subject_id"] == call.id]
        _replay(call, sorted(mine, key=lambda event: (event["created_at"], event["id"])))
        _check_decided(call, [event for event in mine if event["kind"] == "approval.decided"])
        _check_claims(call, mine)
        _check_ends(packet, call, mine)
    return f"{number(len(found), 'event')} that account for {number(len(packet.calls), 'call')} with all decisions and steps"


def _replay(call: Call, mine: list[dict[str, Any]]) -> None:
    """Follow the events from the proposal on: each must be possible where it stands, and lead to the state said."""
    demand(bool(mine) and mine[0]["kind"] == "tool_call.proposed", f"no event says that {call.name} was proposed")
    first, envelope = mine[0], call.envelope
    said = {"operation": envelope["operation"], "tier": envelope["tier"], "mode": envelope["mode"]}
    said["envelope_digest"] = sha256(call.envelope_bytes)
    demand(first["facts"] == said, f"the event of the proposal of {call.name} says something else")
    demand(first["created_at"] == envelope["created_at"], f"{call.name} was not proposed when its envelope was made")
    by = {"kind": first["actor_kind"], "id": first["actor_id"]}
    demand(by == envelope["requester"], f"{call.name} was proposed by another than its envelope says")
    state, approvals = "awaiting_approval" if call.is_external else "ready", 0
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
    settled = call.receipts("sent", "draft")
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


def links(packet: Packet) -> str:
    """Step 15."""
    body, run = packet.body, packet.body["run"]
    if body["kind"] == "tool_call":
        demand([call.id for call in packet.calls] == [body["subject_id"]], "the packet is not about its one call")
    else:
        demand(run is not None and run["id"] == body["subject_id"], "the packet is not about its run")
    run_id = run["id"] if run else None
    for call in packet.calls:
        envelope = call.envelope
        demand(envelope["run_id"] == run_id, f"{call.name} belongs to another run")
        demand(run is None or envelope["project_id"] == run["project_id"], f"{call.name} belongs to another project")
        requester = envelope["requester"]
        demand(requester["kind"] in ("user", "agent"), f"{call.name} was asked for by neither a person nor an agent")
        is_own = requester["kind"] == "user" or run is None or requester["id"] == run_id
        demand(is_own, f"{call.name} was asked for by the agent of another run")
    if run is None:
        demand(not body["sources"] and not body["drafts"], "sources and drafts without a run")
        return "the call belongs to no run"
    _check_run(run, [event for event in packet.events if event["subject_id"] == run_id])
    for source in body["sources"]:
        _check_source(source, [event for event in packet.events if event["subject_id"] == source["id"]])
    return f"one run with {number(len(packet.calls), 'call')} and {number(len(body['sources']), 'source')}"


def _check_run(run: dict[str, Any], mine: list[dict[str, Any]]) -> None:
    told = sorted((e for e in mine if e["kind"] in RUN_STATES), key=lambda e: (e["created_at"], e["id"]))
    demand(bool(told) and told[0]["kind"] == "run.queued", "no event says that the run was asked for")
    first = told[0]
    by_people = {event["kind"] for event in told if event["actor_kind"] != "system"}
    demand(by_people <= {"run.queued", "run.stopped"}, "the run's own states are told by others than the system")
    demand((first["actor_kind"], first["actor_id"]) == ("user", run["started_by"]), "another person started the run")
    demand(first["facts"].get("goal_sha256") == sha256(run["goal"].encode()), "the run was given another goal")
    demand(first["created_at"] == run["created_at"], "the run was not asked for when it says")
    demand(RUN_STATES[told[-1]["kind"]] == run["state"], f"the run is {run['state']}, and its events say otherwise")
    started = next((event["created_at"] for event in told if event["kind"] == "run.started"), None)
    demand(started == run["started_at"], "the run did not start when it says")
    finished = told[-1]["created_at"] if run["state"] in RUN_ENDS else None
    demand(finished == run["finished_at"], "the run did not end when it says")


def _check_source(source: dict[str, Any], mine: list[dict[str, Any]]) -> None:
    where = f"the source {source['id']}"
    added = [(event["created_at"], event["facts"]) for event in mine if event["kind"] == "source.added"]
    said = {key: source[key] for key in ("origin", "sha256", "size_bytes")}
    demand(added == [(source["created_at"], said)], f"{where} is not what its event says was taken in")
    decided = [event for event in mine if event["kind"] in RELEASED.values()]
    is_about = all(event["facts"] == {"sha256": source["sha256"]} for event in decided)
    demand(is_about, f"{where} was decided on with another text")
    wanted = RELEASED.get(source["release_state"])
    demand(
        [event["kind"] for event in decided] == ([wanted] if wanted else []), f"{where} was not {wanted} by a person"
    )
    people = [(event["actor_kind"], event["actor_id"], event["created_at"]) for event in decided]
    person = ("user", source["decided_by"], source["decided_at"])
    demand(people == ([person] if wanted else []), f"{where} was decided on by somebody else")
    is_quarantined = source["release_state"] == "quarantined" and source["decided_by"] is None
    demand(bool(wanted) or is_quarantined, f"{where} has an unknown release state")


def _time_of(key: str) -> datetime:
    return datetime.fromtimestamp((int(key.replace("-", ""), 16) >> 80) / 1000, UTC)
