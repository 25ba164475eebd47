"""A world that has been paid: the real Stripe stand-in, an account connected to it, orders of payments that happened."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.sandbox.stripe.standin import Caller, StandIn
from tests.world import ENCRYPTION_KEY, World
from trinity import crm, gateway, integrations
from trinity.crm import NewContact
from trinity.gateway import Proposal, Proposed
from trinity.kit.actor import Actor
from trinity.kit.ids import uuid7

type Json = dict[str, Any]


@dataclass
class Shop:
    """One account's side of Stripe."""

    world: World
    stripe: StandIn
    caller: Caller

    async def offer(self, amount_minor: int = 4900, currency: str = "eur") -> UUID:
        """An offer that can be bought."""
        offer_id = uuid7(self.world.clock())
        async with self.world.tx() as tx:
            await tx.execute(
                "insert into offers (account_id, id, project_id, slug, title, summary, amount_minor, currency, state,"
                " created_at) values (%(a)s, %(id)s, %(p)s, %(slug)s, 'Snapshot report', 'A look', %(m)s, %(c)s,"
                " 'published', %(now)s)",
                {
                    "a": tx.account_id,
                    "id": offer_id,
                    "p": self.world.project_id,
                    "slug": f"snapshot-{offer_id.hex[-8:]}",
                    "m": amount_minor,
                    "c": currency,
                    "now": self.world.clock(),
                },
            )
        return offer_id

    async def checkout(self, amount_minor: int = 4900, currency: str = "eur") -> tuple[UUID, UUID]:
        """A checkout that waits for its session, and its offer."""
        offer_id = await self.offer(amount_minor, currency)
        checkout_id, now = uuid7(self.world.clock()), self.world.clock()
        async with self.world.tx() as tx:
            new = NewContact(self.world.project_id, "ada@customer.example", "Ada Byron")
            contact = await crm.meet(tx, self.world.owner, new, now)
            await tx.execute(
                "insert into checkout_sessions (account_id, id, project_id, offer_id, contact_id, token_sha256,"
                " intake_text, amount_minor, currency, state, created_at, changed_at) values (%(a)s, %(id)s, %(p)s,"
                " %(offer)s, %(contact)s, %(token)s, 'Please look.', %(m)s, %(c)s, 'preparing', %(now)s, %(now)s)",
                {
                    "a": tx.account_id,
                    "id": checkout_id,
                    "p": self.world.project_id,
                    "offer": offer_id,
                    "contact": contact.id,
                    "token": checkout_id.bytes * 2,
                    "m": amount_minor,
                    "c": currency,
                    "now": now,
                },
            )
        return checkout_id, offer_id

    async def order(self, amount_minor: int = 4900, currency: str = "eur", state: str = "paid") -> UUID:
        """An order of a payment that really happened at the stand-in."""
        charge = self.caller.charge(amount_minor, currency)
        checkout_id, offer_id = await self.checkout(amount_minor, currency)
        order_id, customer_id, now = uuid7(self.world.clock()), uuid7(self.world.clock()), self.world.clock()
        async with self.world.tx() as tx:
            contact_id = await tx.value(
                "select contact_id from checkout_sessions where id = %(id)s", {"id": checkout_id}
            )
            params = {
                "a": tx.account_id,
                "id": order_id,
                "customer": customer_id,
                "contact": contact_id,
                "p": self.world.project_id,
                "offer": offer_id,
                "checkout": checkout_id,
                "intent": charge["payment_intent"],
                "charge": charge["id"],
                "state": state,
                "m": amount_minor,
                "c": currency,
                "now": now,
            }
            await tx.execute(
                "insert into customers (account_id, id, contact_id, created_at)"
                " values (%(a)s, %(customer)s, %(contact)s, %(now)s) on conflict do nothing",
                params,
            )
            await tx.execute(
                "insert into orders (account_id, id, number, project_id, offer_id, customer_id, contact_id, checkout_id,"
                " payment_intent_id, charge_id, state, amount_minor, currency, refunded_minor, paid_at, created_at)"
                " select %(a)s, %(id)s, 1 + (select count(*) from orders), %(p)s, %(offer)s, c.id, %(contact)s,"
                " %(checkout)s, %(intent)s, %(charge)s, %(state)s, %(m)s, %(c)s, 0, %(now)s, %(now)s"
                " from customers c where c.contact_id = %(contact)s",
                params,
            )
        return order_id

    def refund(self, order_id: UUID, amount_minor: int = 1000, **changes: Any) -> Json:
        """A valid payload of stripe.refund, with changes."""
        payload = {
            "order_id": str(order_id),
            "amount_minor": amount_minor,
            "currency": "eur",
            "reason": "requested_by_customer",
        }
        return payload | changes

    async def propose_refund(
        self,
        order_id: UUID,
        amount_minor: int = 1000,
        *,
        key: str = "refund-1",
        actor: Actor | None = None,
        **more: Any,
    ) -> Proposed:
        """Propose to give money back, as an agent."""
        payload = self.refund(order_id, amount_minor, **more)
        proposal = Proposal(self.world.project_id, "stripe.refund", key, payload)
        return await gateway.propose(self.world.app, actor or self.world.agent, proposal)

    async def approved_refund(self, order_id: UUID, amount_minor: int = 1000, *, key: str = "refund-1") -> Proposed:
        """A refund that the owner approved (below the constant), with its undo window over."""
        made = await self.propose_refund(order_id, amount_minor, key=key)
        assert await self.world.approve(made) == "approved"
        self.world.clock.sleep(31)
        return made

    def checkout_payload(self, checkout_id: UUID, offer_id: UUID, **changes: Any) -> Json:
        """A valid payload of stripe.checkout_session, with changes."""
        base = self.world.settings.base_url
        payload = {
            "checkout_id": str(checkout_id),
            "offer_id": str(offer_id),
            "title": "Snapshot report",
            "amount_minor": 4900,
            "currency": "eur",
            "customer_email": "ada@customer.example",
            "success_url": f"{base}/checkout/thanks",
            "cancel_url": f"{base}/checkout/back",
        }
        return payload | changes

    async def propose_checkout(self, payload: Json, *, key: str = "checkout-1") -> Proposed:
        """Ask for a session, as the page does."""
        proposal = Proposal(self.world.project_id, "stripe.checkout_session", key, payload)
        return await gateway.propose(self.world.app, Actor.system(self.world.account_id, "checkout"), proposal)

    def refunds(self) -> list[Json]:
        """The judge: the refunds that really happened in this account."""
        return list(self.stripe.books(self.caller.account)["refunds"])

    def sessions(self) -> list[Json]:
        """The judge: the sessions that were really made by us."""
        made = self.stripe.books(self.caller.account)["sessions"]
        return [one for one in made if one["metadata"].get("trinity_tool_call")]

    async def connect(self) -> UUID:
        """Connect the account to its Stripe."""
        async with self.world.rails.house.db.transaction(self.world.account_id) as tx:
            new = integrations.NewIntegration(
                "stripe",
                self.caller.account,
                "Northwind",
                self.stripe.base_url,
                integrations.StripeCredential(self.caller.key),
            )
            mode_of = self.world.settings.mode_of
            return await integrations.connect(tx, ENCRYPTION_KEY, self.world.owner, new, mode_of, self.world.clock())
