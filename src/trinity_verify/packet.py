"""The packet's shape, and one ToolCall of it as the steps see it. What has another shape is refused whole."""

from dataclasses import dataclass, field
from typing import Any

from trinity_verify.form import Failed, demand, parse, shaped, unbase64

FORMAT = "trinity/signed-packet/v1"
BODY_FORMAT = "trinity/packet/v1"
TIERS = ("read", "internal", "draft", "external", "money", "extreme")
EXTERNAL = TIERS.index("external")

DECISION = {
    "id": "uuid",
    "approver_id": "uuid",
    "decision": "text",
    "statement_b64": "base64",
    "assertion_b64": ("base64",),
    "decided_at": "time",
}
APPROVAL = {
    "request_id": "uuid",
    "envelope_digest": "digest",
    "state": "text",
    "quorum": "integer",
    "created_at": "time",
    "expires_at": "time",
    "spent_at": ("time",),
    "decisions": [DECISION],
}
ATTEMPT = {
    "id": "uuid",
    "act_n": "integer",
    "lease_epoch": "integer",
    "step_n": "integer",
    "step": "text",
    "intent": "object",
    "started_at": "time",
    "outcome": ("text",),
    "result": ("object",),
    "finished_at": ("time",),
    "raw_b64": ("base64",),
}
RECEIPT = {
    "id": "uuid",
    "kind": "text",
    "facts": "object",
    "raw_b64": "base64",
    "sha256": "digest",
    "created_at": "time",
}
CALL = {
    "id": "uuid",
    "state": "text",
    "proof_state": "text",
    "operation": "text",
    "envelope_b64": "base64",
    "payload_b64": "base64",
    "salt_b64": "base64",
    "typed_payload_b64": "base64",
    "approval": (APPROVAL,),
    "attempts": [ATTEMPT],
    "receipts": [RECEIPT],
}
RUN = {
    "id": "uuid",
    "project_id": "uuid",
    "goal": "text",
    "state": "text",
    "started_by": "uuid",
    "package_sha256": ("digest",),
    "created_at": "time",
    "started_at": ("time",),
    "finished_at": ("time",),
}
SOURCE = {
    "id": "uuid",
    "origin": "text",
    "sha256": "digest",
    "size_bytes": "integer",
    "release_state": "text",
    "decided_by": ("uuid",),
    "decided_at": ("time",),
    "created_at": "time",
}
EVENT = {
    "id": "uuid",
    "kind": "text",
    "actor_kind": "text",
    "actor_id": "text",
    "subject_kind": "text",
    "subject_id": ("uuid",),
    "facts_b64": "base64",
    "created_at": "time",
}
BODY = {
    "format": "text",
    "account_id": "uuid",
    "kind": "text",
    "subject_id": "uuid",
    "exported_at": "time",
    "run": (RUN,),
    "tool_calls": [CALL],
    "sources": [SOURCE],
    "drafts": [{"id": "uuid", "sha256": "digest", "created_at": "time"}],
    "events": [EVENT],
    "missing": ["text"],
}
ENVELOPE = {
    "schema": "text",
    "account_id": "uuid",
    "project_id": "uuid",
    "run_id": ("uuid",),
    "tool_call_id": "uuid",
    "requester": {"kind": "text", "id": "text"},
    "provider": "text",
    "operation": "text",
    "resource": "object",
    "mode": "text",
    "endpoint": "text",
    "tier": "text",
    "quorum": "integer",
    "idempotency_key": "text",
    "payload_type": "text",
    "payload_digest": "digest",
    "typed_digest": "digest",
    "operation_token": "text",
    "not_before": ("time",),
    "expires_at": "time",
    "created_at": "time",
    "policy_version": "text",
    "nonce": "text",
    "supersedes": ("uuid",),
}
STATEMENT = {
    "schema": "text",
    "account_id": "uuid",
    "request_id": "uuid",
    "tool_call_id": "uuid",
    "envelope_digest": "digest",
    "decision": "text",
    "approver_id": "uuid",
    "role": "text",
    "reason_sha256": "digest",
    "issued_at": "time",
    "expires_at": "time",
    "nonce": "text",
}


@dataclass
class Call:
    """One ToolCall. `envelope`, `typed` and `mail` are filled by the steps that have checked them."""

    data: dict[str, Any]
    envelope_bytes: bytes
    payload: bytes
    salt: bytes
    typed_bytes: bytes
    envelope: dict[str, Any] = field(default_factory=dict)
    typed: dict[str, Any] = field(default_factory=dict)
    mail: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The ToolCall's id."""
        return str(self.data["id"])

    @property
    def name(self) -> str:
        """How reasons speak of it."""
        return f"{self.data['operation'][:40]} {self.id}"

    @property
    def is_external(self) -> bool:
        """Whether its tier needs people."""
        return TIERS.index(self.envelope["tier"]) >= EXTERNAL

    @property
    def acts(self) -> list[dict[str, Any]]:
        """The attempts that wrote to the provider, in order."""
        return [one for one in self.data["attempts"] if one["step"] != "reconcile"]

    def receipts(self, *kinds: str) -> list[dict[str, Any]]:
        """The receipts of these kinds, in order."""
        return [one for one in self.data["receipts"] if one["kind"] in kinds]


@dataclass
class Packet:
    """A packet of the known shape. `events` are the body's, each with its parsed `facts`."""

    body: dict[str, Any]
    calls: list[Call]
    events: list[dict[str, Any]]


def shape_packet(body: Any) -> Packet:
    """The packet, or `Failed` where its shape is another."""
    shaped(body, BODY, "body")
    demand(body["format"] == BODY_FORMAT, "the body's format is not known to this verifier")
    demand(body["kind"] in ("run", "tool_call"), "the body's kind is not known to this verifier")
    calls = [_call(data) for data in body["tool_calls"]]
    return Packet(body, calls, [event | {"facts": _facts(event)} for event in body["events"]])


def _call(data: dict[str, Any]) -> Call:
    names = ("envelope_b64", "payload_b64", "salt_b64", "typed_payload_b64")
    envelope, payload, salt, typed = (unbase64(data[name], name) for name in names)
    return Call(data, envelope, payload, salt, typed)


def _facts(event: dict[str, Any]) -> dict[str, Any]:
    where = f"the facts of the event {event['id']}"
    facts = parse(unbase64(event["facts_b64"], where), where)
    if type(facts) is not dict:
        raise Failed(f"{where} are not an object")
    return facts


def text_of(facts: dict[str, Any], key: str, what: str) -> str:
    """A text in a record's facts; `Failed` if there is none."""
    value = facts.get(key)
    if type(value) is not str or not value:
        raise Failed(f"{what} names no {key}")
    return value
