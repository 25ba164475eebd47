"""A factory of valid packets that shares nothing with what Trinity writes or reads: the format, written by hand.

`make_body` builds the body of a run with one sent mail, one source, one draft. Keyword arguments change a part
of it *before* whatever depends on that part is computed, so that a packet can lie consistently: everything
that can be recomputed is, and what remains wrong is what the verifier has to find.
"""

import base64
from itertools import count
from typing import Any

from tests.verify.signing import SALT, TOKEN, Json, after, b64, dumps, merged, second_of, sha256, uid

ACCOUNT = uid(after(-9_000), 1)
OWNER = uid(after(-8_000), 2)
PROJECT = uid(after(-7_000), 3)
RUN = uid(after(0), 4)
SOURCE = uid(after(-60), 5)
DRAFT = uid(after(5), 6)
CALL = uid(after(10), 7)
REQUEST = uid(after(12), 8)
GOAL = "Write to Ada."


def mail_bytes(*, to: str = "ada@customer.example", subject: str = "Your website", text: str = "Dear Ada,") -> bytes:
    """The mail as it was approved."""
    head = (
        f'From: "Northwind" <hello@northwind.example>\r\nTo: "Ada Byron" <{to}>\r\n'
        f"Reply-To: hello+tr.{TOKEN}@northwind.example\r\nSubject: {subject}\r\n"
        f"Date: Sun, 01 Nov 2026 09:00:10 +0000\r\nX-Trinity-Operation: {TOKEN}\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/alternative; boundary="b"\r\n\r\n'
    )
    parts = "".join(
        f"--b\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n{body}\r\n"
        for kind, body in (("plain", text), ("html", f"<p>{text}</p>"))
    )
    return (head + parts + "--b--\r\n").encode()


def typed_payload(**changes: Any) -> Json:
    """What was asked for."""
    asked = {
        "mailbox": "desk@northwind.example",
        "from_alias": "hello@northwind.example",
        "to": [{"addr": "ada@customer.example", "name": "Ada Byron"}],
        "subject": "Your website",
        "text": "Dear Ada,",
    }
    return merged(asked, changes)


def make_body(**changed: Any) -> Json:
    """A valid body, with changes: keys name the parts below, values are merged in (None takes a part away)."""
    payload: bytes = changed.get("payload", mail_bytes())
    typed = dumps(typed_payload(**changed.get("typed", {})))
    envelope = dumps(_envelope(payload, typed) | changed.get("envelope", {}))
    approval = _approval(sha256(envelope), changed)
    attempts = _attempts(payload, changed)
    receipts = _receipts(envelope, changed.get("sent_payload", payload), changed)
    call = {
        "id": CALL,
        "subject_id": None,
        "state": "succeeded",
        "proof_state": "pending_receipt",
        "operation": "gmail.send",
        "envelope_b64": b64(envelope),
        "payload_b64": b64(payload),
        "salt_b64": b64(SALT),
        "typed_payload_b64": b64(typed),
        "approval": approval,
        "attempts": attempts,
        "receipts": receipts,
    } | changed.get("call", {})
    body = {
        "format": "trinity/packet/v2",
        "account_id": ACCOUNT,
        "kind": "run",
        "subject_id": RUN,
        "exported_at": after(120),
        "order": None,
        "runs": [_run() | changed.get("run", {})],
        "threads": [],
        "tool_calls": [call],
        "sources": [_source() | changed.get("source", {})],
        "artifacts": [],
        "drafts": [{"id": DRAFT, "run_id": RUN, "sha256": sha256(b"Dear Ada,"), "created_at": after(5)}],
        "model_decisions": judgements(payload, changed),
        "events": _events(payload, envelope, approval, receipts, changed),
        "missing": ["There is no transparency log yet."],
    }
    return merged(body, changed.get("body", {}))


def _envelope(payload: bytes, typed: bytes) -> Json:
    return {
        "schema": "trinity/envelope/v1",
        "account_id": ACCOUNT,
        "project_id": PROJECT,
        "run_id": RUN,
        "tool_call_id": CALL,
        "requester": {"kind": "agent", "id": RUN},
        "provider": "gmail",
        "operation": "gmail.send",
        "resource": {
            "integration_id": PROJECT,
            "mailbox": "desk@northwind.example",
            "alias": "hello@northwind.example",
        },
        "mode": "sandbox",
        "endpoint": "http://127.0.0.1:8025",
        "tier": "external",
        "quorum": 1,
        "idempotency_key": "run/1",
        "payload_type": "message/rfc822",
        "payload_digest": sha256(SALT + payload),
        "typed_digest": sha256(typed),
        "operation_token": TOKEN,
        "not_before": None,
        "expires_at": after(86_410),
        "created_at": after(10),
        "policy_version": "2026-11-1",
        "nonce": "00" * 16,
        "supersedes": None,
    }


def _approval(digest: str, changed: Json) -> Json | None:
    if changed.get("approval", {}) is None:
        return None
    people = changed.get("deciders", [{}])
    asked = {
        "request_id": REQUEST,
        "envelope_digest": digest,
        "state": "spent",
        "quorum": changed.get("envelope", {}).get("quorum", 1),
        "created_at": after(12),
        "expires_at": changed.get("envelope", {}).get("expires_at", after(86_410)),
        "spent_at": after(50),
        "decisions": [_decision(digest, 20 + place, changed | {"said": one}) for place, one in enumerate(people)],
    }
    return merged(asked, changed.get("approval", {}))


def _decision(digest: str, second: int, changed: Json) -> Json:
    """One decision. `said` changes both the row and the statement, `statement` the statement alone."""
    said = {"approver_id": OWNER, "decision": "approve", "decided_at": after(second)} | changed["said"]
    statement = {
        "schema": "trinity/decision/v1",
        "account_id": ACCOUNT,
        "request_id": REQUEST,
        "tool_call_id": CALL,
        "envelope_digest": digest,
        "decision": said["decision"],
        "approver_id": said["approver_id"],
        "role": "owner",
        "reason_sha256": sha256(b""),
        "issued_at": said["decided_at"],
        "expires_at": changed.get("envelope", {}).get("expires_at", after(86_410)),
        "nonce": "11" * 16,
    } | changed.get("statement", {})
    row = {"id": uid(said["decided_at"], 9), "statement_b64": b64(dumps(statement)), "assertion_b64": None}
    return merged(row, said, changed.get("decision", {}))


def _attempts(payload: bytes, changed: Json) -> list[Json]:
    sent = changed.get("sent_payload", payload)
    intent = {"payload_sha256": sha256(payload), "token": TOKEN}
    answer = {"id": "d-1", "message": {"id": "m-0", "threadId": "t-1", "labelIds": ["DRAFT"]}}
    result = {"message_id": "m-0", "thread_id": "t-1", "draft_id": "d-1"}
    create = attempt(1, "drafts.create", 51, intent, result, answer) | changed.get("create", {})
    intent = {"draft_id": "d-1", "history_id": "7", "payload_sha256": sha256(sent)}
    result = {"message_id": "m-1", "thread_id": "t-1"}
    answer = {"id": "m-1", "threadId": "t-1", "labelIds": ["SENT"]}
    send = attempt(2, "drafts.send", 52, intent, result, answer) | changed.get("send", {})
    return list(changed.get("attempts", [create, send]))


def attempt(n: int, step: str, second: int, intent: Json, result: Json, answer: Json | None, **more: Any) -> Json:
    """One step that ended well half a second after it began."""
    return {
        "id": uid(after(second), n),
        "act_n": 1,
        "lease_epoch": 1,
        "step_n": n,
        "step": step,
        "intent": intent,
        "started_at": after(second),
        "outcome": "done",
        "result": result,
        "finished_at": after(second + 0.5),
        "raw_b64": b64(dumps(answer)) if answer is not None else None,
    } | more


def _receipts(envelope: bytes, sent: bytes, changed: Json) -> list[Json]:
    facts = {"message_id": "m-1", "thread_id": "t-1", "label_ids": ["SENT"]}
    answer = dumps({"id": "m-1", "threadId": "t-1", "labelIds": ["SENT"]})
    kept: bytes = changed.get("kept", b"Message-ID: <x@mail.example>\r\nReceived: from here\r\n" + sent)
    raw = base64.urlsafe_b64encode(kept).decode().rstrip("=")
    record = {"id": "m-1", "threadId": "t-1", "labelIds": ["SENT"], "raw": raw, "historyId": "8"}
    record |= changed.get("record_answer", {})
    wire = {"wire_message_id": "<x@mail.example>", "references": [], "subject": "Your website"}
    kept_facts = facts | wire | {"rfc822_sha256": sha256(kept)} | changed.get("record_facts", {})
    held = {
        name: {"is_held": True, "detail": "It holds."}
        for name in ("required", "exact", "timely", "permissioned", "router-executed", "receipt-matched")
    }
    comparison = {"properties": held, "differences": []} | changed.get("comparison", {})
    found = [
        receipt("sent", 53, facts | changed.get("sent_facts", {}), answer),
        receipt("provider_record", 60, kept_facts, dumps(record)),
        receipt("verification", 60, comparison, envelope),
    ]
    kept_receipts = [one for one in found if one["kind"] not in changed.get("without_receipts", ())]
    return list(changed.get("receipts", kept_receipts))


def receipt(kind: str, second: int, facts: Json, raw: bytes) -> Json:
    """One receipt."""
    number = {"sent": 1, "provider_record": 2, "verification": 3, "draft": 4}[kind]
    return {
        "id": uid(after(second), number),
        "kind": kind,
        "facts": facts,
        "raw_b64": b64(raw),
        "sha256": sha256(raw),
        "created_at": after(second),
    }


CLEAN: dict[str, Json] = {
    "copy_safety": {"verdict": "safe", "dangers": []},
    "qa": {"verdict": "pass", "faults": []},
    "score": {"score": 70},
}
"""What each route's model answers where nothing is wrong."""


def judged(payload: bytes, number: int, route: str, second: float = 11, **changes: Any) -> Json:
    """A model's decision about the mail: it may go. `said` is what the model answered, where that is something else."""
    verdict = changes.get("verdict", {"reasons": ["It is plain."], **CLEAN[route]})
    answer = {"choices": [{"message": {"content": dumps(changes.pop("said", verdict)).decode()}}]}
    return {
        "id": uid(after(second), number),
        "run_id": RUN,
        "tool_call_id": CALL,
        "subject_id": None,
        "route": route,
        "provider": "nvidia",
        "model": "nemotron",
        "input_sha256": sha256(payload),
        "request_sha256": sha256(b"request"),
        "response_b64": b64(dumps(answer)),
        "verdict": verdict,
        "outcome": "passed",
        "failure": None,
        "created_at": after(second),
    } | changes


def judgements(payload: bytes, changed: Json) -> list[Json]:
    """What models decided about the mail, in order."""
    return list(changed.get("judged", [judged(payload, 1, "copy_safety"), judged(payload, 2, "qa")]))


def decided(one: Json) -> Json:
    """The facts of the event of a model's decision."""
    return {key: one[key] for key in ("route", "outcome", "input_sha256", "failure") if one[key] is not None}


def _run() -> Json:
    return {
        "id": RUN,
        "project_id": PROJECT,
        "kind": "outreach",
        "contact_id": None,
        "order_id": None,
        "thread_id": None,
        "held_for_id": None,
        "goal": GOAL,
        "state": "completed",
        "started_by": OWNER,
        "package_sha256": sha256(b"package"),
        "created_at": after(0),
        "started_at": after(1),
        "finished_at": after(53.5),
    }


def _source() -> Json:
    return {
        "id": SOURCE,
        "contact_id": None,
        "origin": "operator",
        "sha256": sha256(b"We look after websites."),
        "size_bytes": 23,
        "release_state": "released",
        "decided_by": OWNER,
        "decided_at": after(-30),
        "created_at": after(-60),
    }


def _events(payload: bytes, envelope: bytes, approval: Json | None, receipts: list[Json], changed: Json) -> list[Json]:
    numbers = count(100)

    def event(second: float, kind: str, actor: tuple[str, str], subject: tuple[str, str], facts: Json) -> Json:
        moment = after(second)
        return {
            "id": uid(moment, next(numbers)),
            "kind": kind,
            "actor_kind": actor[0],
            "actor_id": actor[1],
            "subject_kind": subject[0],
            "subject_id": subject[1],
            "facts_b64": b64(dumps(facts | changed.get("facts", {}).get(kind, {}))),
            "created_at": moment,
        }

    owner, gateway, worker = ("user", OWNER), ("system", "gateway"), ("system", "worker")
    call, run, source = ("tool_call", CALL), ("run", RUN), ("source", SOURCE)
    digest = sha256(envelope)
    bound = {"operation": "gmail.send", "tier": "external", "envelope_digest": digest, "mode": "sandbox"}
    bound |= {key: value for key, value in changed.get("envelope", {}).items() if key in bound}
    known = {key: _source()[key] for key in ("origin", "sha256", "size_bytes")}
    settled = [one["sha256"] for one in receipts if one["kind"] == "sent"]
    found = [
        event(-60, "source.added", owner, source, known),
        event(-30, "source.released", owner, source, {"sha256": known["sha256"]}),
        event(0, "run.queued", owner, run, {"goal_sha256": sha256(GOAL.encode())}),
        event(1, "run.started", worker, run, {}),
        event(10, "tool_call.proposed", ("agent", RUN), call, bound),
        *(
            event(
                second_of(one["created_at"]),
                "model.decided",
                ("system", "modelrouter"),
                ("model_decision", one["id"]),
                decided(one),
            )
            for one in judgements(payload, changed)
        ),
        event(12, "tool_call.reviewed", ("system", "review"), call, {}),
        event(12.5, "run.waiting", worker, run, {}),
        event(50, "tool_call.claimed", gateway, call, {"envelope_digest": digest, "act_n": 1, "lease_epoch": 1}),
        event(53, "tool_call.succeeded", gateway, call, {"receipt_sha256": settled[0] if settled else None}),
        event(53.5, "run.completed", worker, run, {}),
        event(60, "tool_call.verified", gateway, call, {"is_good": True}),
        *(event(*one) for one in changed.get("more_events", ())),
    ]
    for one in (approval or {"decisions": []})["decisions"]:
        statement = sha256(base64.b64decode(one["statement_b64"]))
        facts = {"decision": one["decision"], "envelope_digest": digest, "statement_sha256": statement}
        found.append(event(second_of(one["decided_at"]), "approval.decided", ("user", one["approver_id"]), call, facts))
    kept = [one for one in found if one["kind"] not in changed.get("without_events", ())]
    return sorted(kept, key=lambda one: str(one["id"]))
