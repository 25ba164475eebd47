"""Step 18: the money. Every transfer is of this order's own movements, and their sums are what the order says."""

from typing import Any

from trinity_verify.form import Missing, demand, number, parse, unbase64
from trinity_verify.packet import Packet
from trinity_verify.purchase import NO_ORDER

CODES = ("stripe", "bank", "sales", "refunds", "disputes", "fees", "adjustments")
FEE = ".fee"
"""The end of a fee's kind; what stands before it is the kind of the leg that it was taken from."""
REFUND_STATES = ("pending", "requires_action", "succeeded", "failed", "canceled")
OPEN_DISPUTES = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
PAID_BACK = ("pending", "requires_action", "succeeded")
"""A refund in one of these states has left the balance, or is about to."""


def ledger(packet: Packet) -> str:
    """Step 18."""
    order = packet.body["order"]
    if order is None:
        return NO_ORDER
    for one in order["transfers"]:
        _check_transfer(order, one)
    legs = [(one["txn_id"], one["kind"]) for one in order["transfers"]]
    demand(len(set(legs)) == len(legs), "a leg of a balance transaction is booked twice")
    _check_transactions(packet, order)
    _check_refunds(packet, order)
    _check_sums(order)
    return f"{number(len(legs), 'transfer')} of this order's own movements, with the sums that it says"


def _check_transfer(order: dict[str, Any], one: dict[str, Any]) -> None:
    """A transfer takes from one account what it gives to another, so it balances; here it must be this order's."""
    where = f"the transfer {one['id']}"
    demand(one["debit"] in CODES and one["credit"] in CODES, f"{where} is between unknown accounts")
    demand(one["debit"] != one["credit"], f"{where} is from an account to itself")
    demand(one["amount_minor"] > 0, f"{where} is of nothing, or of less")
    demand(one["currency"] == order["currency"], f"{where} is in another currency than the order")
    sources = {order["charge_id"], *(refund["provider_refund_id"] for refund in order["refunds"])}
    sources |= {dispute["provider_dispute_id"] for dispute in order["disputes"]}
    demand(one["source_id"] in sources, f"{where} is about no charge, refund or dispute of this order")
    demand(bool(one["txn_id"]), f"{where} names no balance transaction")
    demand("stripe" in (one["debit"], one["credit"]), f"{where} moves nothing of what is held at Stripe")
    is_fee = one["kind"].endswith(FEE)
    mains = [leg for leg in order["transfers"] if (leg["txn_id"], leg["kind"] + FEE) == (one["txn_id"], one["kind"])]
    demand(is_fee == ("fees" in (one["debit"], one["credit"])), f"{where} is a fee in only one of kind and account")
    demand(not is_fee or len(mains) == 1, f"{where} is the fee of nothing")


def _check_transactions(packet: Packet, order: dict[str, Any]) -> None:
    """One balance transaction is about one thing; a refund's is the one that the provider's own refund names."""
    about: dict[str, str] = {}
    for one in order["transfers"]:
        demand(
            about.setdefault(one["txn_id"], one["source_id"]) == one["source_id"], "a transaction is about two things"
        )
    for call in packet.calls:
        for receipt in call.receipts("provider_record") if call.data["operation"] == "stripe.refund" else []:
            refund = parse(unbase64(receipt["raw_b64"], "a record"), "a record of a refund", is_exact=False)
            booked = {txn for txn, source in about.items() if source == refund["id"]}
            named = {refund.get("balance_transaction"), refund.get("failure_balance_transaction")}
            demand(booked <= named, f"{call.name} is booked under another balance transaction than its refund names")


def _check_refunds(packet: Packet, order: dict[str, Any]) -> None:
    """Every refund that has a ToolCall is the one that the call made, of its amount."""
    for one in order["refunds"]:
        where = f"the refund {one['id']}"
        demand(one["state"] in REFUND_STATES, f"{where} has an unknown state")
        demand(one["currency"] == order["currency"], f"{where} is in another currency than the order")
        call = packet.call(one["tool_call_id"])
        demand(call is not None or one["tool_call_id"] is None, f"the call of {where} is not in this packet")
        if call is not None:
            made = [receipt["facts"].get("refund_id") for receipt in call.receipts("refund")]
            demand(made == [one["provider_refund_id"]], f"{call.name} made another refund than {where}")
            said = (call.typed["order_id"], call.typed["amount_minor"], call.typed["currency"])
            wanted = (order["id"], one["amount_minor"], one["currency"])
            demand(said == wanted, f"{call.name} asked for another refund than {where}")


def _check_sums(order: dict[str, Any]) -> None:
    """What the ledger says was sold and paid back is what the order says; a refund that is not booked yet is missing."""
    back = sum(one["amount_minor"] for one in order["refunds"] if one["state"] in PAID_BACK)
    demand(order["refunded_minor"] == back, "the order's refunded amount is not that of its refunds")
    _check_state(order)
    sold = _net(order, "sales")
    if not sold and not order["transfers"]:
        raise Missing("the payment of this order is not booked yet")
    demand(sold == order["amount_minor"], f"{sold} is booked as sold, and the order is of {order['amount_minor']}")
    booked = -_net(order, "refunds")
    unbooked = [one for one in order["refunds"] if one["state"] in PAID_BACK and not _is_booked(order, one)]
    if unbooked:
        raise Missing(f"{number(len(unbooked), 'refund')} of this order not booked yet")
    demand(booked == back, f"{booked} is booked as paid back, and the refunds are of {back}")


def _check_state(order: dict[str, Any]) -> None:
    """The order's state is the one that its refunds and disputes leave it in."""
    back, whole = order["refunded_minor"], order["amount_minor"]
    disputes = {one["state"] for one in order["disputes"]}
    demand(0 <= back <= whole, "more was paid back than was paid")
    if disputes & set(OPEN_DISPUTES):
        wanted: tuple[str, ...] = ("disputed",)
    elif "lost" in disputes:
        wanted = ("dispute_lost",)
    elif back == whole:
        wanted = ("refunded",)
    elif back:
        wanted = ("partially_refunded",)
    else:
        wanted = ("paid", "fulfilled")
    demand(order["state"] in wanted, f"the order is {order['state']}, and its refunds and disputes say {wanted[0]}")


def _net(order: dict[str, Any], code: str) -> int:
    """What an account was credited, less what it was debited."""
    found = order["transfers"]
    credited = sum(one["amount_minor"] for one in found if one["credit"] == code)
    return int(credited - sum(one["amount_minor"] for one in found if one["debit"] == code))


def _is_booked(order: dict[str, Any], refund: dict[str, Any]) -> bool:
    return any(one["source_id"] == refund["provider_refund_id"] for one in order["transfers"])
