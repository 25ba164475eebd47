"""Packets that lie consistently: every digest is recomputed and the note is signed with the right key.

Each lie names the one step that has to find it. What a lie changes beyond its own part is recomputed by the
factory, so that nothing but the lie itself is wrong.
"""

from typing import Any

import pytest

from tests.verify.packets import ACCOUNT, CALL, OWNER, PROJECT, RUN, attempt, mail_bytes, make_body, typed_payload
from tests.verify.signing import TOKEN, after, b64, dumps, sha256, signed, uid, verifier_key
from trinity_verify import verify

OTHER = uid(after(-5_000), 77)
MAIL = mail_bytes()
ANSWER = {"id": "m-1", "threadId": "t-1", "labelIds": ["SENT"]}
SENT = {"message_id": "m-1", "thread_id": "t-1"}


def call(**changes: Any) -> dict[str, Any]:
    """Changes of the ToolCall's own fields."""
    return {"call": changes}


def step(n: int, name: str, second: int, **more: Any) -> dict[str, Any]:
    """A step of the story, with changes."""
    intents: dict[str, Any] = {
        "drafts.create": {"payload_sha256": sha256(MAIL), "token": TOKEN},
        "drafts.send": {"draft_id": "d-1", "history_id": "7", "payload_sha256": sha256(MAIL)},
        "reconcile": {"looks": 0},
    }
    draft = {"id": "d-1", "message": {"id": "m-0", "threadId": "t-1"}}
    results: dict[str, Any] = {
        "drafts.create": ({"message_id": "m-0", "thread_id": "t-1", "draft_id": "d-1"}, draft),
        "drafts.send": (SENT, ANSWER),
        "reconcile": ({"because": "it is there still", "draft_id": "d-1"}, None),
    }
    result, answer = results[name]
    return attempt(n, name, second, intents[name], result, answer) | more


CREATE, SEND = step(1, "drafts.create", 51), step(2, "drafts.send", 52)
UNKNOWN = {"outcome": "unknown", "result": {"message": "no answer"}, "raw_b64": None}
ABSENT = step(9, "reconcile", 53, outcome="absent", lease_epoch=2)
GATEWAY, THE_CALL = ("system", "gateway"), ("tool_call", CALL)


def again(*, between: list[dict[str, Any]]) -> dict[str, Any]:
    """Two sends, the first of unknown end, with something between them."""
    first, second = SEND | UNKNOWN, step(2, "drafts.send", 55, lease_epoch=3, act_n=2)
    return {"attempts": [CREATE, first, *between, second]}


LIES: dict[str, tuple[str, dict[str, Any]]] = {
    "the envelope names another account": ("envelopes", {"envelope": {"account_id": OTHER}}),
    "the envelope names another call": ("envelopes", {"envelope": {"tool_call_id": OTHER}}),
    "the envelope names another operation": ("envelopes", {"envelope": {"operation": "gmail.draft"}}),
    "the envelope has an unknown schema": ("envelopes", {"envelope": {"schema": "trinity/envelope/v2"}}),
    "the envelope has one key more": ("envelopes", {"envelope": {"note": "x"}}),
    "the envelope expires before it was made": ("envelopes", {"envelope": {"expires_at": after(9)}}),
    "the envelope has an unknown mode": ("envelopes", {"envelope": {"mode": "pretend"}}),
    "the payload is another": ("payloads", call(payload_b64=b64(mail_bytes(text="Dear Eve,")))),
    "the salt is short": ("payloads", call(salt_b64=b64(b"salt"))),
    "the typed payload is another": ("payloads", call(typed_payload_b64=b64(dumps(typed_payload(text="x"))))),
    "the mail goes to somebody else than asked": ("payloads", {"payload": mail_bytes(to="eve@evil.example")}),
    "the mail says something else than asked": ("payloads", {"payload": mail_bytes(text="Pay at once")}),
    "the mail has another subject than asked": ("payloads", {"payload": mail_bytes(subject="Invoice")}),
    "a blind copy was asked for and is not in the mail": ("payloads", {"typed": {"bcc": [{"addr": "b@x.example"}]}}),
    "the mail is for another alias": ("payloads", {"envelope": {"resource": {"mailbox": "desk@northwind.example"}}}),
    "the mail carries another token": ("payloads", {"envelope": {"operation_token": "another-token"}}),
    "an attachment was asked for": ("payloads", {"typed": {"attachments": [OTHER]}}),
    "a reply without a thread": ("payloads", {"typed": {"in_reply_to": OTHER}}),
    "nobody is asked for a mail that is sent": ("tiers", {"envelope": {"quorum": 0}}),
    "the tier is too low for sending": ("tiers", {"envelope": {"tier": "draft"}}),
    "an unknown tier": ("tiers", {"envelope": {"tier": "harmless"}}),
    "an extreme action by one person": ("tiers", {"envelope": {"tier": "extreme"}}),
    "a live endpoint that calls itself a sandbox": (
        "tiers",
        {"envelope": {"endpoint": "https://gmail.googleapis.com:443"}},
    ),
    "another provider": ("tiers", {"envelope": {"provider": "stripe"}}),
    "an unknown operation": (
        "payloads",
        {"envelope": {"operation": "gmail.forward"}, "call": {"operation": "gmail.forward"}},
    ),
    "there is no approval": ("approvals", {"approval": None}),
    "the approval is about other bytes": ("approvals", {"approval": {"envelope_digest": sha256(b"other")}}),
    "the approval asks fewer people": ("approvals", {"approval": {"quorum": 2}}),
    "the approval outlives its envelope": ("approvals", {"approval": {"expires_at": after(999_999)}}),
    "nobody has decided": ("approvals", {"deciders": []}),
    "somebody said no": ("approvals", {"deciders": [{}, {"approver_id": OTHER, "decision": "reject"}]}),
    "the same person twice for a quorum of two": ("approvals", {"envelope": {"quorum": 2}, "deciders": [{}, {}]}),
    "the approver has asked for it": ("approvals", {"envelope": {"requester": {"kind": "user", "id": OWNER}}}),
    "the statement is about another digest": ("approvals", {"statement": {"envelope_digest": sha256(b"x")}}),
    "the statement is about another call": ("approvals", {"statement": {"tool_call_id": OTHER}}),
    "the statement is about another request": ("approvals", {"statement": {"request_id": OTHER}}),
    "the statement is of another account": ("approvals", {"statement": {"account_id": OTHER}}),
    "the statement says no": ("approvals", {"statement": {"decision": "reject"}}),
    "the statement is by somebody else": ("approvals", {"statement": {"approver_id": OTHER}}),
    "the statement is of another kind": ("approvals", {"statement": {"schema": "trinity/vote/v1"}}),
    "the statement is by an auditor": ("approvals", {"statement": {"role": "auditor"}}),
    "the approval came before the call": ("approvals", {"deciders": [{"decided_at": after(9)}]}),
    "the approval came after the send": ("approvals", {"deciders": [{"decided_at": after(55)}]}),
    "the approval came after its expiry": ("approvals", {"deciders": [{"decided_at": after(86_411)}]}),
    "the approval was never spent": ("approvals", {"approval": {"state": "approved", "spent_at": None}}),
    "the approval was revoked": ("approvals", {"approval": {"state": "revoked"}}),
    "the first step came before the approval was spent": ("approvals", {"approval": {"spent_at": after(51.9)}}),
    "a live mail without a passkey": ("approvals", {"envelope": {"mode": "live"}}),
    "a live mail with anything for a passkey": (
        "approvals",
        {"envelope": {"mode": "live"}, "decision": {"assertion_b64": b64(b"trust me")}},
    ),
    "other bytes were sent": ("attempts", {"sent_payload": mail_bytes(text="Dear Eve,")}),
    "a step before the call was made": ("attempts", {"create": {"started_at": after(9)}}),
    "a step after the envelope's end": ("attempts", {"envelope": {"expires_at": after(51.5)}}),
    "a step before the chosen time": ("attempts", {"envelope": {"not_before": after(60)}}),
    "an unknown step": ("attempts", {"create": {"step": "messages.send"}}),
    "an unknown outcome": ("attempts", {"send": {"outcome": "fine"}}),
    "an outcome without an end": ("attempts", {"send": {"finished_at": None}}),
    "a draft that nobody made": ("attempts", {"create": {"outcome": "unknown", "result": {"message": "x"}}}),
    "a step whose result is not its answer": (
        "attempts",
        {"send": {"result": {"message_id": "m-2", "thread_id": "t-1"}}},
    ),
    "sent twice": ("attempts", {"attempts": [CREATE, SEND, step(2, "drafts.send", 55)]}),
    "sent again blindly": ("attempts", again(between=[])),
    "sent again although nobody could tell": ("attempts", again(between=[ABSENT | {"outcome": "cannot_tell"}])),
    "an old lease acts again": ("attempts", {"send": {"lease_epoch": 0}}),
    "no step was taken": ("receipts", {"attempts": []}),
    "the receipt is about another message": ("receipts", {"sent_facts": {"message_id": "m-2"}}),
    "there is no receipt": ("receipts", {"without_receipts": ("sent",)}),
    "the receipt does not say SENT": ("receipts", {"sent_facts": {"label_ids": ["DRAFT"]}}),
    "it failed, and yet it was sent": ("receipts", call(state="failed")),
    "it is open, and the last send had no answer": (
        "receipts",
        {"attempts": [CREATE, SEND | UNKNOWN], "without_receipts": ("sent",), **call(state="failed")},
    ),
    "the kept mail goes to somebody else": ("records", {"kept": mail_bytes(to="eve@evil.example")}),
    "the kept mail says something else": ("records", {"kept": mail_bytes(text="Dear Eve,")}),
    "the kept mail has one more recipient": ("records", {"kept": b"Bcc: eve@evil.example\r\n" + MAIL}),
    "the kept mail is no mail": ("records", {"kept": b"\x00\xff"}),
    "the record is of another message": ("records", {"record_answer": {"id": "m-9"}}),
    "the record is in another thread": ("records", {"record_answer": {"threadId": "t-9"}}),
    "the record is a draft": ("records", {"record_answer": {"labelIds": ["DRAFT"]}}),
    "the record holds other bytes": ("records", {"record_facts": {"rfc822_sha256": sha256(b"x")}}),
    "the record's message id is another": ("records", {"record_facts": {"wire_message_id": "<y@mail.example>"}}),
    "the exporter found a difference": ("comparisons", {"comparison": {"differences": ["to"]}}),
    "the exporter found less": ("comparisons", {"comparison": {"properties": {}}}),
    "the proposal was another": ("events", {"facts": {"tool_call.proposed": {"envelope_digest": sha256(b"x")}}}),
    "the decision was about something else": (
        "events",
        {"facts": {"approval.decided": {"statement_sha256": sha256(b"x")}}},
    ),
    "nobody claimed it": ("events", {"without_events": ("tool_call.claimed",)}),
    "nobody decided": ("events", {"without_events": ("approval.decided",)}),
    "nobody proposed it": ("events", {"without_events": ("tool_call.proposed",)}),
    "it never succeeded": ("events", {"without_events": ("tool_call.succeeded",)}),
    "it was never compared": ("events", {"without_events": ("tool_call.verified",)}),
    "the claim was for other bytes": ("events", {"facts": {"tool_call.claimed": {"envelope_digest": sha256(b"x")}}}),
    "the claim was of another lease": ("events", {"facts": {"tool_call.claimed": {"lease_epoch": 5}}}),
    "success had another receipt": ("events", {"facts": {"tool_call.succeeded": {"receipt_sha256": sha256(b"x")}}}),
    "it was denied in between": ("events", {"more_events": [(49, "tool_call.denied", GATEWAY, THE_CALL, {})]}),
    "it was claimed before the approval": (
        "events",
        {"more_events": [(15, "tool_call.claimed", GATEWAY, THE_CALL, {})]},
    ),
    "it was revoked after the claim": ("events", {"more_events": [(51, "approval.revoked", GATEWAY, THE_CALL, {})]}),
    "an event of something else": ("events", {"more_events": [(51, "x.y", GATEWAY, ("tool_call", OTHER), {})]}),
    "the packet is about another run": ("links", {"body": {"subject_id": OTHER}}),
    "the packet is about a call": ("links", {"body": {"kind": "tool_call"}}),
    "the call is of another run": ("links", {"envelope": {"run_id": OTHER}}),
    "the call is of another project": ("links", {"envelope": {"project_id": OTHER}}),
    "the run had another goal": ("links", {"run": {"goal": "Write to Eve."}}),
    "somebody else started the run": ("links", {"run": {"started_by": OTHER}}),
    "the run ended otherwise": ("links", {"run": {"state": "failed"}}),
    "the run belongs to another project": ("links", {"run": {"project_id": OTHER}}),
    "the source is another": ("links", {"source": {"sha256": sha256(b"x")}}),
    "another text was released": ("links", {"facts": {"source.released": {"sha256": sha256(b"x")}}}),
    "the endpoint is no origin": ("tiers", {"envelope": {"endpoint": "gmail"}}),
    "the history has no place": ("attempts", {"send": {"intent": SEND["intent"] | {"history_id": "x"}}}),
    "nobody released the source": ("links", {"without_events": ("source.released",)}),
    "the source is called quarantined": ("links", {"source": {"release_state": "quarantined", "decided_by": None}}),
    "the agent of another run asked": ("links", {"envelope": {"requester": {"kind": "agent", "id": OTHER}}}),
    "the export is older than what it holds": ("sequence", {"body": {"exported_at": after(-400)}}),
    "another account's packet": ("envelopes", {"body": {"account_id": OTHER}}),
    "an unknown format": ("format", {"body": {"format": "trinity/packet/v3"}}),
    "the format of another age": ("format", {"body": {"format": "trinity/packet/v1"}}),
    "an unknown kind": ("format", {"body": {"kind": "story"}}),
    "the packet is about an order that is not there": ("purchase", {"body": {"kind": "order"}}),
    "a time without microseconds": ("format", {"body": {"exported_at": "2026-11-01T09:02:00Z"}}),
    "an id that is no id": ("format", {"body": {"subject_id": "1"}}),
}


def test_the_factory_tells_the_truth() -> None:
    assert verify(signed(make_body()), verifier_key()).overall == "verified"
    assert {ACCOUNT, CALL, PROJECT, RUN} & {OTHER} == set()


@pytest.mark.parametrize("lie", LIES)
def test_a_consistent_lie_is_found_at_its_step(lie: str) -> None:
    step_name, changes = LIES[lie]
    verdict = verify(signed(make_body(**changes)), verifier_key())
    assert verdict.overall == "failed"
    failed = {one.name: one.reason for one in verdict.steps if one.verdict == "failed"}
    assert step_name in failed, failed
    assert "could not be taken" not in " ".join(failed.values())


@pytest.mark.parametrize(("kind", "steps"), [("provider_record", ["records"]), ("verification", ["comparisons"])])
def test_evidence_that_is_missing_is_said_to_be_missing(kind: str, steps: list[str]) -> None:
    verdict = verify(signed(make_body(without_receipts=(kind,))), verifier_key())
    assert verdict.overall == "failed"
    missing = [one.name for one in verdict.steps if one.verdict == "missing"]
    assert missing[:-2] == steps
