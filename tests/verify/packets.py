"""A factory of valid packets that shares nothing with what Trinity writes or reads: the format, written by hand.

`make_body` builds the body of a run with one sent mail, one source, one draft. Keyword arguments change a part
of it *before* whatever depends on that part is computed, so that a packet can lie consistently: everything
that can be recomputed is, and what remains wrong is what the verifier has to find.
"""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

START = datetime(2026, 11, 1, 9, 0, 0, 250_000, UTC)
TOKEN = "0123456789abcdef0123"
SALT = bytes(range(32))
NAME = "proof.example/log"
KEY = Ed25519PrivateKey.from_private_bytes(b"a key of tests, not of anything.")

type Json = dict[str, Any]


def verifier_key(key: Ed25519PrivateKey = KEY, name: str = NAME) -> str:
    """The verifier key text, as C2SP signed-note writes it."""
    material = b"\x01" + key.public_key().public_bytes_raw()
    return f"{name}+{key_id(key, name).hex()}+{base64.b64encode(material).decode()}"


def key_id(key: Ed25519PrivateKey = KEY, name: str = NAME) -> bytes:
    """The first four bytes of SHA-256(name, newline, 0x01, public key)."""
    return hashlib.sha256(name.encode() + b"\n\x01" + key.public_key().public_bytes_raw()).digest()[:4]


def note_over(body: Json, key: Ed25519PrivateKey = KEY, name: str = NAME) -> str:
    """The signed note over a body."""
    text = f"trinity/packet/v1\n{sha256(dumps(body))}\n"
    mark = base64.b64encode(key_id(key, name) + key.sign(text.encode())).decode()
    return f"{text}\n— {name} {mark}\n"


def signed(body: Json, note: str | None = None) -> bytes:
    """The file."""
    return dumps({"format": "trinity/signed-packet/v1", "body": body, "note": note or note_over(body)})


def dumps(value: Any) -> bytes:
    """RFC 8785."""
    return rfc8785.dumps(value)


def sha256(data: bytes) -> str:
    """Lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def b64(data: bytes) -> str:
    """Standard base64."""
    return base64.b64encode(data).decode()


def after(seconds: float) -> str:
    """A moment of the story."""
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def uid(moment: str, number: int) -> str:
    """A UUIDv7 of a moment."""
    millis = int(datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp() * 1000 + 0.5)
    text = f"{millis:012x}7{number:03x}8{number:015x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


ACCOUNT = uid(after(-9_000), 1)
OWNER = uid(after(-8_000), 2)
PROJECT = uid(after(-7_000), 3)
RUN = uid(after(0), 4)
SOURCE = uid(after(-60), 5)
DRAFT = uid(after(5), 6)
CALL = uid(after(10), 7)
REQUEST = uid(after(10), 8)
GOAL = "Write to Ada."


def merged(one: Json, *changes: Any) -> Json:
    """One object with others laid over it."""
    found = dict(one)
    for change in changes:
        found.update(change)
    return found


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
        "format": "trinity/packet/v1",
        "account_id": ACCOUNT,
        "kind": "run",
        "subject_id": RUN,
        "exported_at": after(120),
        "run": _run() | changed.get("run", {}),
        "tool_calls": [call],
        "sources": [_source() | changed.get("source", {})],
        "drafts": [{"id": DRAFT, "sha256": sha256(b"Dear Ada,"), "created_at": after(5)}],
        "events": _events(envelope, approval, receipts, changed),
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
        "created_at": after(10),
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


def _run() -> Json:
    return {
        "id": RUN,
        "project_id": PROJECT,
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
        "origin": "operator",
        "sha256": sha256(b"We look after websites."),
        "size_bytes": 23,
        "release_state": "released",
        "decided_by": OWNER,
        "decided_at": after(-30),
        "created_at": after(-60),
    }


def _events(envelope: bytes, approval: Json | None, receipts: list[Json], changed: Json) -> list[Json]:
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
        event(12, "run.waiting", worker, run, {}),
        event(50, "tool_call.claimed", gateway, call, {"envelope_digest": digest, "act_n": 1, "lease_epoch": 1}),
        event(53, "tool_call.succeeded", gateway, call, {"receipt_sha256": settled[0] if settled else None}),
        event(53.5, "run.completed", worker, run, {}),
        event(60, "tool_call.verified", gateway, call, {"is_good": True}),
        *(event(*one) for one in changed.get("more_events", ())),
    ]
    for one in (approval or {"decisions": []})["decisions"]:
        statement = sha256(base64.b64decode(one["statement_b64"]))
        facts = {"decision": one["decision"], "envelope_digest": digest, "statement_sha256": statement}
        at = (datetime.strptime(one["decided_at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC) - START).total_seconds()
        found.append(event(at, "approval.decided", ("user", one["approver_id"]), call, facts))
    kept = [one for one in found if one["kind"] not in changed.get("without_events", ())]
    return sorted(kept, key=lambda one: str(one["id"]))
