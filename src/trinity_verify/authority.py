"""Steps 6 to 9: what was bound, and who allowed it."""

import hashlib
import re
from typing import Any

from trinity_verify import mail
from trinity_verify.form import at, demand, number, parse, sha256, shaped, unbase64
from trinity_verify.packet import ENVELOPE, EXTERNAL, STATEMENT, TIERS, Call, Packet

SALT_BYTES = 32
ENVELOPE_SCHEMA = "trinity/envelope/v1"
STATEMENT_SCHEMA = "trinity/decision/v1"
FLOORS = {"gmail.draft": "draft", "gmail.send": "external", "gmail.reply": "external"}
"""The operations that this verifier knows, and the lowest tier of each."""
LIVE_ENDPOINTS = (".googleapis.com:443", ".google.com:443", ".stripe.com:443")
"""No sandbox has such an endpoint, whatever an envelope says."""
ORIGIN = re.compile(r"https?://[a-z0-9.:\[\]-]+:[0-9]{1,5}")
APPROVER_ROLES = ("approver", "owner")
BEFORE_APPROVAL = ("awaiting_approval", "rejected", "expired", "superseded", "cancelled")


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


def payloads(packet: Packet) -> str:
    """Step 7."""
    for call in packet.calls:
        envelope = call.envelope
        commitment = hashlib.sha256(call.salt + call.payload).hexdigest()
        demand(len(call.salt) == SALT_BYTES, f"the salt of {call.name} has not {SALT_BYTES} bytes")
        demand(commitment == envelope["payload_digest"], f"the payload of {call.name} is not the envelope's")
        demand(sha256(call.typed_bytes) == envelope["typed_digest"], f"what was asked for in {call.name} was changed")
        demand(envelope["payload_type"] == "message/rfc822", f"{call.name} has an unknown payload type")
        call.typed = parse(call.typed_bytes, f"the typed payload of {call.name}")
        _check_typed(call)
        call.mail = mail.read(call.payload, f"the payload of {call.name}")
        mail.check_says(call.mail, call.typed, envelope["operation_token"], f"the payload of {call.name}")
        _check_resource(call)
    _check_threads(packet)
    those = "the digest of its envelope" if len(packet.calls) == 1 else "the digests of their envelopes"
    return f"{number(len(packet.calls), 'payload')} with {those}, saying what was asked for"


def _check_typed(call: Call) -> None:
    """A mail's typed payload: texts, and lists of addresses; keys that may be left out are filled by nothing."""
    where = f"the typed payload of {call.name}"
    shape: dict[str, Any] = {"mailbox": "text", "from_alias": "text", "subject": "text", "text": "text"}
    optional = {
        "to": ["object"],
        "cc": ["object"],
        "bcc": ["object"],
        "attachments": ["text"],
        "in_reply_to": ("text",),
    }
    demand(type(call.typed) is dict, f"{where} is not an object")
    shaped(call.typed, shape | {key: kind for key, kind in optional.items() if key in call.typed}, where)
    demand(not call.typed.get("attachments"), f"{where} has attachments, which this verifier does not know")
    for one in [*call.typed.get("to", []), *call.typed.get("cc", []), *call.typed.get("bcc", [])]:
        shaped(one, {"addr": "text", "name": "text"} if "name" in one else {"addr": "text"}, f"{where}: an address")


def _check_resource(call: Call) -> None:
    resource = call.envelope["resource"]
    said = (resource.get("mailbox"), resource.get("alias"))
    demand(said == (call.typed["mailbox"], call.typed["from_alias"]), f"{call.name} is for another mailbox or alias")
    is_reply = call.typed.get("in_reply_to") is not None
    is_threaded = bool(call.mail["In-Reply-To"]) and "thread_id" in resource
    demand(is_reply == is_threaded, f"{call.name} is a reply in only one of: typed payload, mail, thread")


def _check_threads(packet: Packet) -> None:
    """A reply joins the thread of the mail that it answers, where that mail is in this packet."""
    by_id = {call.id: call for call in packet.calls}
    for call in packet.calls:
        earlier = by_id.get(str(call.typed.get("in_reply_to")))
        records = earlier.receipts("provider_record") if earlier else []
        if records:
            facts = records[-1]["facts"]
            wanted = (facts.get("thread_id"), [facts.get("wire_message_id")])
            found = (call.envelope["resource"].get("thread_id"), call.mail["In-Reply-To"])
            demand(found == wanted, f"{call.name} answers another mail than the one it names")


def tiers(packet: Packet) -> str:
    """Step 8."""
    for call in packet.calls:
        envelope = call.envelope
        tier, floor = envelope["tier"], FLOORS.get(envelope["operation"])
        demand(floor is not None, f"this verifier does not know the operation of {call.name}")
        demand(envelope["operation"].split(".")[0] == envelope["provider"], f"{call.name} names another provider")
        demand(tier in TIERS and TIERS.index(tier) >= TIERS.index(str(floor)), f"the tier of {call.name} is too low")
        least = 2 if tier == "extreme" else 1 if TIERS.index(tier) >= EXTERNAL else 0
        demand(envelope["quorum"] >= least, f"{call.name} needs at least {least} approvals, its envelope asks for less")
        demand(ORIGIN.fullmatch(envelope["endpoint"]) is not None, f"the endpoint of {call.name} is not an origin")
        is_live = envelope["endpoint"].endswith(LIVE_ENDPOINTS)
        demand(not (envelope["mode"] == "sandbox" and is_live), f"{call.name} calls a live endpoint a sandbox")
    return "tier and quorum of every call are what its operation needs"


def approvals(packet: Packet) -> str:
    """Step 9."""
    counted = 0
    for call in packet.calls:
        approval = call.data["approval"]
        if not call.is_external:
            demand(approval is None, f"{call.name} has an approval that its tier does not know")
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
    times = (approval["created_at"], approval["expires_at"])
    is_of_envelope = times == (envelope["created_at"], envelope["expires_at"])
    demand(is_of_envelope, f"the approval of {name} begins or expires at another time than its envelope")
    for decision in approval["decisions"]:
        _check_decision(packet, call, approval, decision)
    yes = [one for one in approval["decisions"] if one["decision"] == "approve"]
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
    lifetime = at(call.envelope["created_at"]), at(approval["expires_at"])
    demand(lifetime[0] <= at(said["issued_at"]) < lifetime[1], f"{where} was made outside its lifetime")
    requester = call.envelope["requester"]
    is_own = requester == {"kind": "user", "id": decision["approver_id"]} and decision["decision"] == "approve"
    demand(not is_own, f"{where} is by the requester")
    is_sandbox = call.envelope["mode"] == "sandbox"
    demand(is_sandbox or decision["assertion_b64"] is not None, f"{where} lacks the passkey assertion it needs")
    demand(is_sandbox, f"{where} is live: this version cannot check a passkey assertion")
