"""Steps 10 to 13: what was done, what the provider says of it, and what the exporter found when it compared."""

import base64
import binascii
from itertools import pairwise
from typing import Any

from trinity_verify import mail
from trinity_verify.form import Failed, Missing, at, demand, number, parse, sha256, shaped, unbase64
from trinity_verify.packet import Call, Packet, text_of

STEPS = {"drafts.create": 1, "drafts.send": 2, "reconcile": 9}
OUTCOMES = {
    "drafts.create": ("done", "declined", "unavailable", "unknown", None),
    "drafts.send": ("done", "declined", "unavailable", "unknown", None),
    "reconcile": ("found", "absent", "cannot_tell", None),
}
INTENTS = {
    "drafts.create": {"payload_sha256", "token"},
    "drafts.send": {"payload_sha256", "draft_id", "history_id"},
    "reconcile": {"looks"},
}
RESULTS = {
    "drafts.create": {"draft_id", "message_id", "thread_id"},
    "drafts.send": {"message_id", "thread_id"},
}
LOOK, INSTEAD = {"because", "draft_id"}, {"message"}
"""The keys of what a look found, and of what is known of a step that did not end well."""
SENDS = ("gmail.send", "gmail.reply")
LABELS = {"sent": "SENT", "draft": "DRAFT"}
SENT_FACTS = {"message_id": "text", "thread_id": "text", "label_ids": ["text"]}
DRAFT_FACTS = {"draft_id": "text", "message_id": "text", "thread_id": "text"}
RECORD_FACTS = SENT_FACTS | {
    "wire_message_id": "text",
    "references": ["text"],
    "subject": "text",
    "rfc822_sha256": "digest",
}
REFERENCES_MAX = 50
PROOF_STATES = ("verified", "pending_receipt", "degraded", "manual_review_required", "failed", "missing")
NEVER_ACTED = ("awaiting_approval", "rejected", "superseded")
PROPERTIES = ("required", "exact", "timely", "permissioned", "router-executed", "receipt-matched")


def attempts(packet: Packet) -> str:
    """Step 10."""
    count = 0
    for call in packet.calls:
        found = call.data["attempts"]
        demand(not found or call.data["state"] not in NEVER_ACTED, f"{call.name} is {call.data['state']} and has acted")
        for attempt in found:
            _check_attempt(call, attempt)
        _check_epochs(call)
        _check_sends(call)
        count += len(found)
    return f"{number(count, 'step')}, begun in time and naming the approved bytes; no send was repeated blindly"


def _check_attempt(call: Call, attempt: dict[str, Any]) -> None:
    step, envelope = attempt["step"], call.envelope
    where = f"step {step[:20]} of {call.name}"
    demand(STEPS.get(step) == attempt["step_n"], f"{where} is not a step that this verifier knows")
    demand(attempt["outcome"] in OUTCOMES[step], f"{where} ended in an unknown way")
    _check_intent(call, attempt, where)
    is_ended = attempt["outcome"] is not None
    ends = (attempt["finished_at"] is not None, attempt["result"] is not None)
    demand(ends == (is_ended, is_ended), f"{where} has an end without an outcome, or an outcome without an end")
    started = at(attempt["started_at"])
    demand(not is_ended or started <= at(attempt["finished_at"]), f"{where} ended before it began")
    demand(at(envelope["created_at"]) <= started, f"{where} began before its call was made")
    if step != "reconcile":
        demand(started < at(envelope["expires_at"]), f"{where} began after its envelope had expired")
        is_due = envelope["not_before"] is None or at(envelope["not_before"]) <= started
        demand(is_due, f"{where} began before the chosen time")
    wanted = LOOK if step == "reconcile" else INSTEAD if attempt["outcome"] != "done" else RESULTS[step]
    demand(not is_ended or attempt["result"].keys() == wanted, f"{where} resulted in something else besides")
    if attempt["outcome"] == "done":
        _check_answer(attempt, where)


def _check_intent(call: Call, attempt: dict[str, Any], where: str) -> None:
    """What was written down before the step names this call's bytes, token and draft, and nothing besides."""
    step, intent = attempt["step"], attempt["intent"]
    demand(intent.keys() == INTENTS[step], f"{where} intends something else besides")
    if step == "reconcile":
        return
    demand(intent["payload_sha256"] == sha256(call.payload), f"{where} names other bytes than the approved")
    if step == "drafts.create":
        demand(intent["token"] == call.envelope["operation_token"], f"{where} names another operation token")
    if step == "drafts.send":
        demand(call.data["operation"] in SENDS, f"{where}: this operation never sends")
        demand(text_of(intent, "history_id", where).isdigit(), f"{where} names no place in the mailbox's history")
        drafts = {str(one["result"].get("draft_id")) for one in call.data["attempts"] if _made_draft(one, attempt)}
        demand(
            text_of(intent, "draft_id", where) in drafts, f"{where} sends a draft that no earlier step made or found"
        )


def _made_draft(one: dict[str, Any], before: dict[str, Any]) -> bool:
    is_draft = (one["step"], one["outcome"]) in (("drafts.create", "done"), ("reconcile", "absent"))
    return is_draft and one["id"] < before["id"]


def _check_answer(attempt: dict[str, Any], where: str) -> None:
    """The result that was written down is what the provider's answer says."""
    demand(attempt["raw_b64"] is not None, f"{where} succeeded without the provider's answer")
    answer = _object(parse(unbase64(attempt["raw_b64"], where), f"the answer to {where}", is_exact=False), where)
    result = attempt["result"]
    inner = _object(answer.get("message"), where) if attempt["step"] == "drafts.create" else answer
    said = (inner.get("id"), inner.get("threadId"))
    demand(said == (result.get("message_id"), result.get("thread_id")), f"{where} has another result than its answer")
    if attempt["step"] == "drafts.create":
        demand(answer.get("id") == result.get("draft_id"), f"{where} has another draft than its answer")


def _check_epochs(call: Call) -> None:
    """Whoever acts later has a later lease and a later or the same act."""
    found = call.data["attempts"]
    for one in found:
        for other in found:
            if at(one["started_at"]) < at(other["started_at"]):
                is_ordered = one["lease_epoch"] <= other["lease_epoch"] and one["act_n"] <= other["act_n"]
                demand(is_ordered, f"{call.name} acted on an old lease")


def _check_sends(call: Call) -> None:
    """At most one send succeeded, and none followed another without proof that the other did not happen."""
    found = call.data["attempts"]
    sends = [place for place, one in enumerate(found) if one["step"] == "drafts.send"]
    done = [place for place in sends if found[place]["outcome"] == "done"]
    demand(len(done) <= 1, f"{call.name} was sent {len(done)} times")
    for one, following in pairwise(sends):
        between = found[one + 1 : following]
        is_proven = any((item["step"], item["outcome"]) == ("reconcile", "absent") for item in between)
        is_proven = is_proven and found[one]["outcome"] != "done"
        demand(is_proven, f"{call.name} was sent again without proof that the send before did not happen")


def receipts(packet: Packet) -> str:
    """Step 11."""
    sent = 0
    unknown = []
    for call in packet.calls:
        for receipt in call.data["receipts"]:
            raw = unbase64(receipt["raw_b64"], "raw_b64")
            demand(sha256(raw) == receipt["sha256"], f"a receipt of {call.name} does not have its digest")
        if call.data["state"] in ("executing", "in_doubt"):
            unknown.append(call.name)
        else:
            sent += _check_outcome(call)
    _demand_all("it is not known what became of", unknown)
    return f"{number(sent, 'effect')} that happened exactly once, by the provider's receipts"


def _check_outcome(call: Call) -> int:
    """A succeeded call has one receipt of one message; another has none. Returns how many effects there were."""
    state, settled = call.data["state"], call.receipts("sent", "draft")
    happened = _messages(call)
    demand(call.data["proof_state"] in PROOF_STATES, f"{call.name} has an unknown proof state")
    if state != "succeeded":
        demand(not settled and not happened, f"{call.name} is {state}, and something happened")
        demand(not _is_open(call), f"{call.name} is {state}, and a send of it may have happened")
        return 0
    kind = "sent" if call.data["operation"] in SENDS else "draft"
    kinds = [one["kind"] for one in settled]
    demand(kinds == [kind], f"{call.name} succeeded with the receipts {kinds}")
    facts = settled[0]["facts"]
    demand(happened == {text_of(facts, "message_id", f"the receipt of {call.name}")}, f"{call.name}: another message")
    _check_receipt(call, settled[0])
    return 1


def _messages(call: Call) -> set[str]:
    """The ids of every message that a step of this call, or a look at the provider, says it made."""
    wanted = "drafts.send" if call.data["operation"] in SENDS else "drafts.create"
    found = set()
    for one in call.data["attempts"]:
        if (one["step"], one["outcome"]) == (wanted, "done"):
            found.add(text_of(one["result"] or {}, "message_id", f"a step of {call.name}"))
        if one["outcome"] == "found":
            record = _object(parse(unbase64(one["raw_b64"] or "", "raw_b64"), "a look's record", is_exact=False), "it")
            found.add(str(record.get("id") or record.get("message_id")))
    return found


def _is_open(call: Call) -> bool:
    """Whether the last send has neither failed for sure nor been proven absent."""
    found = call.data["attempts"]
    sends = [place for place, one in enumerate(found) if one["step"] == "drafts.send"]
    if not sends or found[sends[-1]]["outcome"] == "declined":
        return False
    return not any(one["outcome"] == "absent" for one in found[sends[-1] + 1 :])


def _check_receipt(call: Call, receipt: dict[str, Any]) -> None:
    where, facts = f"the receipt of {call.name}", receipt["facts"]
    shaped(facts, SENT_FACTS if receipt["kind"] == "sent" else DRAFT_FACTS, f"the facts of {where}")
    answers = [one["raw_b64"] for one in call.data["attempts"] if one["outcome"] in ("done", "found")]
    demand(receipt["raw_b64"] in answers, f"{where} is not the provider's answer to a step")
    raw = _object(parse(unbase64(receipt["raw_b64"], where), where, is_exact=False), where)
    if receipt["kind"] == "draft":
        inner = _object(raw.get("message"), where) if "message" in raw else {"id": raw.get("message_id")} | raw
        said = (inner.get("id"), inner.get("threadId", raw.get("thread_id")))
    else:
        said = (raw.get("id"), raw.get("threadId"))
        demand(raw.get("labelIds") == facts.get("label_ids"), f"{where} has other labels than the provider's answer")
        demand("SENT" in facts["label_ids"], f"{where} does not say SENT")
    demand(said == (facts.get("message_id"), facts.get("thread_id")), f"{where} is about another message")


def records(packet: Packet) -> str:
    """Step 12."""
    compared = 0
    lacking = []
    for call in packet.calls:
        found = call.receipts("provider_record")
        if call.data["state"] != "succeeded":
            demand(not found, f"{call.name} is {call.data['state']}, and the provider has a record of it")
            continue
        if not found:
            lacking.append(call.name)
            continue
        demand(len(found) == 1, f"{call.name} has {len(found)} records of one message")
        _check_record(call, found[0])
        compared += 1
    _demand_all("this packet lacks the provider's own record of", lacking)
    return f"{number(compared, 'mail')} that the provider keeps as approved"


def _check_record(call: Call, receipt: dict[str, Any]) -> None:
    where, facts = f"the provider's record of {call.name}", receipt["facts"]
    record = _object(parse(unbase64(receipt["raw_b64"], where), where, is_exact=False), where)
    shaped(facts, RECORD_FACTS, f"the facts of {where}")
    settled = next(iter(call.receipts("sent", "draft")), None)
    if settled is None:
        raise Failed(f"{where} belongs to no receipt")
    said = [record.get("id"), record.get("threadId"), record.get("labelIds")]
    demand(said == [facts.get(key) for key in ("message_id", "thread_id", "label_ids")], f"{where} is not its answer")
    demand(said[:2] == [settled["facts"].get(key) for key in ("message_id", "thread_id")], f"{where}: another message")
    demand(LABELS[settled["kind"]] in (said[2] or []), f"{where} does not say {LABELS[settled['kind']]}")
    raw = _unbase64url(text_of(record, "raw", where), where)
    demand(sha256(raw) == facts.get("rfc822_sha256"), f"{where} holds other bytes than its digest says")
    kept = mail.read(raw, where)
    different = mail.differences(call.mail, kept)
    demand(not different, f"{where} differs from what was approved: {', '.join(different)}")
    wire_id = [*kept["Message-ID"], ""][0].strip()
    wire = (wire_id, " ".join(kept["References"]).split()[:REFERENCES_MAX], [*kept["Subject"], ""][0])
    told = (facts["wire_message_id"], facts["references"], facts["subject"])
    demand(wire == told, f"the facts of {where} are not what the mail says")
    demand(kept["X-Trinity-Operation"] == [call.envelope["operation_token"]], f"{where} has another token")
    thread = call.envelope["resource"].get("thread_id")
    demand(thread is None or thread == facts.get("thread_id"), f"{where} is in another thread than the approved one")


def comparisons(packet: Packet) -> str:
    """Step 13."""
    held = 0
    lacking = []
    for call in packet.calls:
        found = call.receipts("verification")
        if call.data["state"] != "succeeded":
            demand(not found, f"{call.name} is {call.data['state']}, and was compared with something")
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


def _object(value: Any, where: str) -> dict[str, Any]:
    if type(value) is not dict:
        raise Failed(f"{where} is not an object")
    return value


def _unbase64url(text: str, where: str) -> bytes:
    """Gmail's `raw`: base64url (RFC 4648, section 5), with or without padding."""
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Failed(f"{where} holds no readable mail") from error
