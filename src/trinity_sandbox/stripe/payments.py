"""Payment intents and charges: how a payment on the hosted page goes through, fails, or settles later."""

from trinity_sandbox.stripe import ledger
from trinity_sandbox.stripe.books import Json
from trinity_sandbox.stripe.cards import Means
from trinity_sandbox.stripe.errors import refused
from trinity_sandbox.stripe.ids import token
from trinity_sandbox.stripe.money import fee_of
from trinity_sandbox.stripe.work import Work

NO_ADDRESS: Json = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


def intent_of(work: Work, session: Json) -> Json:
    """The session's payment intent, made when the customer first tries to pay."""
    if session["payment_intent"] is not None:
        return work.must("payment_intent", session["payment_intent"])
    given = session["_intent_data"]
    intent = work.new(
        "payment_intent",
        amount=session["amount_total"],
        amount_capturable=0,
        amount_details={"tip": {}},
        amount_received=0,
        application=None,
        application_fee_amount=None,
        automatic_payment_methods=None,
        canceled_at=None,
        cancellation_reason=None,
        capture_method="automatic",
        client_secret=None,
        confirmation_method="automatic",
        created=work.now,
        currency=session["currency"],
        customer=session["customer"],
        description=given["description"],
        last_payment_error=None,
        latest_charge=None,
        livemode=False,
        metadata=given["metadata"],
        next_action=None,
        on_behalf_of=None,
        payment_method=None,
        payment_method_options={},
        payment_method_types=session["payment_method_types"],
        processing=None,
        receipt_email=given["receipt_email"],
        review=None,
        setup_future_usage=None,
        shipping=None,
        statement_descriptor=None,
        statement_descriptor_suffix=None,
        status="requires_payment_method",
        transfer_data=None,
        transfer_group=None,
    )
    intent["client_secret"] = f"{intent['id']}_secret_{token(25)}"
    work.books.add(intent)
    work.emit("payment_intent.created", intent)
    session["payment_intent"] = intent["id"]
    work.books.save(session)
    return intent


def attempt(work: Work, intent: Json, means: Means, billing: Json) -> Json:
    """One try to pay; returns the charge, whose status is succeeded, pending or failed."""
    charge = _charge(work, intent, means, billing)
    intent["latest_charge"] = charge["id"]
    intent["payment_method"] = charge["payment_method"]
    if means.message is not None:
        _decline(work, intent, charge, "card_declined", means)
    elif means.is_delayed:
        intent["status"] = "processing"
        work.books.save(intent)
        work.emit("payment_intent.processing", intent)
        work.emit("charge.pending", charge)
    else:
        _succeed(work, intent, charge)
    return charge


def settle(work: Work, intent: Json, *, is_paid: bool) -> Json:
    """A payment that was pending ends; returns its charge."""
    charge = work.must("charge", intent["latest_charge"] or "")
    if charge["status"] != "pending":
        raise refused(f"{charge['id']} is not pending")
    if is_paid:
        _succeed(work, intent, charge)
    else:
        _decline(work, intent, charge, "insufficient_funds", None)
    return charge


def _charge(work: Work, intent: Json, means: Means, billing: Json) -> Json:
    outcome = {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network",
        "reason": None,
        "risk_level": "normal",
        "risk_score": 20,
        "seller_message": "Payment complete.",
        "type": "authorized",
    }
    fields = {
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": {"address": NO_ADDRESS, "phone": None, "tax_id": None, **billing},
        "calculated_statement_descriptor": "SANDBOX",
        "captured": False,
        "created": work.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "on_behalf_of": None,
        "outcome": outcome,
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": f"pm_{token(24)}",
        "payment_method_details": means.details(),
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "pending",
        "transfer_data": None,
        "transfer_group": None,
    }
    return work.books.add(work.new("charge", **fields))


def _succeed(work: Work, intent: Json, charge: Json) -> None:
    transaction = ledger.book(
        work,
        "charge",
        charge,
        charge["amount"],
        fee=fee_of(charge["amount"]),
        description=charge["description"] or "Payment",
    )
    charge |= {
        "amount_captured": charge["amount"],
        "balance_transaction": transaction["id"],
        "captured": True,
        "paid": True,
        "status": "succeeded",
    }
    intent |= {
        "amount_received": charge["amount"],
        "last_payment_error": None,
        "status": "succeeded",
    }
    work.books.save(charge)
    work.books.save(intent)
    work.emit("charge.succeeded", charge)
    work.emit("payment_intent.succeeded", intent)


def _decline(work: Work, intent: Json, charge: Json, code: str, means: Means | None) -> None:
    message = means.message if means and means.message else "The customer's account has insufficient funds."
    error = {"charge": charge["id"], "code": code, "message": message, "type": "card_error"}
    if means is None:
        error["type"] = "invalid_request_error"
    else:
        error["decline_code"] = str(means.decline_code)
    charge |= {"failure_code": code, "failure_message": message, "status": "failed"}
    charge["outcome"] = charge["outcome"] | {
        "network_status": "declined_by_network",
        "reason": error.get("decline_code", code),
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }
    intent |= {"last_payment_error": error, "payment_method": None, "status": "requires_payment_method"}
    work.books.save(charge)
    work.books.save(intent)
    work.emit("charge.failed", charge)
    work.emit("payment_intent.payment_failed", intent)
