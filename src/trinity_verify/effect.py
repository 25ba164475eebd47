"""Steps 10 to 13: what was done, what the provider says of it, and what the exporter found when it compared.

Here is what holds for every provider; what only one of them knows stands in `mailbox` (Gmail), `money` (Stripe)
and `notice` (SMTP).
"""

from itertools import pairwise
from types import ModuleType
from typing import Any

from trinity_verify import mailbox, money, notice
from trinity_verify.form import Failed, Missing, at, demand, number, sha256, shaped, unbase64
from trinity_verify.operations import INTENTS, LOOK, OPERATIONS, RESULTS, STEPS
from trinity_verify.packet import Call, Packet, text_of

ACT_OUTCOMES = ("done", "declined", "unavailable", "unknown", None)
LOOK_OUTCOMES = ("found", "absent", "cannot_tell", None)
LOOK_RESULT, INSTEAD = {"because", "draft_id"}, {"message"}
"""The keys of what a look found, and of what is known of a step that did not end well."""
PROVIDERS: dict[str, ModuleType] = {"gmail": mailbox, "stripe": money, "smtp": notice}
PROOF_STATES = ("verified", "pending_receipt", "degraded", "manual_review_required", "failed", "missing")
NEVER_ACTED = ("proposed", "awaiting_approval", "rejected", "superseded")
PROPERTIES = ("required", "exact", "timely", "permissioned", "router-executed", "receipt-matched")


def attempts(packet: Packet) -> str:
    """Step 10."""
    count = 0
    for call in packet.calls:
        found = call.data["attempts"]
        demand(not found or call.state not in NEVER_ACTED, f"{call.name} is {call.state} and has acted")
        for attempt in found:
            _check_attempt(call, attempt)
        _check_epochs(call)
        _check_effects(call)
        count += len(found)
    return f"{number(count, 'step')}, begun in time and naming the approved bytes; no effect was repeated blindly"


def _check_attempt(call: Call, attempt: dict[str, Any]) -> None:
    step, envelope = attempt["step"], call.envelope
    where = f"step {step[:20]} of {call.name}"
    demand(step in (*call.operation.steps, LOOK), f"{where} is not a step of this operation")
    demand(STEPS[step] == attempt["step_n"], f"{where} is not a step that this verifier knows")
    demand(attempt["outcome"] in (LOOK_OUTCOMES if step == LOOK else ACT_OUTCOMES), f"{where} ended in an unknown way")
    _check_intent(call, attempt, where)
    is_ended = attempt["outcome"] is not None
    ends = (attempt["finished_at"] is not None, attempt["result"] is not None)
    demand(ends == (is_ended, is_ended), f"{where} has an end without an outcome, or an outcome without an end")
    started = at(attempt["started_at"])
    demand(not is_ended or started <= at(attempt["finished_at"]), f"{where} ended before it began")
    demand(at(envelope["created_at"]) <= started, f"{where} began before its call was made")
    if step != LOOK:
        demand(started < at(envelope["expires_at"]), f"{where} began after its envelope had expired")
        is_due = envelope["not_before"] is None or at(envelope["not_before"]) <= started
        demand(is_due, f"{where} began before the chosen time")
    wanted = LOOK_RESULT if step == LOOK else INSTEAD if attempt["outcome"] != "done" else RESULTS[step]
    demand(not is_ended or attempt["result"].keys() == wanted, f"{where} resulted in something else besides")
    if attempt["outcome"] == "done":
        demand(attempt["raw_b64"] is not None, f"{where} succeeded without the provider's answer")
        PROVIDERS[call.operation.provider].check_answer(attempt, where)


def _check_intent(call: Call, attempt: dict[str, Any], where: str) -> None:
    """What was written down before the step names this call's bytes and its mark, and nothing besides."""
    step, intent = attempt["step"], attempt["intent"]
    demand(intent.keys() == INTENTS[step], f"{where} intends something else besides")
    if step != LOOK:
        demand(intent["payload_sha256"] == sha256(call.payload), f"{where} names other bytes than the approved")
        PROVIDERS[call.operation.provider].check_intent(call, attempt, where)


def _check_epochs(call: Call) -> None:
    """Whoever acts later has a later lease and a later or the same act."""
    found = call.data["attempts"]
    for one in found:
        for other in found:
            if at(one["started_at"]) < at(other["started_at"]):
                is_ordered = one["lease_epoch"] <= other["lease_epoch"] and one["act_n"] <= other["act_n"]
                demand(is_ordered, f"{call.name} acted on an old lease")


def _check_effects(call: Call) -> None:
    """At most one effect succeeded, and none followed another without proof that the other did not happen."""
    found, effect = call.data["attempts"], call.operation.effect
    tries = [place for place, one in enumerate(found) if one["step"] == effect]
    done = [place for place in tries if found[place]["outcome"] == "done"]
    demand(len(done) <= 1, f"{call.name} happened {len(done)} times")
    for one, following in pairwise(tries) if effect != "drafts.create" else ():
        between = found[one + 1 : following]
        is_proven = any((item["step"], item["outcome"]) == (LOOK, "absent") for item in between)
        is_proven = is_proven or (effect != "drafts.send" and found[one]["outcome"] == "unavailable")
        is_proven = is_proven and found[one]["outcome"] != "done"
        demand(is_proven, f"{call.name} was done again without proof that it had not happened before")


def receipts(packet: Packet) -> str:
    """Step 11."""
    happened = 0
    unknown = []
    for call in packet.calls:
        for receipt in call.data["receipts"]:
            raw = unbase64(receipt["raw_b64"], "raw_b64")
            demand(sha256(raw) == receipt["sha256"], f"a receipt of {call.name} does not have its digest")
        if call.state in ("executing", "in_doubt"):
            unknown.append(call.name)
        else:
            happened += _check_outcome(call)
    _demand_all("it is not known what became of", unknown)
    return f"{number(happened, 'effect')} that happened exactly once, by the provider's receipts"


def _check_outcome(call: Call) -> int:
    """A succeeded call has one receipt of one effect; another has none. Returns how many effects there were."""
    happened, provider = _happened(call), PROVIDERS[call.operation.provider]
    demand(call.data["proof_state"] in PROOF_STATES, f"{call.name} has an unknown proof state")
    if call.state != "succeeded":
        demand(not call.settled and not happened, f"{call.name} is {call.state}, and something happened")
        demand(not _is_open(call), f"{call.name} is {call.state}, and its effect may have happened")
        return 0
    kinds = [one["kind"] for one in call.settled]
    demand(kinds == [call.operation.receipt], f"{call.name} succeeded with the receipts {kinds}")
    receipt, where = call.settled[0], f"the receipt of {call.name}"
    named = text_of(receipt["facts"], call.operation.names, where)
    demand(happened == {named}, f"{call.name}: its receipt is about something else than its steps")
    answers = [one["raw_b64"] for one in call.data["attempts"] if one["outcome"] in ("done", "found")]
    demand(receipt["raw_b64"] in answers, f"{where} is not the provider's answer to a step")
    provider.check_receipt(call, receipt, where)
    return 1


def _happened(call: Call) -> set[str]:
    """The provider's ids of everything that a step of this call, or a look at the provider, says it made."""
    found, provider = set(), PROVIDERS[call.operation.provider]
    for one in call.data["attempts"]:
        if (one["step"], one["outcome"]) == (call.operation.effect, "done"):
            found.add(text_of(one["result"] or {}, call.operation.names, f"a step of {call.name}"))
        if one["outcome"] == "found":
            found.add(provider.found_id(call, one, f"what a look at {call.name} found"))
    return found


def _is_open(call: Call) -> bool:
    """Whether the last try has neither failed for sure nor been proven absent."""
    found, effect = call.data["attempts"], call.operation.effect
    tries = [place for place, one in enumerate(found) if one["step"] == effect]
    if effect == "drafts.create" or not tries:
        return False
    surely_not = ("declined",) if effect == "drafts.send" else ("declined", "unavailable")
    if found[tries[-1]]["outcome"] in surely_not:
        return False
    return not any(one["outcome"] == "absent" for one in found[tries[-1] + 1 :])


def records(packet: Packet) -> str:
    """Step 12."""
    compared = 0
    lacking = []
    for call in packet.calls:
        found = call.receipts("provider_record")
        if call.state != "succeeded":
            demand(not found, f"{call.name} is {call.state}, and the provider has a record of it")
            continue
        if not call.operation.has_record:
            demand(not found, f"{call.name} has a record, and its provider keeps none")
            continue
        if not found:
            lacking.append(call.name)
            continue
        demand(len(found) == 1, f"{call.name} has {len(found)} records of one effect")
        where = f"the provider's record of {call.name}"
        if not call.settled:
            raise Failed(f"{where} belongs to no receipt")
        PROVIDERS[call.operation.provider].check_record(call, call.settled[0], found[0], where)
        compared += 1
    _demand_all("this packet lacks the provider's own record of", lacking)
    return f"{number(compared, 'effect')} that the provider keeps as approved"


def comparisons(packet: Packet) -> str:
    """Step 13."""
    held = 0
    lacking = []
    for call in packet.calls:
        found = call.receipts("verification")
        if call.state != "succeeded":
            demand(not found, f"{call.name} is {call.state}, and was compared with something")
            continue
        if not found:
            lacking.append(call.name)
            continue
        where, newest = f"the comparison of {call.name}", found[-1]
        demand(unbase64(newest["raw_b64"], where) == call.envelope_bytes, f"{where} is about another envelope")
        properties = {name: {"is_held": "boolean", "detail": "text"} for name in PROPERTIES}
        shaped(newest["facts"], {"properties": properties, "differences": ["text"]}, where)
        failed = [name for name in PROPERTIES if not newest["facts"]["properties"][name]["is_held"]]
        demand(not failed, f"the exporter itself found that {call.name} is not: {', '.join(failed)}")
        demand(not newest["facts"]["differences"], f"the exporter itself found differences in {call.name}")
        held += 1
    _demand_all("the exporter has not compared with the provider's record:", lacking)
    return f"{number(held, 'effect')} for which the exporter found all {len(PROPERTIES)} properties to hold"


def _demand_all(what: str, lacking: list[str]) -> None:
    """Say what is missing, after everything that is there was checked."""
    if lacking:
        raise Missing(f"{what} {', '.join(lacking)}")


assert {one.provider for one in OPERATIONS.values()} == set(PROVIDERS)
