"""Payouts: the balance of a currency goes to the bank account, arrives, or comes back, even after it arrived."""

from trinity_sandbox.stripe import ledger
from trinity_sandbox.stripe.books import Json
from trinity_sandbox.stripe.errors import refused
from trinity_sandbox.stripe.work import Work

STEPS = {
    "in_transit": ("pending",),
    "paid": ("pending", "in_transit"),
    "failed": ("pending", "in_transit", "paid"),
    "canceled": ("pending",),
}
"""What a payout may become, and from what. Stripe, too, lets a paid one fail."""


def create(work: Work, currency: str) -> Json:
    """Pay out everything that has not been paid out: a payout takes the movements it is made of."""
    movements = work.books.all("balance_transaction", work.account, currency=currency)
    unpaid = [one for one in movements if one["_payout"] is None]
    amount = sum(one["net"] for one in unpaid)
    if amount <= 0:
        raise refused(f"there is no balance in {currency} to pay out")
    payout = work.new(
        "payout",
        amount=amount,
        application_fee=None,
        application_fee_amount=None,
        arrival_date=work.now,
        automatic=True,
        balance_transaction=None,
        created=work.now,
        currency=currency,
        description="STRIPE PAYOUT",
        destination=None,
        failure_balance_transaction=None,
        failure_code=None,
        failure_message=None,
        livemode=False,
        metadata={},
        method="standard",
        original_payout=None,
        payout_method=None,
        reconciliation_status="in_progress",
        reversed_by=None,
        source_type="card",
        statement_descriptor=None,
        status="pending",
        trace_id=None,
        type="bank_account",
    )
    own = ledger.book(work, "payout", payout, -amount, description="STRIPE PAYOUT")
    payout["balance_transaction"] = own["id"]
    work.books.add(payout)
    for one in [*unpaid, own]:
        work.books.save(one | {"_payout": payout["id"]})
    work.emit("payout.created", payout)
    return payout


def settle(work: Work, payout: Json, status: str) -> Json:
    """The payout moves on; when it fails or is cancelled, its amount is back in the balance."""
    if payout["status"] not in STEPS[status]:
        raise refused(f"{payout['id']} is {payout['status']} and can't become {status}")
    previous = {"status": payout["status"]}
    payout["status"] = status
    if status in ("failed", "canceled"):
        kind = "payout_failure" if status == "failed" else "payout_cancel"
        back = ledger.book(work, kind, payout, payout["amount"], description=f"STRIPE PAYOUT {status.upper()}")
        payout["failure_balance_transaction"] = back["id"]
    if status == "failed":
        payout |= {"failure_code": "account_closed", "failure_message": "The bank account has been closed."}
    work.books.save(payout)
    work.emit("payout.updated", payout, previous)
    if status != "in_transit":
        work.emit(f"payout.{status}", payout)
    if status == "paid":
        payout["reconciliation_status"] = "completed"
        work.books.save(payout)
        work.emit("payout.reconciliation_completed", payout)
    return payout
