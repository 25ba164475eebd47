"""The money room: offers, orders and the ledger, as members see and change them."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from trinity import accounts, effects, gateway, modelrouter, revenue
from trinity.accounts import Project, SignedIn
from trinity.effects import ToolCall
from trinity.gateway import House, Proposal
from trinity.modelrouter import ModelDecision
from trinity.policy.money import REFUNDABLE
from trinity.revenue import (
    Balance,
    Fulfilment,
    Intake,
    KeptDispute,
    KeptPayout,
    KeptRefund,
    NewOffer,
    Offer,
    Order,
    RevenueEvent,
    Transfer,
)

REFUND = "stripe.refund"
REFUND_REASONS = ("requested_by_customer", "duplicate", "fraudulent")


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order with everything that hangs on it."""

    order: Order
    intake: Intake
    fulfilment: Fulfilment
    refunds: Sequence[KeptRefund]
    disputes: Sequence[KeptDispute]
    events: Sequence[RevenueEvent]
    transfers: Sequence[Transfer]
    calls: Sequence[ToolCall]
    score: ModelDecision | None = None

    @property
    def left_minor(self) -> int:
        """What has not gone back yet."""
        return self.order.amount_minor - self.order.refunded_minor

    @property
    def is_refundable(self) -> bool:
        """Whether anything can be given back as it stands."""
        return self.order.state in REFUNDABLE and self.left_minor > 0


@dataclass(frozen=True, slots=True)
class LedgerView:
    """Balances and transfers, filtered as asked."""

    balances: Sequence[Balance]
    transfers: Sequence[Transfer]
    payouts: Sequence[KeptPayout]


class RevenueRoom:
    """Answers for one signed-in person, in that person's account."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def offers(self, who: SignedIn) -> tuple[list[Offer], list[Project], str]:
        """All offers, the projects that a new one may belong to, and the account's public address."""
        async with self._house.db.transaction(who.account_id) as tx:
            slug = await tx.value("select slug from accounts where id = %(id)s", {"id": who.account_id})
            return await revenue.list_offers(tx), await accounts.list_projects(tx), str(slug)

    async def offer(self, who: SignedIn, offer_id: UUID) -> Offer:
        """One offer."""
        async with self._house.db.transaction(who.account_id) as tx:
            return await revenue.get_offer(tx, offer_id)

    async def create_offer(self, who: SignedIn, new: NewOffer) -> Offer:
        """A draft of an offer."""
        async with self._house.db.transaction(who.account_id) as tx:
            offer_id = await revenue.create_offer(tx, who.actor, new, self._house.clock())
            return await revenue.get_offer(tx, offer_id)

    async def publish(self, who: SignedIn, offer_id: UUID) -> Offer:
        """Let anybody buy it."""
        async with self._house.db.transaction(who.account_id) as tx:
            await revenue.publish_offer(tx, who.actor, offer_id, self._house.clock())
            return await revenue.get_offer(tx, offer_id)

    async def archive(self, who: SignedIn, offer_id: UUID) -> Offer:
        """Let nobody buy it any more."""
        async with self._house.db.transaction(who.account_id) as tx:
            await revenue.archive_offer(tx, who.actor, offer_id, self._house.clock())
            return await revenue.get_offer(tx, offer_id)

    async def orders(self, who: SignedIn, state: str | None) -> list[Order]:
        """Orders, newest first."""
        async with self._house.db.transaction(who.account_id) as tx:
            return await revenue.list_orders(tx, state=state)

    async def order(self, who: SignedIn, order_id: UUID) -> OrderView:
        """One order, whole."""
        async with self._house.db.transaction(who.account_id) as tx:
            order = await revenue.get_order(tx, order_id)
            return OrderView(
                order,
                await revenue.get_intake(tx, order_id),
                await revenue.get_fulfilment(tx, order_id),
                await revenue.list_refunds(tx, order_id),
                await revenue.list_disputes(tx, order_id),
                await revenue.list_revenue_events(tx, order_id),
                await revenue.list_transfers(tx, order_id=order_id),
                await effects.list_tool_calls(tx, subject_id=order_id),
                await modelrouter.newest_score(tx, order.contact_id),
            )

    async def ledger(self, who: SignedIn, code: str | None, currency: str | None, before: UUID | None) -> LedgerView:
        """Balances of all accounts, and the transfers that are asked for."""
        async with self._house.db.transaction(who.account_id) as tx:
            return LedgerView(
                await revenue.balances(tx),
                await revenue.list_transfers(tx, code=code, currency=currency, before=before),
                await revenue.list_payouts(tx),
            )

    async def propose_refund(self, who: SignedIn, order_id: UUID, amount_minor: int, reason: str) -> UUID:
        """Propose to give money back. Nothing moves until people who are not the proposer have approved."""
        async with self._house.db.transaction(who.account_id) as tx:
            order = await revenue.get_order(tx, order_id)
        payload = {
            "order_id": str(order_id),
            "amount_minor": amount_minor,
            "currency": order.currency,
            "reason": reason,
        }
        key = f"refund/{order_id}/{secrets.token_hex(8)}"
        proposal = Proposal(order.project_id, REFUND, key, payload)
        return (await gateway.propose(self._house, who.actor, proposal)).tool_call_id
