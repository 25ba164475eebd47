"""The agency's work: what people release, what the agent makes of it, what approvers let out."""

from typing import Any

from trinity.cli.first import MAILBOX
from trinity.cli.person import Person
from trinity.cli.story.cast import CUSTOMER, Cast
from trinity.cli.story.sandboxes import Sandboxes
from trinity.cli.story.teller import Teller, demand, until

ANSWER = "Thank you, that is clear. Could you tell me which of the broken links matters most?"
ROUTES = ("score", "copy_safety", "qa")
LOST = ("failed", "denied", "expired", "rejected")

type Json = dict[str, Any]


async def work(teller: Teller, cast: Cast, sandboxes: Sandboxes, order: Json) -> Json:
    """From the held run to the delivered report. Returns the mail as it was sent."""
    with teller.step(
        "the run that follows from the payment waits: no agent reads the intake before a person released it"
    ):
        run_id = await until(lambda: _run(cast, order), "the order's run")
        teller.run_id = run_id
        run = await cast.owner.get(f"/runs/{run_id}")
        demand(run["state"] == "held", f"the run is {run['state']}")
    with teller.step("the owner reads the intake and releases it"):
        whole = await cast.owner.get(f"/orders/{order['id']}")
        await cast.owner.post(f"/sources/{whole['intake']['source_id']}/release", {})
    with teller.step("the agent plans, reads released sources, writes a report, proposes one mail; models judge it"):
        card = await until(lambda: pending(cast.owner, "gmail.send"), "the agent to propose a mail")
        run = await cast.owner.get(f"/runs/{run_id}")
        found = {one["route"]: one["outcome"] for one in run["decisions"]}
        demand(found == dict.fromkeys(ROUTES, "passed"), f"the models' decisions are {found}")
    with teller.step("the mail cannot be approved before a person has released the report that it carries"):
        decision = {"decision": "approve", "envelope_digest": card["envelope_digest"]}
        code = await cast.approvers[0].refused(f"/approvals/{card['id']}/decisions", decision)
        demand(code == "attachment_not_released", f"the early approval answered {code}")
        files = (await cast.owner.get(f"/artifacts?run_id={run_id}"))["items"]
        for one in files:
            await cast.owner.post(f"/artifacts/{one['id']}/release", {})
    if teller.has_faults:
        with teller.step("fault: Gmail will accept the send and drop the connection before it answers"):
            await sandboxes.lose_an_answer("gmail", "drafts/send")
    sent = await let_out(teller, cast, sandboxes, card, 1)
    with teller.step("the order says that it is fulfilled, and with which mail"):
        await until(lambda: in_state(cast, order, "fulfilled"), "the order to be fulfilled")
    return sent


async def converse(teller: Teller, cast: Cast, sandboxes: Sandboxes, sent: Json) -> None:
    """The customer answers; the answer is threaded, quarantined, released, and answered in the same thread."""
    with teller.step("the customer answers: threaded, and quarantined for agents"):
        await sandboxes.answer(sent, CUSTOMER, ANSWER)
        thread = await until(lambda: _answered(cast), "the customer's answer")
        message = thread["messages"][-1]
        demand(message["release_state"] == "quarantined", f"the answer is {message['release_state']}")
    with teller.step("the owner releases it and lets the agent draft an answer"):
        await cast.owner.post(f"/sources/{message['source_id']}/release", {})
        await cast.owner.post(f"/threads/{thread['id']}/runs", {})
        card = await until(lambda: pending(cast.owner, "gmail.reply"), "the agent's answer")
    again = await let_out(teller, cast, sandboxes, card, 2)
    demand(again["thread_id"] == sent["thread_id"], "the answer went out in another thread")


async def let_out(teller: Teller, cast: Cast, sandboxes: Sandboxes, card: Json, n: int) -> Json:
    """An approver approves exactly what the card shows; the gateway sends it once. Returns the n-th mail in the books."""
    approver, call_id = cast.approvers[0], str(card["tool_call"]["id"])
    teller.calls.append(call_id)
    with teller.step(f"a person reads the card and approves exactly {card['envelope_digest'][:12]}…"):
        decision = {"decision": "approve", "envelope_digest": card["envelope_digest"], "reason": "Good."}
        await approver.post(f"/approvals/{card['id']}/decisions", decision)
    with teller.step("the gateway sends it, and compares it with the provider's own record"):
        await until(lambda: verified(approver, call_id), "the mail to be sent and verified")
    with teller.step(f"the mail stand-in's books: {n} sent, each exactly once"):
        books = await sandboxes.mails(MAILBOX)
        demand(len(books) == n, f"{len(books)} mails were sent, not {n}")
    return books[-1]


async def pending(person: Person, operation: str) -> Json | None:
    """The card of an operation that waits for a decision."""
    items = (await person.get("/approvals?state=pending"))["items"]
    found = next((one for one in items if one["tool_call"]["operation"] == operation), None)
    return await person.get(f"/approvals/{found['id']}") if found else None


async def verified(person: Person, call_id: str) -> Json | None:
    """The call, once its effect was compared with the provider's record and its proof stands."""
    call = await person.get(f"/tool-calls/{call_id}")
    demand(call["state"] not in LOST, f"the call is {call['state']}: {call['reasons']}")
    return call if call["state"] == "succeeded" and call["proof_state"] == "verified" else None


async def in_state(cast: Cast, order: Json, state: str) -> bool | None:
    """Whether the order is in a state."""
    return True if (await cast.owner.get(f"/orders/{order['id']}"))["state"] == state else None


async def _run(cast: Cast, order: Json) -> str | None:
    runs = (await cast.owner.get("/runs"))["items"]
    return next((one["id"] for one in runs if one["order_id"] == order["id"]), None)


async def _answered(cast: Cast) -> Json | None:
    for one in (await cast.owner.get("/threads"))["items"]:
        thread = await cast.owner.get(f"/threads/{one['id']}")
        if thread["messages"] and thread["messages"][-1]["direction"] == "in":
            return thread
    return None
