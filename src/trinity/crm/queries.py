"""Reading people, companies, leads, deals and timelines."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from trinity.errors import NotFound
from trinity.kit.addresses import normal_address
from trinity.kit.canonical import is_text
from trinity.store.database import Tx

PAGE_MAX = 200
SEARCH_CHARS_MAX = 100
_CONTACT = """
    select c.id, c.email, c.name, c.company_id, y.name as company_name, c.state, c.created_at
    from contacts c left join companies y on y.account_id = c.account_id and y.id = c.company_id
"""
_DEAL = """
    select d.id, d.project_id, p.name as project_name, d.contact_id, c.name as contact_name, c.email as contact_email,
           d.company_id, y.name as company_name, d.title, d.stage, d.amount_minor, d.currency, d.created_at, d.changed_at
    from deals d
    join projects p on p.account_id = d.account_id and p.id = d.project_id
    join contacts c on c.account_id = d.account_id and c.id = d.contact_id
    left join companies y on y.account_id = d.account_id and y.id = d.company_id
"""
_COMPANY = "select y.id, y.name, y.domain, y.website, y.created_at from companies y"


@dataclass(frozen=True, slots=True)
class Contact:
    """A person. `state` is `active`, or `bounced` once mail came back."""

    id: UUID
    email: str
    name: str
    company_id: UUID | None
    company_name: str | None
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Company:
    """A company; `website` is what one of its people claimed."""

    id: UUID
    name: str
    domain: str | None
    website: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Deal:
    """Something that we hope to sell, and where it stands."""

    id: UUID
    project_id: UUID
    project_name: str
    contact_id: UUID
    contact_name: str
    contact_email: str
    company_id: UUID | None
    company_name: str | None
    title: str
    stage: str
    amount_minor: int | None
    currency: str | None
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Lead:
    """An enquiry; `source_id` is what was written, in quarantine until a person releases it."""

    id: UUID
    project_id: UUID
    contact_id: UUID
    deal_id: UUID | None
    source_id: UUID | None
    origin: str
    website: str
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Activity:
    """A line of a person's timeline."""

    id: UUID
    contact_id: UUID
    kind: str
    subject_kind: str
    subject_id: UUID | None
    facts: dict[str, Any]
    created_at: datetime


async def get_contact(tx: Tx, contact_id: UUID) -> Contact:
    """One person, or `NotFound`."""
    row = await tx.one(f"{_CONTACT} where c.id = %(id)s", {"id": contact_id})
    if row is None:
        raise NotFound("contact")
    return Contact(**row)


async def find_contact(tx: Tx, email: str) -> Contact | None:
    """The person of a mail address, however it is spelled, or None."""
    normal = normal_address(email)
    row = await tx.one(f"{_CONTACT} where c.email = %(email)s", {"email": normal}) if normal else None
    return Contact(**row) if row else None


async def list_contacts(
    tx: Tx, *, search: str = "", company_id: UUID | None = None, limit: int = PAGE_MAX
) -> list[Contact]:
    """People, newest first; `search` looks for a piece of the name, the address or the company's name."""
    rows = await tx.all(
        f"""{_CONTACT}
        where (%(company)s::uuid is null or c.company_id = %(company)s)
          and (c.name ilike %(like)s or c.email ilike %(like)s or coalesce(y.name, '') ilike %(like)s)
        order by c.id desc limit %(limit)s""",
        {"company": company_id, "like": _like(search), "limit": min(limit, PAGE_MAX)},
    )
    return [Contact(**row) for row in rows]


async def get_company(tx: Tx, company_id: UUID) -> Company:
    """One company, or `NotFound`."""
    row = await tx.one(f"{_COMPANY} where y.id = %(id)s", {"id": company_id})
    if row is None:
        raise NotFound("company")
    return Company(**row)


async def list_companies(tx: Tx, *, search: str = "", limit: int = PAGE_MAX) -> list[Company]:
    """Companies, newest first; `search` looks for a piece of the name or the domain."""
    rows = await tx.all(
        f"{_COMPANY} where y.name ilike %(like)s or coalesce(y.domain, '') ilike %(like)s"
        " order by y.id desc limit %(limit)s",
        {"like": _like(search), "limit": min(limit, PAGE_MAX)},
    )
    return [Company(**row) for row in rows]


async def get_deal(tx: Tx, deal_id: UUID) -> Deal:
    """One deal, or `NotFound`."""
    row = await tx.one(f"{_DEAL} where d.id = %(id)s", {"id": deal_id})
    if row is None:
        raise NotFound("deal")
    return Deal(**row)


async def find_open_deal(tx: Tx, contact_id: UUID, project_id: UUID) -> UUID | None:
    """The newest deal of a person in a project that is neither won nor lost: what somebody buys is what he asked about."""
    found = await tx.value(
        "select id from deals where contact_id = %(contact)s and project_id = %(project)s"
        " and stage not in ('won', 'lost') order by id desc limit 1",
        {"contact": contact_id, "project": project_id},
    )
    return UUID(str(found)) if found else None


async def list_deals(
    tx: Tx,
    *,
    stage: str | None = None,
    contact_id: UUID | None = None,
    company_id: UUID | None = None,
    search: str = "",
    limit: int = PAGE_MAX,
) -> list[Deal]:
    """Deals, newest first; `search` looks for a piece of the title or of whose it is."""
    rows = await tx.all(
        f"""{_DEAL}
        where (%(stage)s::text is null or d.stage = %(stage)s)
          and (%(contact)s::uuid is null or d.contact_id = %(contact)s)
          and (%(company)s::uuid is null or d.company_id = %(company)s)
          and (d.title ilike %(like)s or c.name ilike %(like)s or c.email ilike %(like)s
               or coalesce(y.name, '') ilike %(like)s)
        order by d.id desc limit %(limit)s""",
        {
            "stage": stage,
            "contact": contact_id,
            "company": company_id,
            "like": _like(search),
            "limit": min(limit, PAGE_MAX),
        },
    )
    return [Deal(**row) for row in rows]


async def count_deals(tx: Tx) -> dict[str, int]:
    """How many deals stand in each stage that has any."""
    rows = await tx.all("select stage, count(*) as count from deals group by stage")
    return {row["stage"]: row["count"] for row in rows}


async def list_leads(
    tx: Tx, *, contact_id: UUID | None = None, deal_id: UUID | None = None, limit: int = PAGE_MAX
) -> list[Lead]:
    """Enquiries, newest first."""
    rows = await tx.all(
        """
        select id, project_id, contact_id, deal_id, source_id, origin, website, state, created_at from leads
        where (%(contact)s::uuid is null or contact_id = %(contact)s) and (%(deal)s::uuid is null or deal_id = %(deal)s)
        order by id desc limit %(limit)s
        """,
        {"contact": contact_id, "deal": deal_id, "limit": min(limit, PAGE_MAX)},
    )
    return [Lead(**row) for row in rows]


async def timeline(tx: Tx, contact_id: UUID, *, limit: int = PAGE_MAX) -> list[Activity]:
    """What happened with a person, newest first."""
    rows = await tx.all(
        "select id, contact_id, kind, subject_kind, subject_id, facts, created_at from activities"
        " where contact_id = %(id)s order by id desc limit %(limit)s",
        {"id": contact_id, "limit": min(limit, PAGE_MAX)},
    )
    return [Activity(**row) for row in rows]


def _like(search: str) -> str:
    """A pattern for a piece of text, in which nothing that was typed means anything but itself."""
    text = search.strip()[:SEARCH_CHARS_MAX]
    if not is_text(text):
        return ""
    for char in ("\\", "%", "_"):
        text = text.replace(char, f"\\{char}")
    return f"%{text}%"
