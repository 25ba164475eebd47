"""Steps 6, 8 and 9: what was bound, how far it reaches, and who allowed it."""

import re
from typing import Any

from trinity_verify.form import at, demand, number, parse, sha256, shaped, unbase64
from trinity_verify.judgement import reviewed_at
from trinity_verify.operations import EXTERNAL, REFUND_BY_ONE_MAX, TIERS
from trinity_verify.packet import Call, Packet
from trinity_verify.shapes import ENVELOPE, STATEMENT

ENVELOPE_SCHEMA = "trinity/envelope/v1"
STATEMENT_SCHEMA = "trinity/decision/v1"
LIVE_ENDPOINTS = (".googleapis.com:443", ".google.com:443", ".stripe.com:443")
"""No sandbox has such an endpoint, whatever an envelope says."""
ORIGIN = re.compile(r"(https?|smtps?)://[a-z0-9.:\[\]-]+:[0-9]{1,5}")
APPROVER_ROLES = ("approver", "owner")
REFUND, LOST = "stripe.refund", ("failed", "canceled")
UNASKED = ("proposed", "denied", "cancelled", "expired")
"""Where a mail may be about which no person was asked: models judge an agent's mail first."""
BEFORE_APPROVAL = ("proposed", "awaiting_approval", "rejected", "expired", "superseded", "cancelled")


def envelopes(packet: Packet) -> str:
    """Step 6."""
    for call in packet.calls:
        found = parse(call.envelope_bytes, f"the envelope of {call.name}")
        shaped(found, ENVELOPE, f"the envelope of {call.name}")
        demand(found["schema"] == ENVELOPE_SCHEMA, f"the envelope of {call.name} has an unknown schema")
        said = (found["account_id"], found["tool_call_id"], found["operation"])
        stands = (packet.body["account_id"], call.id, call.data["operation"])
        demand(said == stands, f"the envelope of {call.name} names another account, call or operation")
        demand(at(found["created_at"]) < at(found["expires_at"]), f"{call.name} expired before it was made")
        demand(found["mode"] in ("sandbox", "live"), f"{call.name} has an unknown mode")
        call.envelope = found
    for name in ("id", "nonce", "operation_token", "idempotency_key"):
        values = [call.id if name == "id" else call.envelope[name] for call in packet.calls]
        demand(len(set(values)) == len(values), f"two calls have the same {name}")
    about = "this call" if len(packet.calls) == 1 else "these calls"
    return f"{number(len(packet.calls), 'envelope')}, canonical, for this account and {about}"


def tiers(packet: Packet) -> str:
    """Step 8."""
    for call in packet.calls:
        envelope, known = call.envelope, call.operation
        tier = envelope["tier"]
        demand(envelope["provider"] == known.provider, f"{call.name} names another provider")
        demand(tier in TIERS and TIERS.index(tier) >= TIERS.index(known.floor), f"the tier of {call.name} is too low")
        least = _least(packet, call)
        demand(envelope["quorum"] >= least, f"{call.name} needs at least {least} approvals, its envelope asks for less")
        demand(ORIGIN.fullmatch(envelope["endpoint"]) is not None, f"the endpoint of {call.name} is not an origin")
        is_live = envelope["endpoint"].endswith(LIVE_ENDPOINTS)
        demand(not (envelope["mode"] == "sandbox" and is_live), f"{call.name} calls a live endpoint a sandbox")
    return "tier and quorum of every call are what its operation needs"


def _least(packet: Packet, call: Call) -> int:
    """How many different people must agree: two for the extreme and for much money, one for what leaves the house."""
    tier = call.envelope["tier"]
    is_much = call.data["operation"] == REFUND and _paid_back(packet, call) > REFUND_BY_ONE_MAX
    return 2 if tier == "extreme" or is_much else 1 if TIERS.index(tier) >= EXTERNAL else 0


def _paid_back(packet: Packet, call: Call) -> int:
    """What a refund pays back together with those of the same order that were asked for before it and succeeded."""
    lost = {one["tool_call_id"] for one in (packet.body["order"] or {"refunds": []})["refunds"] if one["state"] in LOST}
    earlier = [one for one in packet.calls if one.data["operation"] == REFUND and one.id < call.id]
    counted = [one for one in earlier if one.state == "succeeded" and one.id not in lost]
    same = [one for one in counted if one.typed["order_id"] == call.typed["order_id"]]
    return int(sum(one.typed["amount_minor"] for one in [*same, call]))


def approvals(packet: Packet) -> str:
    """Step 9."""
    counted = 0
    for call in packet.calls:
        approval = call.data["approval"]
        if not call.is_external:
            demand(approval is None, f"{call.name} has an approval that its tier does not know")
            continue
        if approval is None and call.state in UNASKED:
            demand(not call.data["attempts"], f"{call.name} acted, and nobody was asked")
            continue
        demand(approval is not None, f"{call.name} has no approval request")
        counted += _check_approval(packet, call, approval)
    those, others = ("this digest", "another") if counted == 1 else ("these digests", "others")
    return f"{number(counted, 'approval')} of exactly {those}, in time, by {others} than the requester"


def _check_approval(packet: Packet, call: Call, approval: dict[str, Any]) -> int:
    """Check one request; returns how many approvals of it count."""
    envelope, name = call.envelope, call.name
    demand(approval["envelope_digest"] == sha256(call.envelope_bytes), f"the approval of {name} is about other bytes")
    demand(approval["quorum"] == envelope["quorum"], f"the approval of {name} has another quorum than its envelope")
    asked = reviewed_at(packet, call) or envelope["created_at"]
    is_of_envelope = (approval["created_at"], approval["expires_at"]) == (asked, envelope["expires_at"])
    demand(is_of_envelope, f"the approval of {name} begins or expires at another time than its envelope")
    for decision in approval["decisions"]:
        _check_decision(packet, call, approval, decision)
    yes = [one for one in approval["decisions"] if one["decision"] == "approve"]
    _check_attachments(packet, call, yes)
    people = {one["approver_id"] for one in approval["decisions"]}
    demand(len(people) == len(approval["decisions"]), f"somebody decided twice on {name}")
    is_refused = len(yes) < len(approval["decisions"])
    demand(is_refused or approval["state"] != "rejected", f"{name} is rejected, and nobody rejected it")
    has_acted = bool(call.data["attempts"])
    if has_acted or call.data["state"] not in (*BEFORE_APPROVAL, "denied"):
        demand(not is_refused, f"{name} was rejected and went on")
        demand(len(yes) >= envelope["quorum"], f"{name} went on with {len(yes)} of {envelope['quorum']} approvals")
        _check_spent(call, approval, yes)
    return len(yes)


def _check_attachments(packet: Packet, call: Call, yes: list[dict[str, Any]]) -> None:
    """What is attached had been released by a person before anybody approved the mail."""
    for artifact_id in call.typed.get("attachments", []) if yes else []:
        artifact = packet.find("artifacts", artifact_id) or {}
        is_released = artifact.get("release_state") == "released" and artifact["decided_at"] is not None
        where = f"the attachment {artifact_id[:40]} of {call.name}"
        demand(is_released, f"{where} was approved, and never released")
        is_before = all(at(artifact["decided_at"]) <= at(one["decided_at"]) for one in yes)
        demand(is_before, f"{where} was released after the mail was approved")


def _check_spent(call: Call, approval: dict[str, Any], yes: list[dict[str, Any]]) -> None:
    """What acted had spent its approval before its first step, and every approval was there by then."""
    is_waiting = not call.data["attempts"] and call.data["state"] == "ready"
    wanted = "approved" if is_waiting and approval["spent_at"] is None else "spent"
    demand(approval["state"] == wanted, f"{call.name} is {call.data['state']} and its approval {approval['state']}")
    demand((approval["spent_at"] is not None) == (wanted == "spent"), f"the approval of {call.name} has no time of use")
    for one in yes:
        first = approval["spent_at"] or approval["expires_at"]
        demand(at(one["decided_at"]) <= at(first), f"an approval of {call.name} came after its use")
    for attempt in call.data["attempts"]:
        is_after = at(approval["spent_at"] or approval["expires_at"]) <= at(attempt["started_at"])
        demand(is_after, f"a step of {call.name} began before its approval was spent")


def _check_decision(packet: Packet, call: Call, approval: dict[str, Any], decision: dict[str, Any]) -> None:
    """The statement is canonical and says exactly this, in time, by somebody who may."""
    where = f"a decision on {call.name}"
    said = parse(unbase64(decision["statement_b64"], where), f"the statement of {where}")
    shaped(said, STATEMENT, f"the statement of {where}")
    wanted = {
        "schema": STATEMENT_SCHEMA,
        "account_id": packet.body["account_id"],
        "request_id": approval["request_id"],
        "tool_call_id": call.id,
        "envelope_digest": approval["envelope_digest"],
        "decision": decision["decision"],
        "approver_id": decision["approver_id"],
        "issued_at": decision["decided_at"],
        "expires_at": approval["expires_at"],
    }
    different = [key for key, value in wanted.items() if said[key] != value]
    demand(not different, f"the statement of {where} says another {', '.join(different)}")
    demand(decision["decision"] in ("approve", "reject"), f"{where} is neither yes nor no")
    demand(said["role"] in APPROVER_ROLES, f"{where} is by a {said['role'][:20]}, who may not decide")
    lifetime = at(approval["created_at"]), at(approval["expires_at"])
    demand(lifetime[0] <= at(said["issued_at"]) < lifetime[1], f"{where} was made outside its lifetime")
    requester = call.envelope["requester"]
    is_own = requester == {"kind": "user", "id": decision["approver_id"]} and decision["decision"] == "approve"
    demand(not is_own, f"{where} is by the requester")
    is_sandbox = call.envelope["mode"] == "sandbox"
    demand(is_sandbox or decision["assertion_b64"] is not None, f"{where} lacks the passkey assertion it needs")
    demand(is_sandbox, f"{where} is live: this version cannot check a passkey assertion")
