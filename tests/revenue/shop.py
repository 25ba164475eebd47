"""A world that sells: an account whose Stripe is the real stand-in, and everything that a test does to it."""

import json
import time
from dataclasses import dataclass
from typing import Any

from tests.sandbox.stripe.receiver import SECRET
from tests.sandbox.stripe.standin import Caller
from tests.world import ENCRYPTION_KEY, World
from trinity import integrations
from trinity.integrations import webhook_key
from trinity_sandbox.stripe import signature

type Json = dict[str, Any]


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

    def count(self, table: str) -> int:
        """Rows of this account in a table."""
        rows = self.world.tamper(f"select count(*) as n from {table} where account_id = %(account)s")
        return int(rows[0]["n"])

    def rows(self, query: str) -> list[Json]:
        """Whatever a query finds; `%(account)s` stands for this account."""
        return self.world.tamper(query)
