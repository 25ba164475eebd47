"""Refunds: whole or in part, never more than was charged; and their failing afterwards."""

from trinity_sandbox.stripe import ledger
from trinity_sandbox.stripe.books import Json
from trinity_sandbox.stripe.errors import invalid, refused
from trinity_sandbox.stripe.fields import Fields
from trinity_sandbox.stripe.money import spoken
from trinity_sandbox.stripe.work import Work

REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create(work: Work, fields: Fields) -> Json:
    """`POST /v1/refunds`"""
    charge_id, intent_id = fields.text("charge"), fields.text("payment_intent")
    amount = fields.integer("amount")
    reason = fields.choice("reason", REASONS)
    metadata = fields.metadata()
    fields.end()
    if amount is not None and amount < 1:
        raise invalid("Invalid positive integer", "amount", "parameter_invalid_integer")
    charge = _charge(work, charge_id, intent_id)
    amount = _checked(charge, amount)
    refund = work.new(
        "refund",
        amount=amount,
        balance_transaction=None,
        charge=charge["id"],
        created=work.now,
        currency=charge["currency"],
        destination_details={"card": {"type": "refund"}, "type": "card"},
        metadata=metadata,
        payment_intent=charge["payment_intent"],
        reason=reason,
        receipt_number=None,
        source_transfer_reversal=None,
        status="succeeded",
        transfer_reversal=None,
    )
    if charge["payment_method_details"]["type"] != "card":
        del refund["destination_details"]
    refund["balance_transaction"] = ledger.book(
        work, "refund", refund, -amount, description=f"REFUND FOR CHARGE ({charge['description'] or 'Payment'})"
    )["id"]
    work.books.add(refund)
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    _set_refunded(work, charge, charge["amount_refunded"] + amount)
    work.emit("refund.created", refund)
    work.emit("charge.refunded", charge, _changed(before, charge))
    return refund


def update(work: Work, fields: Fields, refund: Json) -> Json:
    """`POST /v1/refunds/{id}`: metadata only."""
    before = refund["metadata"]
    refund["metadata"] = fields.metadata(held=before)
    fields.end()
    work.books.save(refund)
    if before != refund["metadata"]:
        _tell(work, refund, {"metadata": before})
    return refund


def fail(work: Work, refund: Json, reason: str) -> Json:
    """The bank sends the money back some time after: the refund has failed, the charge is as before it."""
    if refund["status"] != "succeeded":
        raise refused(f"{refund['id']} has already failed")
    charge = work.must("charge", refund["charge"])
    transaction = ledger.book(
        work, "refund_failure", refund, refund["amount"], description=f"REFUND FAILURE ({refund['id']})"
    )
    refund |= {
        "failure_balance_transaction": transaction["id"],
        "failure_reason": reason,
        "status": "failed",
    }
    work.books.save(refund)
    _set_refunded(work, charge, charge["amount_refunded"] - refund["amount"])
    work.emit("refund.failed", refund)
    _tell(work, refund, {"status": "succeeded"})
    return refund


def _charge(work: Work, charge_id: str | None, intent_id: str | None) -> Json:
    if charge_id is None and intent_id is None:
        raise invalid(
            "One of the following params should be provided for this request: payment_intent or charge.",
            "charge",
            "parameter_missing",
        )
    if intent_id is not None:
        intent = work.must("payment_intent", intent_id, "payment_intent", 400)
        latest = intent["latest_charge"]
        if latest is None or charge_id not in (None, latest):
            message = f"This PaymentIntent ({intent_id}) does not have a successful charge to refund."
            raise refused(message, "payment_intent")
        charge_id = latest
    return work.must("charge", str(charge_id), "charge", 400)


def _checked(charge: Json, amount: int | None) -> int:
    """The amount to refund; None means what is left."""
    if charge["status"] != "succeeded":
        raise refused(f"Charge {charge['id']} was not successful and can't be refunded.", "charge")
    left: int = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise refused(message, code="charge_already_refunded")
    if charge["disputed"]:
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise refused(message, code="charge_disputed")
    if amount is not None and amount > left:
        whole = "unrefunded amount on charge" if charge["amount_refunded"] else "charge amount"
        currency = charge["currency"]
        message = f"Refund amount ({spoken(amount, currency)}) is greater than {whole} ({spoken(left, currency)})"
        raise refused(message, "amount")
    return left if amount is None else amount


def _set_refunded(work: Work, charge: Json, amount: int) -> None:
    assert 0 <= amount <= charge["amount"]
    charge |= {"amount_refunded": amount, "refunded": amount == charge["amount"]}
    work.books.save(charge)


def _changed(before: Json, after: Json) -> Json:
    return {name: value for name, value in before.items() if after[name] != value}


def _tell(work: Work, refund: Json, previous: Json) -> None:
    work.emit("refund.updated", refund, previous)
    work.emit("charge.refund.updated", refund, previous)
