"""The CRM room: people, companies and deals, each with what belongs to it, for one signed-in person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity import accounts, audit, crm, modelrouter, revenue, sources
from trinity.accounts import SignedIn
from trinity.crm import Company, Contact, Deal, Lead, Thread
from trinity.errors import NotFound
from trinity.gateway import House
from trinity.modelrouter import ModelDecision
from trinity.revenue import Order
from trinity.sources import Source
from trinity.store.database import Tx
from trinity.web.activities import Line, line_of
from trinity.web.rows import Names

COLUMN_MAX = 40
"""The most cards of one stage on the board; the list has all."""
LIST_MAX = 100


@dataclass(frozen=True, slots=True)
class Column:
    """One stage of the board; `count` is how many deals stand in it, shown or not."""

    stage: str
    count: int
    deals: Sequence[Deal]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, or the newest of each."""

    deals: Sequence[Deal]
    contacts: Sequence[Contact]
    companies: Sequence[Company]


@dataclass(frozen=True, slots=True)
class Person:
    """Everything about one contact."""

    contact: Contact
    company: Company | None
    lines: Sequence[Line]
    deals: Sequence[Deal]
    leads: Sequence[Lead]
    orders: Sequence[Order]
    threads: Sequence[Thread]
    sources: Sequence[Source]
    score: ModelDecision | None = None


@dataclass(frozen=True, slots=True)
class Firm:
    """Everything about one company."""

    company: Company
    contacts: Sequence[Contact]
    deals: Sequence[Deal]


@dataclass(frozen=True, slots=True)
class Move:
    """A deal went from one stage to another."""

    before: str
    after: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Affair:
    """Everything about one deal."""

    deal: Deal
    leads: Sequence[Lead]
    sources: Sequence[Source]
    orders: Sequence[Order]
    moves: Sequence[Move]


class CrmRoom:
    """Reading is for every member; the context asks again who may move a deal or release a text."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def public_path(self, who: SignedIn) -> str:
        """Where strangers see the account."""
        async with self._house.db.transaction(who.account_id) as tx:
            return f"/p/{(await accounts.get_public_account(tx)).slug}"

    async def board(self, who: SignedIn) -> list[Column]:
        """The deals by stage."""
        async with self._house.db.transaction(who.account_id) as tx:
            counts = await crm.count_deals(tx)
            return [
                Column(stage, counts.get(stage, 0), await crm.list_deals(tx, stage=stage, limit=COLUMN_MAX))
                for stage in crm.STAGES
            ]

    async def find(self, who: SignedIn, search: str) -> Found:
        """Deals, people and companies in which a piece of text occurs; the newest of each where there is none."""
        async with self._house.db.transaction(who.account_id) as tx:
            return Found(
                await crm.list_deals(tx, search=search, limit=LIST_MAX),
                await crm.list_contacts(tx, search=search, limit=LIST_MAX),
                await crm.list_companies(tx, search=search, limit=LIST_MAX),
            )

    async def deals(self, who: SignedIn, stage: str | None) -> list[Deal]:
        """Deals, newest first, of one stage or all."""
        async with self._house.db.transaction(who.account_id) as tx:
            return await crm.list_deals(tx, stage=stage)

    async def person(self, who: SignedIn, contact_id: UUID) -> Person:
        """One contact."""
        async with self._house.db.transaction(who.account_id) as tx:
            contact = await crm.get_contact(tx, contact_id)
            return Person(
                contact,
                await crm.get_company(tx, contact.company_id) if contact.company_id else None,
                [line_of(activity) for activity in await crm.timeline(tx, contact_id)],
                await crm.list_deals(tx, contact_id=contact_id),
                await crm.list_leads(tx, contact_id=contact_id),
                await revenue.list_orders(tx, contact_id=contact_id),
                await crm.list_threads(tx, contact_id=contact_id),
                await sources.list_of_contact(tx, contact_id),
                await modelrouter.newest_score(tx, contact_id),
            )

    async def firm(self, who: SignedIn, company_id: UUID) -> Firm:
        """One company."""
        async with self._house.db.transaction(who.account_id) as tx:
            return Firm(
                await crm.get_company(tx, company_id),
                await crm.list_contacts(tx, company_id=company_id),
                await crm.list_deals(tx, company_id=company_id),
            )

    async def affair(self, who: SignedIn, deal_id: UUID) -> Affair:
        """One deal."""
        async with self._house.db.transaction(who.account_id) as tx:
            deal = await crm.get_deal(tx, deal_id)
            leads = await crm.list_leads(tx, deal_id=deal_id)
            orders = await revenue.list_orders(tx, contact_id=deal.contact_id)
            return Affair(
                deal,
                leads,
                [await sources.get_source(tx, lead.source_id) for lead in leads if lead.source_id],
                [order for order in orders if order.deal_id == deal_id],
                await _moves(tx, deal_id),
            )

    async def move(self, who: SignedIn, deal_id: UUID, stage: str) -> Deal:
        """Put a deal into a stage."""
        async with self._house.db.transaction(who.account_id) as tx:
            await crm.move_deal(tx, who.actor, deal_id, stage, self._house.clock())
            return await crm.get_deal(tx, deal_id)

    async def decide_source(self, who: SignedIn, contact_id: UUID, source_id: UUID, *, is_released: bool) -> None:
        """Release or reject what a person wrote."""
        async with self._house.db.transaction(who.account_id) as tx:
            if (await sources.get_source(tx, source_id)).contact_id != contact_id:
                raise NotFound("source")
            await sources.decide_release(tx, who.actor, source_id, is_released=is_released, now=self._house.clock())
            tx.notify(f"contact:{contact_id}")


async def _moves(tx: Tx, deal_id: UUID) -> list[Move]:
    """How a deal came to where it stands, newest first."""
    names = Names(await accounts.list_members(tx))
    events = await audit.list_events(tx, subject_ids=[deal_id], limit=LIST_MAX)
    moves = [
        Move(
            str(event.facts["from"]),
            str(event.facts["to"]),
            names.of(event.actor_kind, event.actor_id),
            event.created_at,
        )
        for event in events
        if event.kind == "deal.moved" and isinstance(event.facts, dict)
    ]
    return moves[::-1]
