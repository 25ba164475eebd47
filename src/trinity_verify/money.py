"""Stripe's part of steps 7 and 10 to 12: the posted form says what was asked for, and so does what Stripe made."""

from typing import Any
from urllib.parse import parse_qsl

from trinity_verify.form import Failed, demand, object_of, shaped
from trinity_verify.operations import CHECKOUT
from trinity_verify.packet import Call, Packet

FIELDS_MAX = 100
REASONS = ("requested_by_customer", "duplicate", "fraudulent")
REFUND_TYPED = {"order_id": "uuid", "amount_minor": "integer", "currency": "text", "reason": "text"}
CHECKOUT_TYPED = {
    "checkout_id": "uuid",
    "offer_id": "uuid",
    "title": "text",
    "amount_minor": "integer",
    "currency": "text",
    "customer_email": "text",
    "success_url": "text",
    "cancel_url": "text",
}
TOKEN, CALL = "trinity_operation", "trinity_tool_call"
REFUND_FACTS = {"refund_id": "text", "status": "text", "amount_minor": "integer", "currency": "text"}
SESSION_FACTS = {"session_id": "text", "url": "text", "amount_minor": "integer", "currency": "text"}
SESSION_RECORD = {"session_id": "text", "status": "text", "amount_minor": "integer", "currency": "text"}


def check_form(packet: Packet, call: Call) -> None:
    """Demand that the posted form says what the typed payload asked for, with the call's marks, and nothing besides."""
    where = f"the typed payload of {call.name}"
    is_refund = call.data["operation"] == "stripe.refund"
    shaped(call.typed, REFUND_TYPED if is_refund else CHECKOUT_TYPED, where)
    demand(call.typed["amount_minor"] > 0, f"{where} is of nothing, or of less")
    call.fields = _fields(call)
    wanted = _refund(packet, call) if is_refund else _checkout(call)
    wanted |= {f"metadata[{TOKEN}]": call.envelope["operation_token"], f"metadata[{CALL}]": call.id}
    different = sorted(key for key in wanted.keys() | call.fields.keys() if wanted.get(key) != call.fields.get(key))
    demand(not different, f"the payload of {call.name} does not say what was asked for: {', '.join(different)[:200]}")


def _fields(call: Call) -> dict[str, str]:
    """The form as pairs; nothing twice, nothing that another parser could read in another way."""
    where = f"the payload of {call.name}"
    try:
        text = call.payload.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=FIELDS_MAX)
    except ValueError as error:
        raise Failed(f"{where} is not a form") from error
    demand(len(dict(pairs)) == len(pairs), f"{where} has a field twice")
    return dict(pairs)


def _refund(packet: Packet, call: Call) -> dict[str, str]:
    """The payment is the order's, where the order is in this packet; else it is what the envelope says."""
    currency = call.envelope["resource"].get("currency")
    demand(call.typed["currency"] == currency, f"{call.name} is in another currency than its payment")
    demand(call.typed["reason"] in REASONS, f"{call.name} is for an unknown reason")
    order = packet.body["order"]
    intent = call.envelope["resource"].get("payment")
    if order is not None:
        demand(call.typed["order_id"] == order["id"], f"{call.name} pays back another order")
        demand(call.typed["currency"] == order["currency"], f"{call.name} is in another currency than the order")
        demand(intent == order["payment_intent_id"], f"{call.name} pays back another payment than the order's")
    return {
        "payment_intent": str(intent),
        "amount": str(call.typed["amount_minor"]),
        "reason": call.typed["reason"],
        "metadata[trinity_order]": call.typed["order_id"],
    }


def _checkout(call: Call) -> dict[str, str]:
    typed, item = call.typed, "line_items[0]"
    return {
        "mode": "payment",
        "client_reference_id": typed["checkout_id"],
        f"{item}[quantity]": "1",
        f"{item}[price_data][currency]": typed["currency"],
        f"{item}[price_data][unit_amount]": str(typed["amount_minor"]),
        f"{item}[price_data][product_data][name]": typed["title"],
        "payment_intent_data[description]": typed["title"],
        "payment_intent_data[metadata][trinity_checkout]": typed["checkout_id"],
        "metadata[trinity_checkout]": typed["checkout_id"],
        "customer_email": typed["customer_email"],
        "success_url": typed["success_url"],
        "cancel_url": typed["cancel_url"],
    }


def check_intent(call: Call, attempt: dict[str, Any], where: str) -> None:
    """The token is that of the envelope; Stripe's idempotency key is made of it, so it does a thing once."""
    demand(attempt["intent"]["token"] == call.envelope["operation_token"], f"{where} names another operation token")


def check_answer(attempt: dict[str, Any], where: str) -> None:
    """The result that was written down is what Stripe's answer says."""
    _check_facts(attempt["result"], object_of(attempt["raw_b64"], f"the answer to {where}"), f"the result of {where}")


def found_id(call: Call, attempt: dict[str, Any], where: str) -> str:
    """The object that a look found."""
    return str(object_of(attempt["raw_b64"], where).get("id"))


def check_receipt(call: Call, receipt: dict[str, Any], where: str) -> None:
    """What Stripe answered is the object that was asked for, with our marks on it."""
    made, facts = object_of(receipt["raw_b64"], where), receipt["facts"]
    shaped(facts, SESSION_FACTS if receipt["kind"] == CHECKOUT else REFUND_FACTS, f"the facts of {where}")
    _check_facts(facts, made, where)
    _check_object(call, made, where)


def check_record(call: Call, settled: dict[str, Any], receipt: dict[str, Any], where: str) -> None:
    """The object that Stripe keeps is the one of the receipt, and still what was approved."""
    kept, facts = object_of(receipt["raw_b64"], where), receipt["facts"]
    shaped(facts, SESSION_RECORD if settled["kind"] == CHECKOUT else REFUND_FACTS, f"the facts of {where}")
    _check_facts(facts, kept, where)
    is_same = kept.get("id") == settled["facts"].get(call.operation.names)
    demand(is_same, f"{where} is about another object")
    _check_object(call, kept, where)


def _check_facts(facts: dict[str, Any], said: dict[str, Any], where: str) -> None:
    """What was noted of one of Stripe's objects is what the object says. An ended session has no address any more."""
    amount = said.get("amount_total") if said.get("object") == "checkout.session" else said.get("amount")
    told = {"session_id": said.get("id"), "refund_id": said.get("id"), "amount_minor": amount}
    told |= {"status": said.get("status"), "currency": said.get("currency"), "url": said.get("url") or ""}
    different = [key for key, value in facts.items() if told.get(key) != value]
    demand(not different, f"{where} says another {', '.join(different)} than Stripe's answer")


def _check_object(call: Call, made: dict[str, Any], where: str) -> None:
    metadata = made.get("metadata")
    marks = {TOKEN: call.envelope["operation_token"], CALL: call.id}
    has_marks = type(metadata) is dict and {key: metadata.get(key) for key in marks} == marks
    demand(has_marks, f"{where} carries the marks of another call")
    if call.operation.receipt == CHECKOUT:
        said = [made.get(key) for key in ("object", "mode", "amount_total", "currency")]
        wanted = ["checkout.session", "payment", call.typed["amount_minor"], call.typed["currency"]]
    else:
        said = [made.get(key) for key in ("object", "amount", "currency", "payment_intent", "reason")]
        intent = call.fields["payment_intent"]
        wanted = ["refund", call.typed["amount_minor"], call.typed["currency"], intent, call.typed["reason"]]
    demand(said == wanted, f"{where} is of another amount, currency or payment than was approved")
