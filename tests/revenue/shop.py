"""A world that sells: an account whose Stripe is the real stand-in, and everything that a test does to it."""

import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx

from tests.sandbox.stripe.receiver import SECRET
from tests.sandbox.stripe.standin import Caller
from tests.world import ENCRYPTION_KEY, World
from trinity import integrations, revenue
from trinity.integrations import webhook_key
from trinity.jobs import money
from trinity.jobs.station import ExecutorStation, set_station
from trinity.kit.actor import Actor
from trinity.revenue import NewCheckout, NewOffer, Offer, Order
from trinity_sandbox.stripe import signature

type Json = dict[str, Any]

WORKERS: dict[str, Any] = {
    f"trinity.jobs.money.{one.__name__}": one
    for one in (money.StripeEvent, money.SyncOrder, money.BookBalance, money.PollEvents)
}
ROUNDS_MAX = 60


@dataclass
class Shop:
    """One account of ours and its account at the stand-in."""

    world: World
    caller: Caller
    secret: str = SECRET

    async def open(self) -> "Shop":
        """Connect the account's Stripe, and keep the secret that its webhooks are signed with."""
        world = self.world
        base_url = self.caller.standin.base_url
        new = integrations.NewIntegration(
            "stripe", self.caller.account, "Shop", base_url, integrations.StripeCredential(self.caller.key)
        )
        async with world.rails.house.db.transaction(world.account_id) as tx:
            mode_of = world.settings.mode_of
            made = await integrations.connect(tx, ENCRYPTION_KEY, world.owner, new, mode_of, world.clock())
            seal = webhook_key(world.settings)
            await integrations.add_webhook_secret(tx, seal, made, self.secret, world.clock())
        return self

    @property
    def webhook_path(self) -> str:
        """Where Stripe tells this account."""
        return f"/webhooks/stripe/{self.world.account_id}"

    def signed(self, event: Json, *, secret: str | None = None, at: float | None = None) -> tuple[bytes, str]:
        """A webhook's body and its signature, as the stand-in would send it now."""
        body = json.dumps(event, indent=2).encode()
        return body, signature.header(body, [secret or self.secret], int(time.time() if at is None else at))

    async def offer(self, amount_minor: int = 4900, currency: str = "eur") -> Offer:
        """A published offer."""
        world = self.world
        new = NewOffer(world.project_id, "Snapshot report", "A first look at your website.", amount_minor, currency)
        async with world.tx() as tx:
            offer_id = await revenue.create_offer(tx, world.owner, new, world.clock())
            await revenue.publish_offer(tx, world.owner, offer_id, world.clock())
            return await revenue.get_offer(tx, offer_id)

    async def checkout(self, offer: Offer, email: str = "ada@customer.example", **more: str) -> tuple[UUID, Json]:
        """A checkout of ours and its session at the stand-in, as the gateway would have made it."""
        world = self.world
        new = NewCheckout(offer.id, email, "Ada Byron", "https://customer.example", "Please look at our shop.")
        async with world.tx() as tx:
            actor = Actor.system(world.account_id, "checkout")
            begun = await revenue.begin_checkout(tx, actor, new, world.clock())
        session = self.caller.session(offer.amount_minor, offer.currency, customer_email=email, **more)
        async with world.tx() as tx:
            checkout_id = begun.checkout.id
            await revenue.checkout_opened(tx, checkout_id, session["id"], session["url"], world.clock())
        return checkout_id, session

    async def buy(self, offer: Offer, email: str = "ada@customer.example") -> UUID:
        """A checkout that was paid on the hosted page. Nobody has told us yet."""
        checkout_id, session = await self.checkout(offer, email)
        assert self.caller.pay(session, email=email).status_code == 303
        return checkout_id

    async def tell(self, client: httpx.AsyncClient, events: Sequence[Json]) -> None:
        """Deliver these events as webhooks, in this order."""
        for event in events:
            body, header = self.signed(event)
            answer = await client.post(self.webhook_path, content=body, headers={"stripe-signature": header})
            assert answer.status_code == 200

    def all_events(self) -> list[Json]:
        """Every event of the stand-in's account, oldest first."""
        found: list[Json] = []
        after: Json = {}
        while True:
            page = self.caller.call("GET", "events", {"limit": "100", **after})
            found += page["data"]
            if not page["has_more"]:
                return found[::-1]
            after = {"starting_after": page["data"][-1]["id"]}

    async def work(self, chance: random.Random | None = None) -> int:
        """Run every job of money that waits, and those that they make, in any order. How many ran."""
        set_station(ExecutorStation(self.world.rails))
        count = 0
        for _ in range(ROUNDS_MAX):
            jobs = self.world.tamper(
                "update oban_jobs set state = 'completed' where state = 'available' and worker = any(%(workers)s)"
                " and args->>'account_id' = %(account)s::text returning id, worker, args",
                workers=list(WORKERS),
            )
            if not jobs:
                return count
            (chance or random.Random(1)).shuffle(jobs)
            for job in jobs:
                await self.run(job["worker"], job["args"])
            count += len(jobs)
        raise AssertionError("jobs make jobs without an end")

    async def run(self, worker: str, args: Json) -> None:
        """Run one job."""
        set_station(ExecutorStation(self.world.rails))
        await WORKERS[worker]().process(SimpleNamespace(args=args, attempt=1))

    async def book(self) -> None:
        """Book what there is to book."""
        await self.run(money.BOOK_JOB, {"account_id": str(self.world.account_id)})

    async def orders(self) -> list[Order]:
        """Our orders, oldest first."""
        async with self.world.tx() as tx:
            return (await revenue.list_orders(tx))[::-1]

    async def balances(self) -> dict[tuple[str, str], int]:
        """Our ledger, by account and currency."""
        async with self.world.tx() as tx:
            return {(one.code, one.currency): one.amount_minor for one in await revenue.balances(tx)}

    def count(self, table: str) -> int:
        """Rows of this account in a table."""
        rows = self.world.tamper(f"select count(*) as n from {table} where account_id = %(account)s")
        return int(rows[0]["n"])

    def rows(self, query: str) -> list[Json]:
        """Whatever a query finds; `%(account)s` stands for this account."""
        return self.world.tamper(query)
