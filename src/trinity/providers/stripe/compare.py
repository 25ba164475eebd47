"""Whether what Stripe keeps is what was approved: every parameter of the approved form beside the record. Pure."""

from collections.abc import Mapping
from typing import Any

from trinity.providers.stripe.materialise import MaterialiseRefused, fields_of

UNREADABLE = "unreadable"
NOT_GIVEN_BACK = ("failed", "canceled")


def refund_differences(form: bytes, record: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of what differs between an approved refund and Stripe's record; a refund that failed differs in status."""
    same = {
        "payment_intent": lambda value: _reference(record, "payment_intent") == value,
        "amount": lambda value: str(record.get("amount")) == value,
        "reason": lambda value: record.get("reason") == value,
    }
    different = _different(form, record, same)
    return (*different, "status") if record.get("status") in NOT_GIVEN_BACK else different


def session_differences(form: bytes, record: Mapping[str, Any]) -> tuple[str, ...]:
    """The same for a Checkout Session. Its line items are not part of the record: their sum and currency are."""
    item = "line_items[0]"
    same = {
        "mode": lambda value: record.get("mode") == value,
        "client_reference_id": lambda value: record.get("client_reference_id") == value,
        "customer_email": lambda value: record.get("customer_email") == value,
        "success_url": lambda value: record.get("success_url") == value,
        "cancel_url": lambda value: record.get("cancel_url") == value,
        f"{item}[price_data][unit_amount]": lambda value: str(record.get("amount_total")) == value,
        f"{item}[price_data][currency]": lambda value: record.get("currency") == value,
    }
    return _different(form, record, same)


def _different(form: bytes, record: Mapping[str, Any], same: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        asked = fields_of(form)
    except MaterialiseRefused:
        return (UNREADABLE,)
    metadata = record.get("metadata")
    held = metadata if isinstance(metadata, dict) else {}
    different = [name for name, check in same.items() if name not in asked or not check(asked[name])]
    for name, value in asked.items():
        if name.startswith("metadata[") and held.get(name.removeprefix("metadata[").removesuffix("]")) != value:
            different.append(name)
    return tuple(different)


def _reference(record: Mapping[str, Any], name: str) -> object:
    value = record.get(name)
    return value.get("id") if isinstance(value, dict) else value
