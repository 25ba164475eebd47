"""Step 7: the bytes that were bound, and whether they say what was asked for."""

import hashlib
from typing import Any

from trinity_verify import mail, money
from trinity_verify.form import Failed, at, demand, number, parse, sha256, shaped
from trinity_verify.operations import MAIL, MAILS
from trinity_verify.packet import Call, Packet

SALT_BYTES = 32
MAIL_TYPED = {"mailbox": "text", "from_alias": "text", "subject": "text", "text": "text"}
MAIL_OPTIONAL: dict[str, Any] = {
    "to": ["object"],
    "cc": ["object"],
    "bcc": ["object"],
    "attachments": ["uuid"],
    "in_reply_to": ("text",),
}
ATTACHMENT = "attachment_"
"""What an envelope's names for its attachments begin with; a number follows."""
NOTICE_OPTIONAL: dict[str, Any] = {"member_ids": ["uuid"], "guest_id": "uuid"}


def payloads(packet: Packet) -> str:
    """Step 7."""
    for call in packet.calls:
        envelope, known = call.envelope, call.operation
        commitment = hashlib.sha256(call.salt + call.payload).hexdigest()
        demand(len(call.salt) == SALT_BYTES, f"the salt of {call.name} has not {SALT_BYTES} bytes")
        demand(commitment == envelope["payload_digest"], f"the payload of {call.name} is not the envelope's")
        demand(sha256(call.typed_bytes) == envelope["typed_digest"], f"what was asked for in {call.name} was changed")
        demand(envelope["payload_type"] == known.payload_type, f"{call.name} has an unknown payload type")
        call.typed = parse(call.typed_bytes, f"the typed payload of {call.name}")
        demand(type(call.typed) is dict, f"the typed payload of {call.name} is not an object")
        if call.data["operation"] in MAILS:
            _check_mail(packet, call)
        elif known.payload_type == MAIL:
            _check_notice(call)
        else:
            money.check_form(packet, call)
    _check_threads(packet)
    those = "the digest of its envelope" if len(packet.calls) == 1 else "the digests of their envelopes"
    return f"{number(len(packet.calls), 'payload')} with {those}, saying what was asked for"


def _check_mail(packet: Packet, call: Call) -> None:
    """A mail's typed payload: texts, and lists of addresses; keys that may be left out are filled by nothing."""
    where = f"the typed payload of {call.name}"
    given = {key: kind for key, kind in MAIL_OPTIONAL.items() if key in call.typed}
    shaped(call.typed, MAIL_TYPED | given, where)
    for one in [*call.typed.get("to", []), *call.typed.get("cc", []), *call.typed.get("bcc", [])]:
        shaped(one, {"addr": "text", "name": "text"} if "name" in one else {"addr": "text"}, f"{where}: an address")
    call.mail = mail.read(call.payload, f"the payload of {call.name}")
    mail.check_says(call.mail, call.typed, call.envelope["operation_token"], f"the payload of {call.name}")
    _check_attachments(packet, call)
    _check_resource(call)


def _check_attachments(packet: Packet, call: Call) -> None:
    """The mail carries the artifacts that were asked for, in their order, by digest and type, and no others."""
    wanted, bound = [], {}
    for number_, artifact_id in enumerate(call.typed.get("attachments", []), 1):
        one = packet.find("artifacts", artifact_id)
        if one is None:
            raise Failed(f"{call.name} has an attachment that this packet knows nothing of")
        wanted.append((one["media_type"], one["sha256"]))
        bound[f"{ATTACHMENT}{number_}"] = f"{one['id']} {one['sha256']} {one['size_bytes']} {one['media_type']}"
    carried = [(kind, digest) for kind, _, digest in call.mail["attachments"]]
    demand(carried == wanted, f"{call.name} carries other attachments than were asked for")
    named = {key: text for key, text in call.envelope["resource"].items() if key.startswith(ATTACHMENT)}
    demand(named == bound, f"the envelope of {call.name} names other attachments than it carries")


def _check_notice(call: Call) -> None:
    """A notice says which template it is and to which members; its words are the installation's own."""
    where = f"the typed payload of {call.name}"
    given = {key: kind for key, kind in NOTICE_OPTIONAL.items() if key in call.typed}
    shaped(call.typed, {"template": "text", "facts": "object"} | given, where)
    demand(bool(given), f"{where} names nobody")
    call.mail = mail.read(call.payload, f"the payload of {call.name}")
    token = call.envelope["operation_token"]
    demand(call.mail["X-Trinity-Operation"] == [token], f"the payload of {call.name} carries another token")
    demand(not call.mail["attachments"], f"{call.name} has attachments, which no notice has")


def _check_resource(call: Call) -> None:
    resource = call.envelope["resource"]
    said = (resource.get("mailbox"), resource.get("alias"))
    demand(said == (call.typed["mailbox"], call.typed["from_alias"]), f"{call.name} is for another mailbox or alias")
    is_reply = call.typed.get("in_reply_to") is not None
    is_threaded = bool(call.mail["In-Reply-To"]) and "thread_id" in resource
    demand(is_reply == is_threaded, f"{call.name} is a reply in only one of: typed payload, mail, thread")


def _check_threads(packet: Packet) -> None:
    """A reply joins the thread of the mail that it answers, ours or theirs, where that mail is in this packet."""
    messages = {one["id"]: (thread, one) for thread in packet.body["threads"] for one in thread["messages"]}
    for call in packet.calls:
        answered = call.typed.get("in_reply_to") if call.data["operation"] in MAILS else None
        found = (call.envelope["resource"].get("thread_id"), call.mail.get("In-Reply-To"))
        earlier = packet.call(answered)
        records = earlier.receipts("provider_record") if earlier else []
        if records:
            facts = records[-1]["facts"]
            wanted = (facts.get("thread_id"), [facts.get("wire_message_id")])
            demand(found == wanted, f"{call.name} answers another mail than the one it names")
        if answered in messages:
            thread, message = messages[answered]
            wanted = (thread["provider_thread_id"], [message["wire_message_id"]])
            demand(found == wanted, f"{call.name} answers another mail than the one it names")
            is_after = at(message["created_at"]) <= at(call.envelope["created_at"])
            demand(is_after, f"{call.name} answers a mail that came later")
