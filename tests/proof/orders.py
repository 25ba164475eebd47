"""Orders that were really paid for at the Stripe stand-in, with what our own gateway and books made of it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.revenue.shop import Shop
from tests.world import World
from trinity import agency, gateway, revenue, sources
from trinity.agency.runs import begin_run
from trinity.gateway import Proposal, Proposed
from trinity.kit.actor import Actor
from trinity.providers.stripe.webhook import event_of
from trinity.revenue import NewCheckout

BUYER = "ada@customer.example"
REPORT = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
WISH = "Please look at our shop: nobody finds the basket."


@dataclass
class Sale:
    """An order with its checkout's call; everything goes through the verbs that the pages and jobs use."""

    shop: Shop
    checkout_id: UUID
    checkout_call_id: UUID
    session: dict[str, Any]
    order_id: UUID

    @property
    def world(self) -> World:
        """The world it happens in."""
        return self.shop.world

    async def listen(self) -> None:
        """Take in every event that Stripe has for us, and do what follows."""
        async with self.world.tx() as tx:
            for value in self.shop.all_events():
                await revenue.receive_event(tx, event_of(value), repr(value).encode(), self.world.clock())
        await self.shop.work()
        await self.shop.book()

    async def settle(self, made: Proposed) -> None:
        """Drive a call to its end, and compare it with the provider's record."""
        call = await self.world.drive(made.tool_call_id)
        assert call.state == "succeeded", call.reasons
        await gateway.verify(self.world.rails, self.world.account_id, made.tool_call_id)

    async def refund(self, amount_minor: int, *approvers: Actor, key: str = "refund-1") -> Proposed:
        """A refund, asked for by an agent without a run, approved by these people, made and booked."""
        payload = {"order_id": str(self.order_id), "amount_minor": amount_minor, "currency": "eur"}
        payload |= {"reason": "requested_by_customer"}
        proposal = Proposal(self.world.project_id, "stripe.refund", key, payload)
        made = await gateway.propose(self.world.app, self.world.agent, proposal)
        for approver in approvers:
            await self.world.approve(made, actor=approver)
        self.world.clock.sleep(31)
        await self.settle(made)
        await self.listen()
        return made

    async def source_id(self) -> UUID:
        """The source that holds what the buyer wrote."""
        async with self.world.tx() as tx:
            found = (await revenue.get_intake(tx, self.order_id)).source_id
        assert found
        return found

    async def begin_run(self) -> UUID:
        """The order's run, begun after a person has released what the buyer wrote."""
        clock, source_id = self.world.clock, await self.source_id()
        async with self.world.tx() as tx:
            run_id = await agency.start_run_of_order(tx, self.order_id, clock())
            assert run_id
            await revenue.link_run(tx, self.order_id, run_id)
        async with self.world.tx() as tx:
            await sources.decide_release(tx, self.world.owner, source_id, is_released=True, now=clock())
        async with self.world.tx() as tx:
            await agency.source_decided(tx, source_id, clock())
            await begin_run(tx, run_id, clock())
            await agency.keep_package(tx, run_id, "ab" * 32, (source_id,), clock())
            await agency.save_draft(tx, run_id, "Report", "Dear Ada …", clock())
        return run_id

    async def report(self, run_id: UUID) -> UUID:
        """The file that the run's agent made, released by a person, and noted at the order."""
        world, store = self.world, sources.open_store(self.world.settings)
        agent = Actor(world.account_id, "agent", str(run_id))
        async with world.tx() as tx:
            order = await revenue.get_order(tx, self.order_id)
            new = sources.NewArtifact(
                world.project_id, "report.pdf", "application/pdf", REPORT, "agent", order.contact_id, run_id
            )
            artifact_id = await sources.add_artifact(tx, store, agent, new, world.clock())
            await revenue.prepare(tx, self.order_id, artifact_id)
        async with world.tx() as tx:
            await sources.decide_artifact(tx, store, world.owner, artifact_id, is_released=True, now=world.clock())
        return artifact_id

    async def deliver(self) -> Proposed:
        """The order's run, to its end: the report, models' judgement, an approval, the mail, the delivery."""
        run_id = await self.begin_run()
        artifact_id = await self.report(run_id)
        world = self.world
        payload = world.mail(attachments=[str(artifact_id)])
        proposal = Proposal(world.project_id, "gmail.send", "deliver", payload, run_id=run_id)
        agent = Actor(world.account_id, "agent", str(run_id))
        made = await world.reviewed(await gateway.propose(world.app, agent, proposal))
        await world.approve(made)
        world.clock.sleep(31)
        await self.settle(made)
        async with world.tx() as tx:
            await agency.finish_run(tx, run_id, "completed", "Done.", world.clock())
        return made


async def sell(shop: Shop, amount_minor: int = 4900) -> Sale:
    """A visitor fills the form, our gateway opens the session, the visitor pays, and Stripe tells us."""
    world = shop.world
    offer = await shop.offer(amount_minor)
    actor = Actor.system(world.account_id, "checkout")
    async with world.tx() as tx:
        new = NewCheckout(offer.id, BUYER, "Ada Byron", "https://customer.example", WISH)
        begun = await revenue.begin_checkout(tx, actor, new, world.clock())
    base = world.settings.base_url
    payload = {
        "checkout_id": str(begun.checkout.id),
        "offer_id": str(offer.id),
        "title": offer.title,
        "amount_minor": amount_minor,
        "currency": "eur",
        "customer_email": BUYER,
        "success_url": f"{base}/checkout/thanks",
        "cancel_url": f"{base}/checkout/back",
    }
    proposal = Proposal(world.project_id, "stripe.checkout_session", f"checkout-{begun.checkout.id}", payload)
    made = await gateway.propose(world.app, actor, proposal)
    async with world.tx() as tx:
        await revenue.link_call(tx, begun.checkout.id, made.tool_call_id)
    sale = Sale(shop, begun.checkout.id, made.tool_call_id, {}, begun.checkout.id)
    await sale.settle(made)
    async with world.tx() as tx:
        checkout = await revenue.get_checkout(tx, begun.checkout.id)
    sale.session = shop.caller.call("GET", f"checkout/sessions/{checkout.provider_session_id}")
    assert shop.caller.pay(sale.session, email=BUYER).status_code == 303
    await sale.listen()
    async with world.tx() as tx:
        order = await revenue.find_order(tx, begun.checkout.id)
    assert order
    sale.order_id = order.id
    return sale
