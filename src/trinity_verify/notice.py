"""SMTP's part of steps 10 and 11: a notice was handed to a mail server, which keeps no record that could be read."""

from typing import Any

from trinity_verify.form import demand, sha256, shaped, unbase64
from trinity_verify.packet import Call


def check_intent(call: Call, attempt: dict[str, Any], where: str) -> None:
    """What is handed over carries this call's mark."""
    demand(attempt["intent"]["token"] == call.envelope["operation_token"], f"{where} names another operation token")


def check_answer(attempt: dict[str, Any], where: str) -> None:
    """A mail server answers with a line of its own words, which was written down."""
    result = attempt["result"]
    said = unbase64(attempt["raw_b64"], where)
    demand(
        type(result["reply"]) is str and said == result["reply"].encode(), f"{where} has another reply than its answer"
    )
    demand(result["payload_sha256"] == attempt["intent"]["payload_sha256"], f"{where} handed over other bytes")


def found_id(call: Call, attempt: dict[str, Any], where: str) -> str:
    """A mail server keeps nothing to look at: what a look found is a step of ours that had its reply."""
    replies = [
        one["raw_b64"] for one in call.data["attempts"] if (one["step"], one["outcome"]) == ("smtp.send", "done")
    ]
    demand(attempt["raw_b64"] in replies, f"{where}: no step had such a reply")
    return str([*call.mail["Message-ID"], ""][0])


def check_receipt(call: Call, receipt: dict[str, Any], where: str) -> None:
    """The receipt names the mail by the Message-ID that it carries, and the bytes that were handed over."""
    facts = receipt["facts"]
    shaped(facts, {"message_id": "text", "payload_sha256": "digest", "reply": "text"}, f"the facts of {where}")
    demand([facts["message_id"]] == call.mail["Message-ID"], f"{where} is about another mail")
    demand(facts["payload_sha256"] == sha256(call.payload), f"{where} is about other bytes")


def check_record(call: Call, settled: dict[str, Any], receipt: dict[str, Any], where: str) -> None:
    """There is none."""
    demand(False, f"{where}: a mail server keeps none")
