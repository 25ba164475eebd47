"""Gmail's part of steps 10 to 12: drafts that become messages, and the message that the mailbox keeps."""

import base64
import binascii
from typing import Any

from trinity_verify import mail
from trinity_verify.form import Failed, demand, object_of, sha256, shaped
from trinity_verify.operations import SENDS
from trinity_verify.packet import Call, text_of

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


def check_intent(call: Call, attempt: dict[str, Any], where: str) -> None:
    """A draft is made with our token; what is sent is a draft that an earlier step of this call made or found."""
    intent = attempt["intent"]
    if attempt["step"] == "drafts.create":
        demand(intent["token"] == call.envelope["operation_token"], f"{where} names another operation token")
    if attempt["step"] == "drafts.send":
        demand(call.data["operation"] in SENDS, f"{where}: this operation never sends")
        demand(text_of(intent, "history_id", where).isdigit(), f"{where} names no place in the mailbox's history")
        drafts = {str(one["result"].get("draft_id")) for one in call.data["attempts"] if _made_draft(one, attempt)}
        named = text_of(intent, "draft_id", where)
        demand(named in drafts, f"{where} sends a draft that no earlier step made or found")


def _made_draft(one: dict[str, Any], before: dict[str, Any]) -> bool:
    is_draft = (one["step"], one["outcome"]) in (("drafts.create", "done"), ("reconcile", "absent"))
    return is_draft and one["id"] < before["id"]


def check_answer(attempt: dict[str, Any], where: str) -> None:
    """The result that was written down is what the provider's answer says."""
    answer, result = object_of(attempt["raw_b64"], f"the answer to {where}"), attempt["result"]
    inner = _inner(answer.get("message"), where) if attempt["step"] == "drafts.create" else answer
    said = (inner.get("id"), inner.get("threadId"))
    demand(said == (result.get("message_id"), result.get("thread_id")), f"{where} has another result than its answer")
    if attempt["step"] == "drafts.create":
        demand(answer.get("id") == result.get("draft_id"), f"{where} has another draft than its answer")


def found_id(call: Call, attempt: dict[str, Any], where: str) -> str:
    """The message that a look found."""
    record = object_of(attempt["raw_b64"], where)
    return str(record.get("id") or record.get("message_id"))


def check_receipt(call: Call, receipt: dict[str, Any], where: str) -> None:
    """The receipt's facts are the provider's answer's, and say that it was sent where it was."""
    facts = receipt["facts"]
    shaped(facts, SENT_FACTS if receipt["kind"] == "sent" else DRAFT_FACTS, f"the facts of {where}")
    raw = object_of(receipt["raw_b64"], where)
    if receipt["kind"] == "draft":
        inner = _inner(raw.get("message"), where) if "message" in raw else {"id": raw.get("message_id")} | raw
        said = (inner.get("id"), inner.get("threadId", raw.get("thread_id")))
    else:
        said = (raw.get("id"), raw.get("threadId"))
        demand(raw.get("labelIds") == facts.get("label_ids"), f"{where} has other labels than the provider's answer")
        demand("SENT" in facts["label_ids"], f"{where} does not say SENT")
    demand(said == (facts.get("message_id"), facts.get("thread_id")), f"{where} is about another message")


def check_record(call: Call, settled: dict[str, Any], receipt: dict[str, Any], where: str) -> None:
    """The message that the mailbox keeps is the approved mail, in the approved thread."""
    facts, record = receipt["facts"], object_of(receipt["raw_b64"], where)
    shaped(facts, RECORD_FACTS, f"the facts of {where}")
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


def _inner(value: Any, where: str) -> dict[str, Any]:
    if type(value) is not dict:
        raise Failed(f"{where} is not an object")
    return value


def _unbase64url(text: str, where: str) -> bytes:
    """Gmail's `raw`: base64url (RFC 4648, section 5), with or without padding."""
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Failed(f"{where} holds no readable mail") from error
