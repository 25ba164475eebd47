"""Money back: proposed by one person, approved by two others, executed once, booked; and a payout before it."""

from typing import Any

from trinity.cli.story.buying import books_agree
from trinity.cli.story.cast import Cast
from trinity.cli.story.sandboxes import Sandboxes
from trinity.cli.story.teller import Teller, demand, until
from trinity.cli.story.working import in_state, verified

type Json = dict[str, Any]


async def refund(teller: Teller, cast: Cast, sandboxes: Sandboxes, order: Json) -> None:
    """The whole order, by two approvals."""
    with teller.step("the owner proposes to refund the order, and may not approve it"):
        payload = {
            "order_id": order["id"],
            "amount_minor": order["amount_minor"],
            "currency": order["currency"],
            "reason": "requested_by_customer",
        }
        body = {"project_id": order["project_id"], "provider": "stripe", "operation": "stripe.refund"}
        body |= {"idempotency_key": f"refund-{order['id']}", "payload": payload}
        made = await cast.owner.post("/tool-calls", body)
        teller.calls.append(made["id"])
        card = await cast.owner.get(f"/approvals/{made['approval_id']}")
        decision = {"decision": "approve", "envelope_digest": card["envelope_digest"]}
        code = await cast.owner.refused(f"/approvals/{card['id']}/decisions", decision)
        demand(code == "requester_cannot_approve", f"the owner's own approval answered {code}")
    if teller.has_faults:
        with teller.step("fault: Stripe will accept the refund and drop the connection before it answers"):
            await sandboxes.lose_an_answer("stripe", "refunds")
    with teller.step("two different people approve; one is not enough, and the same one twice is not two"):
        first, second = cast.approvers
        await first.post(f"/approvals/{card['id']}/decisions", decision)
        demand((await sandboxes.money())["refunds"] == [], "one approval was enough")
        code = await first.refused(f"/approvals/{card['id']}/decisions", decision)
        demand(code == "already_decided", f"a second approval by the same person answered {code}")
        await second.post(f"/approvals/{card['id']}/decisions", decision)
    with teller.step("Stripe refunds it once, and the order says so"):
        await until(lambda: verified(first, made["id"]), "the refund to be executed and verified")
        await until(lambda: in_state(cast, order, "refunded"), "the order to be refunded")
        refunds = (await sandboxes.money())["refunds"]
        demand([one["amount"] for one in refunds] == [order["amount_minor"]], f"the refunds are {refunds}")
    with teller.step("the ledger agrees with Stripe's books again, to the cent"):
        await until(lambda: books_agree(cast, sandboxes), "the ledger to agree with Stripe")


async def pay_out(teller: Teller, cast: Cast, sandboxes: Sandboxes, order: Json) -> None:
    """Stripe moves the balance to the bank, by itself; the ledger follows."""
    with teller.step("Stripe pays the balance out to the bank, and the ledger follows"):
        await sandboxes.pay_out(order["currency"])
        await until(lambda: books_agree(cast, sandboxes), "the ledger to agree with Stripe")
        balances = (await cast.owner.get("/ledger"))["balances"]
        bank = [one["amount_minor"] for one in balances if one["account"] == "bank"]
        paid = [one["amount"] for one in (await sandboxes.money())["payouts"]]
        demand(bank == [sum(paid)], f"the bank account holds {bank}, and {paid} were paid out")
