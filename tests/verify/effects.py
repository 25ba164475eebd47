"""The five effects of the hand-written order: a checkout, a mail with the report, a reply, a refund, a notice."""

import base64
from typing import Any
from urllib.parse import urlencode

from tests.verify.calls import OWNER, SECOND, Made, Step
from tests.verify.signing import Json, after, dumps, sha256, uid

CONTACT = uid(after(-500), 11)
OFFER, CUSTOMER = uid(after(-6_000), 12), uid(after(0), 13)
CHECKOUT, ORDER = uid(after(-300), 14), uid(after(0), 15)
INTAKE, FULFILMENT = uid(after(0), 16), uid(after(0), 17)
WISH, RUN, ARTIFACT = uid(after(0), 18), uid(after(5), 19), uid(after(30), 20)
THREAD, OUT, BACK, ANSWER = uid(after(80), 21), uid(after(80), 22), uid(after(90), 23), uid(after(90), 24)
SESSION, INTENT, CHARGE, REFUND_ID = "cs_test_1", "pi_1", "ch_1", "re_1"
PRICE, CURRENCY = 4900, "eur"
GOAL, REPORT = "Fulfil order #1: Snapshot report.", b"%PDF-1.4 the report"
BUYER = "ada@customer.example"
THREAD_ID, THEIR_ID, OUR_ID = "t-1", "<answer@customer.example>", "<m-1@mail.example>"
WISHED, REPLIED = b"Please look at our shop.", b"Thank you, and what does it cost?"


def form(pairs: Json) -> bytes:
    """A body as it is POSTed."""
    return urlencode(pairs).encode()


def calls_of(changed: Json) -> dict[str, Made]:
    """The five calls of the story, with changes."""
    found = {"checkout": _checkout(changed), "mail": _mail(changed), "reply": _reply(changed)}
    found |= {"refund": _refund(changed), "notice": _notice(changed)}
    for name, one in found.items():
        for key, value in changed.get(f"{name}_call", {}).items():
            setattr(one, key, value)
    return found


def _checkout(changed: Json) -> Made:
    typed = {
        "checkout_id": CHECKOUT,
        "offer_id": OFFER,
        "title": "Snapshot report",
        "amount_minor": PRICE,
        "currency": CURRENCY,
        "customer_email": BUYER,
        "success_url": "http://localhost/thanks",
        "cancel_url": "http://localhost/back",
    } | changed.get("checkout_typed", {})
    call_id, token = uid(after(-290), 1), "c" * 20
    marks = {"trinity_checkout": CHECKOUT, "trinity_operation": token, "trinity_tool_call": call_id}
    pairs = {
        "mode": "payment",
        "client_reference_id": CHECKOUT,
        "customer_email": BUYER,
        "success_url": "http://localhost/thanks",
        "cancel_url": "http://localhost/back",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": CURRENCY,
        "line_items[0][price_data][unit_amount]": str(PRICE),
        "line_items[0][price_data][product_data][name]": "Snapshot report",
        "payment_intent_data[description]": "Snapshot report",
        "payment_intent_data[metadata][trinity_checkout]": CHECKOUT,
    } | {f"metadata[{key}]": value for key, value in marks.items()}
    pairs |= changed.get("checkout_form", {})
    session = {
        "id": SESSION,
        "object": "checkout.session",
        "mode": "payment",
        "amount_total": PRICE,
        "currency": CURRENCY,
        "metadata": marks,
        "status": "open",
        "url": "http://stripe/pay",
    } | changed.get("session", {})
    facts = {"session_id": SESSION, "url": "http://stripe/pay", "amount_minor": PRICE, "currency": CURRENCY}
    record = {"session_id": SESSION, "status": "complete", "amount_minor": PRICE, "currency": CURRENCY}
    kept = session | {"status": "complete", "url": None} | changed.get("session_record", {})
    return Made(
        1, -290, "stripe.checkout_session", "stripe", "draft", typed, form(pairs),
        "application/x-www-form-urlencoded", {"kind": "system", "id": "checkout"}, token, {"account": "acct_1"},
        {"kind": "checkout_session", "facts": facts},
        [Step("checkout.sessions.create", 1, {"token": token}, facts, dumps(session))],
        (record, dumps(kept)), subject_id=CHECKOUT,
    )  # fmt: skip


def _refund(changed: Json) -> Made:
    typed = {"order_id": ORDER, "amount_minor": PRICE, "currency": CURRENCY, "reason": "requested_by_customer"}
    typed |= changed.get("refund_typed", {})
    call_id, token = uid(after(200), 4), "d" * 20
    marks = {"trinity_order": ORDER, "trinity_operation": token, "trinity_tool_call": call_id}
    pairs = {"payment_intent": INTENT, "amount": str(PRICE), "reason": "requested_by_customer"}
    pairs |= {f"metadata[{key}]": value for key, value in marks.items()} | changed.get("refund_form", {})
    made = {
        "id": REFUND_ID,
        "object": "refund",
        "amount": PRICE,
        "currency": CURRENCY,
        "payment_intent": INTENT,
        "reason": "requested_by_customer",
        "metadata": marks,
        "status": "succeeded",
        "balance_transaction": "txn_2",
    } | changed.get("refund_answer", {})
    facts = {"refund_id": REFUND_ID, "status": "succeeded", "amount_minor": PRICE, "currency": CURRENCY}
    kept = made | changed.get("refund_record", {})
    return Made(
        4, 200, "stripe.refund", "stripe", "money", typed, form(pairs), "application/x-www-form-urlencoded",
        {"kind": "agent", "id": "desk-agent"}, token,
        {"account": "acct_1", "payment": INTENT, "currency": CURRENCY} | changed.get("refund_resource", {}),
        {"kind": "refund", "facts": facts},
        [Step("refunds.create", 1, {"token": token}, facts, dumps(made))],
        (facts, dumps(kept)), approvers=changed.get("refund_approvers", (OWNER, SECOND)), subject_id=ORDER,
    )  # fmt: skip


def _notice(changed: Json) -> Made:
    token = "e" * 20
    mail = (
        f"From: notices@northwind.example\r\nTo: robin@northwind.example\r\nSubject: Order 1 is paid\r\n"
        f"Message-ID: <trinity.{token}@northwind.example>\r\nX-Trinity-Operation: {token}\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n\r\nOrder 1 was paid.\r\n"
    ).encode()
    kept = {"message_id": f"<trinity.{token}@northwind.example>", "payload_sha256": sha256(mail), "reply": "2.0.0 Ok"}
    kept |= changed.get("notice_result", {})
    typed = {"template": "order_paid", "member_ids": [OWNER], "facts": {"order_id": ORDER, "number": 1}}
    return Made(
        5, 1, "system.notify", "smtp", "internal", typed, mail, "message/rfc822", {"kind": "system", "id": "notices"},
        token, {"sender": "notices@northwind.example", "template": "order_paid"}, {"kind": "notice", "facts": kept},
        [Step("smtp.send", 1, {"token": token}, kept, b"2.0.0 Ok")], subject_id=ORDER,
    )  # fmt: skip


def _mail_bytes(token: str, text: str, more: str = "", report: bytes | None = None) -> bytes:
    head = (
        f'From: "Northwind" <hello@northwind.example>\r\nTo: "Ada Byron" <{BUYER}>\r\n'
        f"Reply-To: hello+tr.{token}@northwind.example\r\nSubject: Your report\r\n{more}"
        f"X-Trinity-Operation: {token}\r\nMIME-Version: 1.0\r\n"
    )
    parts = "".join(
        f"--b\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n{body}\r\n"
        for kind, body in (("plain", text), ("html", f"<p>{text}</p>"))
    )
    inner = f'Content-Type: multipart/alternative; boundary="b"\r\n\r\n{parts}--b--\r\n'
    if report is None:
        return (head + inner).encode()
    file = base64.encodebytes(report).decode().replace("\n", "\r\n")
    attached = (
        "Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n"
        f'Content-Disposition: attachment; filename="report.pdf"\r\n\r\n{file}'
    )
    outer = 'Content-Type: multipart/mixed; boundary="f"\r\n\r\n'
    return f"{head}{outer}--f\r\n{inner}--f\r\n{attached}--f--\r\n".encode()


def _typed_mail(text: str, **more: Any) -> Json:
    return {
        "mailbox": "desk@northwind.example",
        "from_alias": "hello@northwind.example",
        "to": [{"addr": BUYER, "name": "Ada Byron"}],
        "subject": "Your report",
        "text": text,
        **more,
    }


def _gmail(
    number: int, second: float, operation: str, token: str, raw: bytes, ids: tuple[str, str], **more: Any
) -> Made:
    """A mail that was drafted, sent and kept; `ids` are the message's and the wire's."""
    references = more.pop("references", [])
    answer = {"id": ids[0], "threadId": THREAD_ID, "labelIds": ["SENT"]}
    draft = {"id": f"d-{number}", "message": {"id": f"{ids[0]}-draft", "threadId": THREAD_ID}}
    draft_result = {"draft_id": f"d-{number}", "message_id": f"{ids[0]}-draft", "thread_id": THREAD_ID}
    sent = {"message_id": ids[0], "thread_id": THREAD_ID}
    kept = more.pop("kept", f"Message-ID: {ids[1]}\r\n".encode() + raw)
    record = answer | {"raw": base64.urlsafe_b64encode(kept).decode()}
    facts = sent | {"label_ids": ["SENT"]}
    wire = {
        "wire_message_id": ids[1],
        "references": references,
        "subject": "Your report",
        "rfc822_sha256": sha256(kept),
    }
    return Made(
        number, second, operation, "gmail", "external", more.pop("typed"), raw, "message/rfc822", more.pop("requester"),
        token, more.pop("resource"), {"kind": "sent", "facts": facts},
        [
            Step("drafts.create", 1, {"token": token}, draft_result, dumps(draft)),
            Step("drafts.send", 2, {"draft_id": f"d-{number}", "history_id": "7"}, sent, dumps(answer)),
        ],
        (facts | wire, dumps(record)), **more,
    )  # fmt: skip


def _mail(changed: Json) -> Made:
    token, text = "a" * 20, "Dear Ada, here is your report."
    report = changed.get("report", REPORT)
    said = f"{ARTIFACT} {sha256(REPORT)} {len(REPORT)} application/pdf"
    return _gmail(
        2, 40, "gmail.send", token, _mail_bytes(token, text, report=report), ("m-1", OUR_ID),
        typed=_typed_mail(text, attachments=[ARTIFACT]), requester={"kind": "agent", "id": RUN},
        resource={"mailbox": "desk@northwind.example", "alias": "hello@northwind.example", "attachment_1": said}
        | changed.get("mail_resource", {}),
        approvers=(OWNER,), run_id=RUN, subject_id=ORDER, is_reviewed=True,
    )  # fmt: skip


def _reply(changed: Json) -> Made:
    token, text = "b" * 20, "It costs what it says."
    answered = changed.get("answered", THEIR_ID)
    more = f"In-Reply-To: {answered}\r\nReferences: {answered}\r\n"
    return _gmail(
        3, 120, "gmail.reply", token, _mail_bytes(token, text, more), ("m-2", "<m-2@mail.example>"),
        typed=_typed_mail(text, in_reply_to=BACK), requester={"kind": "user", "id": SECOND},
        resource={"mailbox": "desk@northwind.example", "alias": "hello@northwind.example", "thread_id": THREAD_ID},
        approvers=(OWNER,), subject_id=THREAD, references=[answered],
    )  # fmt: skip
