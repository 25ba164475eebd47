"""The door for Stripe's webhooks: believe nothing but a signature, keep the event, answer at once."""

from dataclasses import dataclass
from uuid import UUID

from trinity import integrations, revenue
from trinity.gateway import House
from trinity.integrations import webhook_key
from trinity.providers.stripe import webhook
from trinity.providers.stripe.webhook import Event, NotGenuine
from trinity.store.database import Tx


@dataclass(frozen=True, slots=True)
class StripeDoor:
    """What a webhook may do: leave an event behind for a job, or a refusal."""

    house: House

    async def take(self, account_id: UUID, body: bytes, signature: str | None) -> bool:
        """Keep a genuine event and its job in one unit of work, or note why it was refused. True when it was kept."""
        now = self.house.clock()
        async with self.house.db.transaction(account_id, barrier="webhook") as tx:
            try:
                event = await self._judge(tx, body, signature)
            except NotGenuine as refusal:
                # An account that does not exist answers like a bad signature, and has nowhere to note it.
                if await revenue.is_account(tx):
                    await revenue.record_refusal(tx, "stripe", refusal.reason, body, now)
                return False
            await revenue.receive_event(tx, event, body, now)
        return True

    async def _judge(self, tx: Tx, body: bytes, signature: str | None) -> Event:
        """The event, if this account's secret signed it and it is this account's."""
        key = webhook_key(self.house.settings)
        secrets = await integrations.open_webhook_secrets(tx, key, "stripe")
        webhook.verify(body, signature, secrets, self.house.clock())
        event = webhook.parse(body)
        connected = await integrations.find_integration(tx, "stripe")
        # Only events of Connect name an account. A secret that two accounts share must not carry one's events to the other.
        if event.account and (connected is None or event.account != connected.address):
            raise NotGenuine("wrong_account")
        return event
