"""The shapes of a packet's records, as data. A name is a kind of scalar, `(x,)` is x or null, `[x]` a list of x."""

from typing import Any

type Shape = dict[str, Any]

DECISION: Shape = {
    "id": "uuid",
    "approver_id": "uuid",
    "decision": "text",
    "statement_b64": "base64",
    "assertion_b64": ("base64",),
    "decided_at": "time",
}
APPROVAL: Shape = {
    "request_id": "uuid",
    "envelope_digest": "digest",
    "state": "text",
    "quorum": "integer",
    "created_at": "time",
    "expires_at": "time",
    "spent_at": ("time",),
    "decisions": [DECISION],
}
ATTEMPT: Shape = {
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
RECEIPT: Shape = {
    "id": "uuid",
    "kind": "text",
    "facts": "object",
    "raw_b64": "base64",
    "sha256": "digest",
    "created_at": "time",
}
CALL: Shape = {
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
CALL_V2: Shape = CALL | {"subject_id": ("uuid",)}
RUN: Shape = {
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
RUN_V2: Shape = RUN | {
    "started_by": ("uuid",),
    "kind": "text",
    "contact_id": ("uuid",),
    "order_id": ("uuid",),
    "thread_id": ("uuid",),
    "held_for_id": ("uuid",),
}
SOURCE: Shape = {
    "id": "uuid",
    "origin": "text",
    "sha256": "digest",
    "size_bytes": "integer",
    "release_state": "text",
    "decided_by": ("uuid",),
    "decided_at": ("time",),
    "created_at": "time",
}
SOURCE_V2: Shape = SOURCE | {"contact_id": ("uuid",)}
ARTIFACT: Shape = SOURCE_V2 | {"media_type": "text", "run_id": ("uuid",), "source_id": ("uuid",)}
DRAFT: Shape = {"id": "uuid", "sha256": "digest", "created_at": "time"}
DRAFT_V2: Shape = DRAFT | {"run_id": "uuid"}
MODEL_DECISION: Shape = {
    "id": "uuid",
    "run_id": ("uuid",),
    "tool_call_id": ("uuid",),
    "subject_id": ("uuid",),
    "route": "text",
    "provider": "text",
    "model": "text",
    "input_sha256": "digest",
    "request_sha256": "digest",
    "response_b64": "base64",
    "verdict": ("object",),
    "outcome": "text",
    "failure": ("text",),
    "created_at": "time",
}
MESSAGE: Shape = {
    "id": "uuid",
    "direction": "text",
    "kind": "text",
    "provider_message_id": "text",
    "wire_message_id": "text",
    "source_id": ("uuid",),
    "tool_call_id": ("uuid",),
    "created_at": "time",
}
THREAD: Shape = {
    "id": "uuid",
    "contact_id": ("uuid",),
    "provider_thread_id": "text",
    "created_at": "time",
    "messages": [MESSAGE],
}
EVENT: Shape = {
    "id": "uuid",
    "kind": "text",
    "actor_kind": "text",
    "actor_id": "text",
    "subject_kind": "text",
    "subject_id": ("uuid",),
    "facts_b64": "base64",
    "created_at": "time",
}
MONEY: Shape = {"amount_minor": "integer", "currency": "text"}
OFFER: Shape = MONEY | {"id": "uuid", "title": "text", "created_at": "time"}
CHECKOUT: Shape = MONEY | {
    "id": "uuid",
    "offer_id": "uuid",
    "contact_id": "uuid",
    "tool_call_id": ("uuid",),
    "provider_session_id": ("text",),
    "state": "text",
    "created_at": "time",
}
CUSTOMER: Shape = {"id": "uuid", "contact_id": "uuid", "provider_customer_id": ("text",), "created_at": "time"}
INTAKE: Shape = {"id": "uuid", "source_id": ("uuid",), "created_at": "time"}
FULFILMENT: Shape = {
    "id": "uuid",
    "run_id": ("uuid",),
    "artifact_id": ("uuid",),
    "tool_call_id": ("uuid",),
    "state": "text",
    "created_at": "time",
    "delivered_at": ("time",),
}
REVENUE_EVENT: Shape = MONEY | {"id": "uuid", "kind": "text", "provider_id": "text", "created_at": "time"}
REFUND: Shape = MONEY | {
    "id": "uuid",
    "provider_refund_id": "text",
    "tool_call_id": ("uuid",),
    "state": "text",
    "created_at": "time",
}
DISPUTE: Shape = MONEY | {
    "id": "uuid",
    "provider_dispute_id": "text",
    "charge_id": "text",
    "state": "text",
    "created_at": "time",
}
TRANSFER: Shape = MONEY | {
    "id": "uuid",
    "debit": "text",
    "credit": "text",
    "kind": "text",
    "txn_id": "text",
    "source_id": "text",
    "happened_at": "time",
    "created_at": "time",
}
STRIPE_EVENT: Shape = {
    "id": "uuid",
    "provider_event_id": "text",
    "type": "text",
    "object_id": "text",
    "raw_sha256": "digest",
    "size_bytes": "integer",
    "outcome": "text",
    "received_at": "time",
}
ORDER: Shape = MONEY | {
    "id": "uuid",
    "number": "integer",
    "project_id": "uuid",
    "contact_id": "uuid",
    "offer_id": "uuid",
    "customer_id": "uuid",
    "checkout_id": "uuid",
    "payment_intent_id": ("text",),
    "charge_id": ("text",),
    "state": "text",
    "refunded_minor": "integer",
    "paid_at": "time",
    "created_at": "time",
    "offer": OFFER,
    "checkout": CHECKOUT,
    "customer": CUSTOMER,
    "intake": (INTAKE,),
    "fulfilment": (FULFILMENT,),
    "revenue_events": [REVENUE_EVENT],
    "refunds": [REFUND],
    "disputes": [DISPUTE],
    "transfers": [TRANSFER],
    "stripe_events": [STRIPE_EVENT],
}
_BODY: Shape = {
    "format": "text",
    "account_id": "uuid",
    "kind": "text",
    "subject_id": "uuid",
    "exported_at": "time",
    "events": [EVENT],
    "missing": ["text"],
}
BODY_V1: Shape = _BODY | {"run": (RUN,), "tool_calls": [CALL], "sources": [SOURCE], "drafts": [DRAFT]}
BODY_V2: Shape = _BODY | {
    "order": (ORDER,),
    "runs": [RUN_V2],
    "threads": [THREAD],
    "tool_calls": [CALL_V2],
    "sources": [SOURCE_V2],
    "artifacts": [ARTIFACT],
    "drafts": [DRAFT_V2],
    "model_decisions": [MODEL_DECISION],
}
ENVELOPE: Shape = {
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
STATEMENT: Shape = {
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
