"""Steps 17, 19 and 20: what was bought, what the buyer wrote, and what was delivered."""

from typing import Any

from trinity_verify.form import Missing, at, demand, number
from trinity_verify.operations import CHECKOUT, SENDS
from trinity_verify.packet import Call, Packet

NO_ORDER = "this packet is about no order"
STATES = ("paid", "fulfilled", "partially_refunded", "refunded", "disputed", "dispute_lost")


def purchase(packet: Packet) -> str:
    """Step 17."""
    order = packet.body["order"]
    demand((order is not None) == (packet.body["kind"] == "order"), "an order in a packet that is about none")
    if order is None:
        return NO_ORDER
    demand(order["id"] == packet.body["subject_id"], "the packet is about another order")
    demand(order["state"] in STATES, "the order has an unknown state")
    offer, checkout, customer = order["offer"], order["checkout"], order["customer"]
    ids = (order["offer_id"], order["checkout_id"], order["customer_id"], checkout["offer_id"])
    demand(ids == (offer["id"], checkout["id"], customer["id"], offer["id"]), "offer, checkout and order are strangers")
    people = {order["contact_id"], checkout["contact_id"], customer["contact_id"]}
    demand(len(people) == 1, "the order, its checkout and its customer are different people's")
    demand(checkout["state"] == "completed", f"the order's checkout is {checkout['state'][:20]}")
    prices = {(one["amount_minor"], one["currency"]) for one in (order, checkout)}
    demand(len(prices) == 1, "the order's amount is not its checkout's")
    demand(at(checkout["created_at"]) <= at(order["created_at"]), "the order came before its checkout")
    _check_checkout(packet, checkout)
    _check_told(packet, order)
    _check_moment(packet, order)
    amount = f"{order['amount_minor']} {order['currency']}"
    return f"order {order['number']} of {amount}, as its checkout said, told of by {_events(order)}"


def _events(order: dict[str, Any]) -> str:
    return number(len(order["stripe_events"]), "event") + " of Stripe's"


def _check_checkout(packet: Packet, checkout: dict[str, Any]) -> None:
    """The session was opened by a ToolCall of this packet, for this amount, and the provider's answer names it."""
    call = packet.call(checkout["tool_call_id"])
    if call is None:
        raise Missing("the ToolCall that opened the checkout is not in this packet")
    demand(call.data["operation"] == "stripe.checkout_session", f"{call.name} opened the checkout, and is no checkout")
    said = {key: call.typed[key] for key in ("checkout_id", "offer_id", "amount_minor", "currency")}
    wanted = {"checkout_id": checkout["id"]} | {key: checkout[key] for key in ("offer_id", "amount_minor", "currency")}
    demand(said == wanted, f"{call.name} opened a session for something else than the checkout")
    sessions = [one["facts"].get("session_id") for one in call.receipts(CHECKOUT)]
    demand(sessions == [checkout["provider_session_id"]], f"{call.name} opened another session than was paid")


def _check_told(packet: Packet, order: dict[str, Any]) -> None:
    """What Stripe told us is about this order's own objects, each event once, and one of them says that it was paid."""
    told = order["stripe_events"]
    names = [one["provider_event_id"] for one in told]
    demand(len(set(names)) == len(names), "an event of Stripe's is here twice")
    strange = [one["provider_event_id"] for one in told if one["object_id"] not in objects_of(order)]
    demand(not strange, f"{number(len(strange), 'event')} of Stripe's about nothing of this order's")
    sold = [one for one in order["revenue_events"] if one["kind"] == "order.paid"]
    known = {order["payment_intent_id"], order["checkout"]["provider_session_id"]}
    amount = (order["amount_minor"], order["currency"])
    is_sold = [(one["amount_minor"], one["currency"]) for one in sold] == [amount] and sold[0]["provider_id"] in known
    demand(is_sold, "the order's revenue is not that of its payment")
    paid = [one for one in packet.about(order["id"]) if one["kind"] == "order.paid"]
    demand(len(paid) == 1, "no event says that the order was paid, or more than one does")
    demand(paid[0]["actor_kind"] == "system", "the order was called paid by somebody")
    said = {key: order[key] for key in ("number", "amount_minor", "currency")}
    is_said = paid[0]["facts"] == said and paid[0]["created_at"] == order["paid_at"]
    demand(is_said, "the order is another than its event says")


def _check_moment(packet: Packet, order: dict[str, Any]) -> None:
    """One moment made the order and what is owed for it; the checkout was begun when its event says, for that amount."""
    ones = [order["intake"], order["fulfilment"], *(e for e in order["revenue_events"] if e["kind"] == "order.paid")]
    moments = {order["paid_at"], order["created_at"], *(one["created_at"] for one in ones if one)}
    demand(len(moments) == 1, "the order and what followed from its payment were not made in one moment")
    checkout = order["checkout"]
    begun = [one for one in packet.about(checkout["id"]) if one["kind"] == "checkout.begun"]
    said = [(one["created_at"], one["facts"].get("amount_minor"), one["facts"].get("currency")) for one in begun]
    wanted = [(checkout["created_at"], checkout["amount_minor"], checkout["currency"])]
    demand(said == wanted, "the checkout is another than its event says")


def objects_of(order: dict[str, Any]) -> set[str]:
    """The ids that Stripe knows the parts of this order by."""
    found = {order["payment_intent_id"], order["charge_id"], order["checkout"]["provider_session_id"]}
    found |= {one["provider_refund_id"] for one in order["refunds"]}
    found |= {one["provider_dispute_id"] for one in order["disputes"]}
    return {str(one) for one in found if one}


def intake(packet: Packet) -> str:
    """Step 19."""
    order = packet.body["order"]
    if order is None:
        return NO_ORDER
    if order["intake"] is None or order["intake"]["source_id"] is None:
        demand(
            all(run["held_for_id"] is None for run in packet.body["runs"]), "a run waited for a text that is not here"
        )
        return "the buyer wrote nothing"
    source = packet.find("sources", order["intake"]["source_id"])
    if source is None:
        raise Missing("what the buyer wrote is not in this packet, not even by its digest")
    demand(source["origin"] == "public_form", "what the buyer wrote is called something else")
    demand(source["contact_id"] == order["contact_id"], "what the buyer wrote is somebody else's")
    runs = [run for run in packet.body["runs"] if run["held_for_id"] == source["id"] and run["started_at"]]
    for run in runs:
        demand(source["release_state"] == "released", f"the run {run['id']} began, and the intake was never released")
        is_before = at(source["decided_at"]) <= at(run["started_at"])
        demand(is_before, f"the run {run['id']} began before the intake was released")
    return f"the intake is {source['release_state']}; {number(len(runs), 'run')} began after that"


def fulfilment(packet: Packet) -> str:
    """Step 20."""
    order = packet.body["order"]
    if order is None:
        return NO_ORDER
    found = order["fulfilment"]
    if found is None or found["state"] != "delivered":
        demand(order["state"] != "fulfilled", "the order is fulfilled, and nothing was delivered")
        demand(found is None or found["delivered_at"] is None, "what was not delivered has a time of delivery")
        return "nothing was delivered yet"
    call = packet.call(found["tool_call_id"])
    if call is None or found["delivered_at"] is None:
        raise Missing("the mail that delivered the order is not in this packet")
    demand(call.data["operation"] in SENDS and call.state == "succeeded", f"{call.name} delivered, and was not sent")
    carried = call.typed.get("attachments", [])
    if not carried:
        raise Missing(f"{call.name} delivered the order without a file, so what was delivered cannot be named")
    is_named = found["artifact_id"] is None or found["artifact_id"] in carried
    demand(is_named, f"{call.name} carries something else than the deliverable")
    demand(found["run_id"] in (None, call.envelope["run_id"]), f"{call.name} is of another run than the delivery")
    _check_delivered(packet, call, found, order)
    return f"delivered by {call.name}, with {number(len(carried), 'released artifact')}"


def _check_delivered(packet: Packet, call: Call, found: dict[str, Any], order: dict[str, Any]) -> None:
    moment = call.settled[-1]["created_at"]
    demand(at(moment) <= at(found["delivered_at"]), f"the order was delivered before {call.name} was sent")
    told = [one for one in packet.about(order["id"]) if one["kind"] == "order.delivered"]
    said = [(one["created_at"], one["facts"].get("tool_call_id")) for one in told]
    demand(said == [(found["delivered_at"], call.id)], "the delivery is another than its event says")
    buyer = next(
        (one.typed["customer_email"] for one in packet.calls if one.id == order["checkout"]["tool_call_id"]), None
    )
    recipients = [one["addr"].lower() for one in call.typed.get("to", [])]
    demand(buyer is None or buyer.lower() in recipients, f"{call.name} went to somebody else than who paid")
