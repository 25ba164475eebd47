"""Step 16: runs, calls, sources, artifacts and drafts belong together."""

from typing import Any

from trinity_verify.form import demand, number, sha256
from trinity_verify.operations import SENDS
from trinity_verify.packet import Call, Packet

RUN_STATES = {
    "run.held": "held",
    "run.queued": "queued",
    "run.started": "running",
    "run.restarted": "running",
    "run.waiting": "waiting",
    "run.completed": "completed",
    "run.failed": "failed",
    "run.stopped": "stopped",
}
RUN_ENDS = ("completed", "failed", "stopped")
RUN_KINDS = ("outreach", "acquisition", "reply")
REQUESTERS = ("user", "agent", "system")
RELEASED = ("released", "rejected")


def links(packet: Packet) -> str:
    """Step 16."""
    body, runs = packet.body, {run["id"]: run for run in packet.body["runs"]}
    if body["kind"] == "tool_call":
        demand([call.id for call in packet.calls] == [body["subject_id"]], "the packet is not about its one call")
        demand(len(runs) <= 1, "one call belongs to several runs")
    elif body["kind"] == "run":
        demand(list(runs) == [body["subject_id"]], "the packet is not about its run")
    for call in packet.calls:
        _check_call(packet, call, runs)
    for run in body["runs"]:
        _check_run(packet, run)
    _check_parts(packet, runs)
    for kind, part in (("source", "sources"), ("artifact", "artifacts")):
        for one in body[part]:
            _check_content(packet, kind, one)
    parts = [number(len(body[name]), name[:-1]) for name in ("runs", "tool_calls", "sources", "artifacts")]
    return ", ".join(parts).replace("_", " ")


def _check_call(packet: Packet, call: Call, runs: dict[str, dict[str, Any]]) -> None:
    """A call belongs to a run of this packet or to none, and an agent that asked for it is that of its run."""
    envelope, order = call.envelope, packet.body["order"]
    requester, run = envelope["requester"], runs.get(envelope["run_id"])
    demand(requester["kind"] in REQUESTERS, f"{call.name} was asked for by an unknown kind of requester")
    demand((envelope["run_id"] is None) == (run is None), f"{call.name} belongs to another run")
    if packet.body["kind"] == "run":
        demand(run is not None, f"{call.name} belongs to another run")
    projects = {run["project_id"]} if run else {order["project_id"]} if order else {envelope["project_id"]}
    demand({envelope["project_id"]} == projects, f"{call.name} belongs to another project")
    is_own = requester["kind"] != "agent" or run is None or requester["id"] == run["id"]
    demand(is_own, f"{call.name} was asked for by the agent of another run")


def _check_run(packet: Packet, run: dict[str, Any]) -> None:
    told = [event for event in packet.about(run["id"]) if event["kind"] in RUN_STATES]
    firsts = ("run.queued", "run.held", "run.stopped") if run["held_for_id"] else ("run.queued",)
    demand(bool(told) and told[0]["kind"] in firsts, "no event says that the run was asked for")
    first = told[0]
    by_people = {event["kind"] for event in told if event["actor_kind"] != "system"}
    demand(by_people <= {first["kind"], "run.stopped"}, "the run's own states are told by others than the system")
    starter = (first["actor_kind"], first["actor_id"] if first["actor_kind"] == "user" else None)
    by_whom = ("user", run["started_by"]) if run["started_by"] else ("system", None)
    demand(starter == by_whom, "another person started the run")
    demand(first["facts"].get("goal_sha256") == sha256(run["goal"].encode()), "the run was given another goal")
    demand(run["kind"] in RUN_KINDS, "the run is of an unknown kind")
    demand(first["facts"].get("kind", run["kind"]) == run["kind"], "the run is of another kind than its event says")
    demand(first["created_at"] == run["created_at"], "the run was not asked for when it says")
    demand(RUN_STATES[told[-1]["kind"]] == run["state"], f"the run is {run['state']}, and its events say otherwise")
    started = next((event["created_at"] for event in told if event["kind"] == "run.started"), None)
    demand(started == run["started_at"], "the run did not start when it says")
    finished = told[-1]["created_at"] if run["state"] in RUN_ENDS else None
    demand(finished == run["finished_at"], "the run did not end when it says")


def _check_parts(packet: Packet, runs: dict[str, dict[str, Any]]) -> None:
    """What there is beside runs and calls hangs on one of them, or on the order."""
    body = packet.body
    if not runs:
        demand(not body["drafts"], "drafts without a run")
        demand(not body["sources"] or body["kind"] == "order", "sources without a run")
    demand(all(one["run_id"] in runs for one in body["drafts"]), "a draft of another run")
    if body["kind"] == "order":
        _check_run_of_order(body, runs)
    carried = {one for call in packet.calls for one in call.typed.get("attachments", [])}
    for one in body["artifacts"]:
        is_ours = one["run_id"] in runs or one["id"] in carried
        demand(is_ours, f"the artifact {one['id']} belongs to nothing in this packet")
        is_buyers = not body["order"] or one["contact_id"] in (None, body["order"]["contact_id"])
        demand(is_buyers, f"the artifact {one['id']} is somebody else's")
    for one in body["model_decisions"]:
        subjects = {*runs, *(call.id for call in packet.calls), *(source["id"] for source in body["sources"])}
        subjects |= {body["subject_id"], *(thread["id"] for thread in body["threads"])}
        found = {one["run_id"], one["tool_call_id"], one["subject_id"]}
        demand(bool(found & subjects), f"the decision {one['id']} is about nothing in this packet")
    _check_threads(packet)


def _check_run_of_order(body: dict[str, Any], runs: dict[str, dict[str, Any]]) -> None:
    """A run in an order's packet works on this order, or answers a conversation that is in the packet."""
    threads = {thread["id"] for thread in body["threads"]}
    for run in runs.values():
        is_ours = run["order_id"] == body["subject_id"] or run["thread_id"] in threads
        demand(is_ours, f"the run {run['id']} is about neither this order nor a conversation in this packet")
        demand(run["contact_id"] in (None, body["order"]["contact_id"]), f"the run {run['id']} is for somebody else")


def _check_threads(packet: Packet) -> None:
    """In an order's packet every mail that was sent stands in a conversation with the buyer, and is what it says there."""
    order, threads = packet.body["order"], packet.body["threads"]
    for thread in threads:
        is_buyers = order is None or thread["contact_id"] in (None, order["contact_id"])
        demand(is_buyers, f"the conversation {thread['id']} is with somebody else than who bought")
        for message in thread["messages"]:
            _check_message(packet, thread, message)
    messages = [message for thread in threads for message in thread["messages"]]
    for call in packet.calls if order else ():
        if call.data["operation"] not in SENDS or call.state != "succeeded" or not call.receipts("verification"):
            continue
        stands = [one for one in messages if one["tool_call_id"] == call.id]
        demand(len(stands) == 1, f"{call.name} was sent, and does not stand in one conversation")
        answered = call.typed.get("in_reply_to")
        is_here = answered is None or packet.call(answered) or any(one["id"] == answered for one in messages)
        demand(bool(is_here), f"{call.name} answers a mail that is not in this packet")


def _check_message(packet: Packet, thread: dict[str, Any], message: dict[str, Any]) -> None:
    """A mail of ours in a conversation is the one that its call sent, in that thread; theirs is a source."""
    where = f"the mail {message['id']}"
    demand(message["direction"] in ("in", "out"), f"{where} neither came nor went")
    is_ours = message["tool_call_id"] is not None
    demand(message["direction"] == ("out" if is_ours else "in"), f"{where} came in, and a call sent it, or neither")
    is_known = message["source_id"] is None or packet.find("sources", message["source_id"]) is not None
    demand(is_known, f"what was written in {where} is not in this packet")
    call = packet.call(message["tool_call_id"])
    for receipt in call.receipts("provider_record") if call else ():
        facts = receipt["facts"]
        said = (facts.get("thread_id"), facts.get("message_id"), facts.get("wire_message_id"))
        wanted = (thread["provider_thread_id"], message["provider_message_id"], message["wire_message_id"])
        demand(said == wanted, f"{where} is another mail than its call sent")


def _check_content(packet: Packet, kind: str, one: dict[str, Any]) -> None:
    """What came in is what its event says, and a person released it, or rejected it, or nobody did."""
    where = f"the {kind} {one['id']}"
    mine = [event for event in packet.events if event["subject_id"] == one["id"]]
    added = [(event["created_at"], _public(event)) for event in mine if event["kind"] == f"{kind}.added"]
    names = ("origin", "sha256", "size_bytes") + (("media_type",) if kind == "artifact" else ())
    said = {key: one[key] for key in names}
    demand(added == [(one["created_at"], said)], f"{where} is not what its event says was taken in")
    decided = [event for event in mine if event["kind"] in [f"{kind}.{state}" for state in RELEASED]]
    is_about = all(event["facts"].get("sha256") == one["sha256"] for event in decided)
    demand(is_about, f"{where} was decided on with another content")
    wanted = f"{kind}.{one['release_state']}" if one["release_state"] in RELEASED else None
    demand(
        [event["kind"] for event in decided] == ([wanted] if wanted else []), f"{where} was not {wanted} by a person"
    )
    people = [(event["actor_kind"], event["actor_id"], event["created_at"]) for event in decided]
    person = ("user", one["decided_by"], one["decided_at"])
    demand(people == ([person] if wanted else []), f"{where} was decided on by somebody else")
    is_quarantined = one["release_state"] == "quarantined" and one["decided_by"] is None
    demand(bool(wanted) or is_quarantined, f"{where} has an unknown release state")


def _public(event: dict[str, Any]) -> dict[str, Any]:
    """An event's facts without the commitment to what is private, such as a file's name."""
    return {key: value for key, value in event["facts"].items() if key != "private_commitment"}
