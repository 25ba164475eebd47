"""Disputes: a cardholder's bank takes the money back, with a fee, until the dispute is won or lost."""

from typing import Any

from trinity_sandbox.stripe import ledger
from trinity_sandbox.stripe.books import Json
from trinity_sandbox.stripe.errors import refused
from trinity_sandbox.stripe.money import DISPUTE_FEE
from trinity_sandbox.stripe.work import Work

DUE_S = 9 * 24 * 3600
REASONS = (
    "credit_not_processed", "duplicate", "fraudulent", "general", "product_not_received", "product_unacceptable",
    "subscription_canceled", "unrecognized",
)  # fmt: skip
OPEN = ("needs_response", "under_review")

EVIDENCE = (
    "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure",
    "cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name",
    "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation", "duplicate_charge_explanation",
    "duplicate_charge_id", "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address", "shipping_carrier",
    "shipping_date", "shipping_documentation", "shipping_tracking_number", "uncategorized_file",
    "uncategorized_text",
)  # fmt: skip


def open_dispute(work: Work, charge: Json, amount: int | None, reason: str) -> Json:
    """The bank disputes a charge: the amount (all of it unless given) and the fee leave the balance."""
    if charge["status"] != "succeeded" or charge["disputed"]:
        raise refused(f"{charge['id']} was not successful, or is disputed already")
    amount = charge["amount"] if amount is None else amount
    if not 1 <= amount <= charge["amount"]:
        raise refused("a dispute is about at most what was charged")
    evidence: dict[str, Any] = dict.fromkeys(EVIDENCE)
    dispute = work.new(
        "dispute",
        amount=amount,
        balance_transactions=[],
        charge=charge["id"],
        created=work.now,
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence=evidence | {"enhanced_evidence": {}},
        evidence_details={
            "due_by": work.now + DUE_S,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        is_charge_refundable=False,
        livemode=False,
        metadata={},
        payment_intent=charge["payment_intent"],
        payment_method_details={
            "card": {"brand": "visa", "case_type": "chargeback", "network_reason_code": "10.4"},
            "type": "card",
        },
        reason=reason,
        status="needs_response",
    )
    charge["disputed"] = True
    work.books.save(charge)
    work.books.add(dispute)
    work.emit("charge.dispute.created", dispute)
    transaction = ledger.book(
        work, "adjustment", dispute, -amount, fee=DISPUTE_FEE, description=f"Chargeback withdrawal for {charge['id']}"
    )
    dispute["balance_transactions"] = [transaction["id"]]
    work.books.save(dispute)
    work.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def review(work: Work, dispute: Json) -> Json:
    """Evidence was handed in; the bank looks at it."""
    if dispute["status"] != "needs_response":
        raise refused(f"{dispute['id']} needs no response")
    dispute["status"] = "under_review"
    dispute["evidence_details"] |= {"has_evidence": True, "submission_count": 1}
    work.books.save(dispute)
    work.emit("charge.dispute.updated", dispute, {"status": "needs_response"})
    return dispute


def close(work: Work, dispute: Json, *, is_won: bool) -> Json:
    """The bank decides. Won: the amount comes back, the fee does not."""
    if dispute["status"] not in OPEN:
        raise refused(f"{dispute['id']} is closed already")
    dispute["status"] = "won" if is_won else "lost"
    work.books.save(dispute)
    work.emit("charge.dispute.closed", dispute)
    if is_won:
        transaction = ledger.book(
            work,
            "adjustment",
            dispute,
            dispute["amount"],
            category="dispute_reversal",
            description=f"Chargeback reversal for {dispute['charge']}",
        )
        dispute["balance_transactions"].append(transaction["id"])
        work.books.save(dispute)
        work.emit("charge.dispute.funds_reinstated", dispute)
    return dispute
