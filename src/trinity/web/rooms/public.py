"""The public room: what visitors of an account's pages may see and bring about. Guests have a room of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from trinity import accounts, audit, crm, gateway, revenue, sources
from trinity.accounts import Project, PublicAccount
from trinity.errors import Refused
from trinity.gateway import House
from trinity.kit.actor import Actor
from trinity.kit.canonical import digest_hex
from trinity.kit.ids import uuid7_floor
from trinity.revenue import Offer
from trinity.store.database import Tx

PART = "public_form"
"""The name under which the system acts for a visitor."""
REPEAT_WITHIN = timedelta(days=1)
LEADS_COMPARED_MAX = 20
REFUSALS_RECORDED_MAX = 100
REQUESTS_TOLD_MAX = 20
"""How many requests an hour owners are mailed about; what comes beyond that stands on the board all the same."""
QUOTA_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Window:
    """What an account shows to everybody."""

    address: str | None
    """Where to write to; None while no mailbox is connected."""
    is_taking_requests: bool
    offers: Sequence[Offer]


@dataclass(frozen=True, slots=True)
class NewRequest:
    """What a visitor sent; each value has passed the form's own limits."""

    email: str
    name: str
    website: str
    message: str


class PublicRoom:
    """Answers without a session; whatever it does, the system does, in the name of the form."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def window(self, account: PublicAccount) -> Window:
        """The shop window."""
        async with self._house.db.transaction(account.id) as tx:
            project = await _front_project(tx)
            return Window(_address(project), project is not None, await revenue.list_offers(tx, state="published"))

    async def ask(self, account: PublicAccount, request: NewRequest) -> None:
        """Take a request in: contact, company, deal, quarantined source, lead, and a notice to the owner, or nothing.

        The same words of the same person within a day are one request.
        """
        now, actor = self._house.clock(), Actor.system(account.id, PART)
        async with self._house.db.transaction(account.id) as tx:
            project = await _front_project(tx)
            if project is None:
                raise Refused("not_ready", "Nobody takes requests here yet.", status=503)
            new = crm.NewContact(project.id, request.email, request.name, request.website)
            contact = await crm.meet(tx, actor, new, now)
            if await _is_repeat(tx, contact.id, request.message, now):
                return
            await self._take(tx, actor, project.id, contact.id, request, now)

    async def _take(
        self, tx: Tx, actor: Actor, project_id: UUID, contact_id: UUID, request: NewRequest, now: datetime
    ) -> None:
        title = f"Request from {request.name}"
        deal_id = await crm.open_deal(tx, actor, crm.NewDeal(project_id, contact_id, title), now)
        source = sources.NewSource(project_id, "public_form", title, request.message, contact_id=contact_id)
        source_id = await sources.add_source(tx, actor, source, now)
        lead = crm.NewLead(project_id, contact_id, "public_form", deal_id, source_id, request.website)
        lead_id = await crm.add_lead(tx, actor, lead, now)
        facts = {"contact_id": str(contact_id), "deal_id": str(deal_id), "source_id": str(source_id)}
        await audit.record(tx, actor, "request.taken", ("lead", lead_id), now, facts)
        if await _recent(tx, "request.taken", now) <= REQUESTS_TOLD_MAX:
            # The lead, not the person, decides what a repeat is: who writes again is told of again.
            said = {"contact_id": str(contact_id)}
            await gateway.notify(self._house, tx, "new_lead", said, now, ("lead", lead_id))

    async def refused(self, account: PublicAccount, form: str, reason: str) -> None:
        """Write down that a form was refused, up to a quota: a flood must not fill the log."""
        now = self._house.clock()
        async with self._house.db.transaction(account.id) as tx:
            if await _recent(tx, "public_form.refused", now) < REFUSALS_RECORDED_MAX:
                actor = Actor.system(account.id, PART)
                facts = {"form": form, "reason": reason}
                await audit.record(tx, actor, "public_form.refused", ("account", account.id), now, facts)


async def _front_project(tx: Tx) -> Project | None:
    """The project that strangers' requests belong to: the account's first."""
    return next(reversed(await accounts.list_projects(tx)), None)


def _address(project: Project | None) -> str | None:
    if project is None:
        return None
    return project.aliases[0] if project.aliases else project.mailbox


async def _is_repeat(tx: Tx, contact_id: UUID, message: str, now: datetime) -> bool:
    """Whether this person sent these words of late. Two posts at once stand in a row: the contact is locked."""
    await crm.lock_contact(tx, contact_id)
    digest = digest_hex(message.encode())
    leads = await crm.list_leads(tx, contact_id=contact_id, limit=LEADS_COMPARED_MAX)
    recent = [lead.source_id for lead in leads if lead.source_id and lead.created_at > now - REPEAT_WITHIN]
    return any([(await sources.get_source(tx, source_id)).sha256 == digest for source_id in recent])


async def _recent(tx: Tx, kind: str, now: datetime) -> int:
    """How many events of a kind there were within the quotas' window."""
    found: int = await tx.value(
        "select count(*) from audit_events where kind = %(kind)s and id >= %(since)s",
        {"kind": kind, "since": uuid7_floor(now - QUOTA_WINDOW)},
    )
    return found
