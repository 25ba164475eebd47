"""One hand-written ToolCall of any operation, with the audit events behind it: asked for, approved, done, compared."""

import base64
from dataclasses import dataclass, field
from typing import Any

from tests.verify.signing import SALT, Json, after, b64, dumps, sha256, uid

ACCOUNT = uid(after(-9_000), 1)
PROJECT = uid(after(-7_000), 3)
OWNER, SECOND = uid(after(-8_000), 2), uid(after(-8_000), 5)
GATEWAY = ("system", "gateway")
PROPERTIES = ("required", "exact", "timely", "permissioned", "router-executed", "receipt-matched")
LIFE_S = 86_400


def event(second: float, number: int, kind: str, actor: tuple[str, str], subject: tuple[str, str], facts: Json) -> Json:
    """An audit event."""
    return {
        "id": uid(after(second), number),
        "kind": kind,
        "actor_kind": actor[0],
        "actor_id": actor[1],
        "subject_kind": subject[0],
        "subject_id": subject[1],
        "facts_b64": b64(dumps(facts)),
        "created_at": after(second),
    }


@dataclass
class Step:
    """One step that ended well: its name, its number, what was intended, what came of it, the provider's answer."""

    name: str
    n: int
    intent: Json
    result: Json
    answer: bytes


@dataclass
class Made:
    """What to make a call of. Each part may be changed before anything that depends on it is computed."""

    number: int
    second: float
    operation: str
    provider: str
    tier: str
    typed: Json
    payload: bytes
    payload_type: str
    requester: Json
    token: str
    resource: Json
    receipt: Json
    steps: list[Step]
    record: tuple[Json, bytes] | None = None
    approvers: tuple[str, ...] = ()
    quorum: int | None = None
    run_id: str | None = None
    subject_id: str | None = None
    is_reviewed: bool = False
    envelope: Json = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The ToolCall's id."""
        return uid(after(self.second), self.number)

    def envelope_bytes(self) -> bytes:
        """The envelope, canonical."""
        typed = dumps(self.typed)
        return dumps(
            {
                "schema": "trinity/envelope/v1",
                "account_id": ACCOUNT,
                "project_id": PROJECT,
                "run_id": self.run_id,
                "tool_call_id": self.id,
                "requester": self.requester,
                "provider": self.provider,
                "operation": self.operation,
                "resource": self.resource,
                "mode": "sandbox",
                "endpoint": "http://127.0.0.1:8025",
                "tier": self.tier,
                "quorum": len(self.approvers) if self.quorum is None else self.quorum,
                "idempotency_key": f"key/{self.number}",
                "payload_type": self.payload_type,
                "payload_digest": sha256(SALT + self.payload),
                "typed_digest": sha256(typed),
                "operation_token": self.token,
                "not_before": None,
                "expires_at": after(self.second + LIFE_S),
                "created_at": after(self.second),
                "policy_version": "2026-11-2",
                "nonce": f"{self.number:032x}",
                "supersedes": None,
            }
            | self.envelope
        )

    def build(self) -> tuple[Json, list[Json]]:
        """The call as a packet holds it, and its events."""
        envelope = self.envelope_bytes()
        digest, asked = sha256(envelope), self.second + (2 if self.is_reviewed else 0)
        approval = self._approval(digest, asked) if self.approvers or self.quorum else None
        receipts = self._receipts(envelope)
        call = {
            "id": self.id,
            "subject_id": self.subject_id,
            "state": "succeeded",
            "proof_state": "verified",
            "operation": self.operation,
            "envelope_b64": b64(envelope),
            "payload_b64": b64(self.payload),
            "salt_b64": b64(SALT),
            "typed_payload_b64": b64(dumps(self.typed)),
            "approval": approval,
            "attempts": [self._attempt(step) for step in self.steps],
            "receipts": receipts,
        }
        return call, self._events(digest, approval, receipts, asked)

    def _approval(self, digest: str, asked: float) -> Json:
        request_id = uid(after(asked), 600 + self.number)
        return {
            "request_id": request_id,
            "envelope_digest": digest,
            "state": "spent",
            "quorum": len(self.approvers) if self.quorum is None else self.quorum,
            "created_at": after(asked),
            "expires_at": after(self.second + LIFE_S),
            "spent_at": after(self.second + 20),
            "decisions": [
                self._decision(digest, request_id, asked + 3 + place, who) for place, who in enumerate(self.approvers)
            ],
        }

    def _decision(self, digest: str, request_id: str, second: float, approver: str) -> Json:
        statement = {
            "schema": "trinity/decision/v1",
            "account_id": ACCOUNT,
            "request_id": request_id,
            "tool_call_id": self.id,
            "envelope_digest": digest,
            "decision": "approve",
            "approver_id": approver,
            "role": "owner",
            "reason_sha256": sha256(b""),
            "issued_at": after(second),
            "expires_at": after(self.second + LIFE_S),
            "nonce": "11" * 16,
        }
        return {
            "id": uid(after(second), 700 + self.number),
            "approver_id": approver,
            "decision": "approve",
            "statement_b64": b64(dumps(statement)),
            "assertion_b64": None,
            "decided_at": after(second),
        }

    def _attempt(self, step: Step) -> Json:
        second = self.second + 20 + step.n
        return {
            "id": uid(after(second), 800 + self.number),
            "act_n": 1,
            "lease_epoch": 1,
            "step_n": step.n,
            "step": step.name,
            "intent": {"payload_sha256": sha256(self.payload), **step.intent},
            "started_at": after(second),
            "outcome": "done",
            "result": step.result,
            "finished_at": after(second + 0.5),
            "raw_b64": b64(step.answer),
        }

    def _receipts(self, envelope: bytes) -> list[Json]:
        held: Json = {name: {"is_held": True, "detail": "It holds."} for name in PROPERTIES}
        kind, raw = self.receipt["kind"], self.steps[-1].answer
        found = [self._receipt(25, kind, self.receipt["facts"], raw)]
        if self.record is not None:
            found.append(self._receipt(30, "provider_record", *self.record))
        facts = {"properties": held, "differences": []}
        return [*found, self._receipt(30.5, "verification", facts, envelope)]

    def _receipt(self, second: float, kind: str, facts: Json, raw: bytes) -> Json:
        return {
            "id": uid(after(self.second + second), 900 + self.number),
            "kind": kind,
            "facts": facts,
            "raw_b64": b64(raw),
            "sha256": sha256(raw),
            "created_at": after(self.second + second),
        }

    def _events(self, digest: str, approval: Json | None, receipts: list[Json], asked: float) -> list[Json]:
        subject, by = ("tool_call", self.id), (self.requester["kind"], self.requester["id"])
        bound = {"operation": self.operation, "tier": self.tier, "envelope_digest": digest, "mode": "sandbox"}
        n = self.number
        found = [event(self.second, 100 + n, "tool_call.proposed", by, subject, bound)]
        if self.is_reviewed:
            found.append(event(asked, 200 + n, "tool_call.reviewed", ("system", "review"), subject, {}))
        for place, one in enumerate((approval or {"decisions": []})["decisions"]):
            statement = sha256(base64.b64decode(one["statement_b64"]))
            facts = {"decision": "approve", "envelope_digest": digest, "statement_sha256": statement}
            actor = ("user", one["approver_id"])
            found.append(event(asked + 3 + place, 300 + n, "approval.decided", actor, subject, facts))
        claimed = {"envelope_digest": digest, "act_n": 1, "lease_epoch": 1}
        said: dict[str, Any] = {"receipt_sha256": receipts[0]["sha256"]}
        found.append(event(self.second + 20, 400 + n, "tool_call.claimed", GATEWAY, subject, claimed))
        found.append(event(self.second + 25, 500 + n, "tool_call.succeeded", GATEWAY, subject, said))
        good = {"is_good": True}
        found.append(event(self.second + 30.5, 500 + n, "tool_call.verified", GATEWAY, subject, good))
        return found
