"""The room where visitors buy: an offer's page, a checkout that begins, and what has become of it."""

from dataclasses import dataclass

from trinity import revenue
from trinity.accounts import PublicAccount
from trinity.errors import NotFound, Refused
from trinity.gateway import OPERATIONS, House, Proposal
from trinity.gateway.propose import propose_in
from trinity.kit.actor import Actor
from trinity.revenue import Begun, Checkout, NewCheckout, Offer, Order
from trinity.store.database import Tx

OPERATION = "stripe.checkout_session"
PART = "checkout"
"""The name under which the system acts for a buyer."""


@dataclass(frozen=True, slots=True)
class Buyer:
    """What a visitor filled in; each value has passed the form's own limits."""

    email: str
    name: str
    website: str
    intake: str


class BuyingRoom:
    """Answers without a session. A checkout's token is all that opens its pages."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def offer(self, account: PublicAccount, slug: str) -> Offer:
        """One offer that is for sale, or `NotFound`."""
        async with self._house.db.transaction(account.id) as tx:
            return await revenue.published_offer(tx, slug)

    async def buy(self, account: PublicAccount, offer: Offer, buyer: Buyer) -> str:
        """Begin a checkout and propose its session, in one unit of work: neither exists without the other.

        Returns the token of the checkout's pages.
        """
        actor = Actor.system(account.id, PART)
        new = NewCheckout(offer.id, buyer.email, buyer.name, buyer.website, buyer.intake)
        async with self._house.db.transaction(account.id, barrier="buy") as tx:
            begun = await revenue.begin_checkout(tx, actor, new, self._house.clock())
            await self._propose(tx, actor, account, begun)
        return begun.token

    async def checkout(self, account: PublicAccount, token: str) -> tuple[Checkout, Order | None] | None:
        """What has become of a checkout; None for a token that opens nothing."""
        async with self._house.db.transaction(account.id) as tx:
            try:
                checkout = await revenue.checkout_of_token(tx, token)
            except NotFound:
                return None
            return checkout, await revenue.find_order(tx, checkout.id)

    async def _propose(self, tx: Tx, actor: Actor, account: PublicAccount, begun: Begun) -> None:
        operation = OPERATIONS.get(OPERATION)
        if operation is None:
            raise Refused("not_ready", "Nothing can be bought here yet.", status=503)
        checkout, base = begun.checkout, f"{self._house.settings.base_url}/p/{account.slug}"
        payload = {
            "checkout_id": str(checkout.id),
            "offer_id": str(checkout.offer_id),
            "title": checkout.offer_title,
            "amount_minor": checkout.amount_minor,
            "currency": checkout.currency,
            "customer_email": checkout.email,
            "success_url": f"{base}/thanks/{begun.token}",
            "cancel_url": f"{base}/offers/{checkout.offer_slug}",
        }
        proposal = Proposal(checkout.project_id, OPERATION, f"checkout/{checkout.id}", payload)
        made = await propose_in(self._house, tx, actor, operation, proposal)
        await revenue.link_call(tx, checkout.id, made.tool_call_id)
