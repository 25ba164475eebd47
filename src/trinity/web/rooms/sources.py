"""What a person may do to a text beside releasing it."""

from dataclasses import dataclass
from uuid import UUID

from trinity import sources
from trinity.accounts import SignedIn
from trinity.gateway import House


@dataclass(frozen=True, slots=True)
class SourceRoom:
    """The verbs of quarantined text that the desk does not have."""

    house: House

    async def reject(self, who: SignedIn, source_id: UUID) -> None:
        """No agent will ever read it; a run that waits for it ends."""
        async with self.house.db.transaction(who.account_id) as tx:
            await sources.decide_release(tx, who.actor, source_id, is_released=False, now=self.house.clock())
