"""Step 14: what models decided about the mails that an agent wrote."""

import json
from typing import Any

from trinity_verify.form import Missing, at, demand, number, sha256, unbase64
from trinity_verify.operations import SENDS
from trinity_verify.packet import Call, Packet

BEFORE_SENDING = ("copy_safety", "qa")
"""What an agent's mail must pass before a person is asked."""
REVIEWED = "tool_call.reviewed"
CLEAN: dict[str, tuple[str, str]] = {"copy_safety": ("safe", "dangers"), "qa": ("pass", "faults")}
"""What an answer says that lets a text go on, and the list that must be empty then; a score stops nothing."""
OUTCOMES = ("passed", "blocked", "failed")


def models(packet: Packet) -> str:
    """Step 14."""
    if packet.is_first_format:
        raise Missing("this packet's format knows no decisions of models: what they said of its mails is not here")
    decisions = packet.body["model_decisions"]
    for one in decisions:
        _check_decision(packet, one)
    lacking, judged = [], 0
    for call in packet.calls:
        if is_judged(call) and _went_on(call):
            routes = [route for route in BEFORE_SENDING if not _passed(call, route, decisions)]
            lacking += [f"{call.name} ({route})" for route in routes]
            judged += 1
    if lacking:
        raise Missing(f"this packet lacks what models decided about {', '.join(lacking)}")
    return f"{number(len(decisions), 'decision')}; {number(judged, 'mail')} of agents, passed before a person was asked"


def is_judged(call: Call) -> bool:
    """Whether models judge it before people do: a mail that an agent wants sent."""
    return bool(call.envelope["requester"]["kind"] == "agent" and call.data["operation"] in SENDS)


def reviewed_at(packet: Packet, call: Call) -> str | None:
    """When the models' judgement of a call was concluded; None where it was not."""
    return next((str(one["created_at"]) for one in packet.about(call.id) if one["kind"] == REVIEWED), None)


def _went_on(call: Call) -> bool:
    """Whether somebody was asked, or it acted."""
    return call.data["approval"] is not None or bool(call.data["attempts"])


def _check_decision(packet: Packet, one: dict[str, Any]) -> None:
    where = f"the decision {one['id']} on {one['route'][:20]}"
    demand(one["outcome"] in OUTCOMES, f"{where} ended in an unknown way")
    demand((one["outcome"] == "failed") == (one["failure"] is not None), f"{where} failed in only one of two places")
    demand(
        (one["outcome"] == "failed") == (one["verdict"] is None), f"{where} is {one['outcome']}, and its verdict not"
    )
    if one["outcome"] != "failed":
        said = _content(unbase64(one["response_b64"], where))
        demand(said == one["verdict"], f"the verdict of {where} is not what the model answered")
        good = "passed" if _is_clean(one["route"], one["verdict"]) else "blocked"
        demand(one["outcome"] == good, f"{where} is called {one['outcome']}, and the model said otherwise")
    told = [(e["created_at"], e["facts"]) for e in packet.about(one["id"]) if e["kind"] == "model.decided"]
    facts = {key: one[key] for key in ("route", "outcome", "input_sha256", "failure") if one[key] is not None}
    demand(told == [(one["created_at"], facts)], f"{where} is not what its event says")
    call = packet.call(one["tool_call_id"])
    demand(call is not None or one["tool_call_id"] is None, f"{where} is about a call that is not in this packet")
    if call is not None:
        is_of_run = one["run_id"] in (None, call.envelope["run_id"])
        demand(is_of_run, f"{where} is of another run than {call.name}")
        demand(one["input_sha256"] == sha256(call.payload), f"{where} was about other bytes than those of {call.name}")
        demand(at(call.envelope["created_at"]) <= at(one["created_at"]), f"{where} was made before {call.name}")


def _is_clean(route: str, verdict: dict[str, Any]) -> bool:
    """Whether an answer lets its text go on. A route that this verifier does not know lets nothing go on."""
    if route == "score":
        return type(verdict.get("score")) is int
    word, faults = CLEAN.get(route, ("", ""))
    return bool(word) and verdict.get("verdict") == word and verdict.get(faults) == []


def _passed(call: Call, route: str, decisions: list[dict[str, Any]]) -> bool:
    """Whether there is a yes; `Failed` where there is a no, which stays, or the yes came after a person was asked."""
    mine = [one for one in decisions if (one["tool_call_id"], one["route"]) == (call.id, route)]
    demand(all(one["outcome"] != "blocked" for one in mine), f"{call.name} went on, and a model's {route} blocked it")
    yes = [one for one in mine if one["outcome"] == "passed"]
    if not yes:
        return False
    asked = (call.data["approval"] or {"created_at": call.envelope["created_at"]})["created_at"]
    demand(at(yes[0]["created_at"]) <= at(asked), f"a person was asked about {call.name} before its {route}")
    return True


def _content(response: bytes) -> Any:
    """What the model answered, in the form of an OpenAI-compatible completion; None where it is another."""
    try:
        return json.loads(json.loads(response)["choices"][0]["message"]["content"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
