"""Meeting people, opening and moving deals, and writing down what happened."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from trinity import accounts, audit
from trinity.accounts import Permission
from trinity.crm.models import STAGES
from trinity.crm.queries import Contact, get_contact
from trinity.errors import NotFound, Refused
from trinity.kit.actor import Actor
from trinity.kit.addresses import domain_of, normal_address, normal_website
from trinity.kit.canonical import is_text
from trinity.kit.ids import uuid7
from trinity.store.database import Tx

NAME_MAX = 200
TITLE_MAX = 200
FACT_CHARS_MAX = 200
AMOUNT_MAX = 10**12
FREE_MAIL = frozenset(
    {
        "aol.com", "fastmail.com", "gmail.com", "gmx.at", "gmx.ch", "gmx.de", "gmx.net", "googlemail.com", "hey.com",
        "hotmail.com", "icloud.com", "libero.it", "live.com", "mac.com", "mail.com", "mail.ru", "me.com", "msn.com",
        "orange.fr", "outlook.com", "pm.me", "proton.me", "protonmail.com", "qq.com", "t-online.de", "web.de",
        "wp.pl", "yahoo.com", "yandex.ru", "ymail.com", "zoho.com",
    }
)  # fmt: skip
"""Domains whose people have nothing else in common: they make no company."""
LEAD_STATE_AT = {"qualified": "qualified", "proposal": "qualified", "won": "customer", "lost": "disqualified"}
"""What becomes of the leads of a deal that reaches a stage."""
_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}")
_CURRENCY = re.compile(r"[a-z]{3}")


@dataclass(frozen=True, slots=True)
class NewContact:
    """A person as he or she gave himself out. `website` says which company, before the mail address does."""

    project_id: UUID
    email: str
    name: str
    website: str = ""


@dataclass(frozen=True, slots=True)
class NewDeal:
    """Something that we hope to sell. An amount has a currency."""

    project_id: UUID
    contact_id: UUID
    title: str
    amount_minor: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class NewLead:
    """An enquiry: who, about what project, in which words (a quarantined source), by which way."""

    project_id: UUID
    contact_id: UUID
    origin: str
    deal_id: UUID | None = None
    source_id: UUID | None = None
    website: str = ""


async def meet(tx: Tx, actor: Actor, new: NewContact, now: datetime) -> Contact:
    """The contact of a mail address, made if there is none yet. What a known person is called stays as it was.

    Whoever types an address may not be the one who owns it: he can add a missing company, and rename nobody.
    """
    email = normal_address(new.email)
    if email is None:
        raise Refused("invalid_email", "Not a mail address.", status=422)
    name = _line(new.name, "name", NAME_MAX)
    await accounts.get_project(tx, new.project_id)
    company_id = await _company(tx, actor, email, new.website, now)
    contact_id = uuid7(now)
    params = {"a": tx.account_id, "id": contact_id, "email": email, "name": name, "company": company_id, "now": now}
    made = await tx.execute(
        "insert into contacts (account_id, id, email, name, company_id, created_at)"
        " values (%(a)s, %(id)s, %(email)s, %(name)s, %(company)s, %(now)s) on conflict (account_id, email) do nothing",
        params,
    )
    if made:
        facts = {"project_id": str(new.project_id), "company_id": str(company_id) if company_id else None}
        await audit.record(tx, actor, "contact.met", ("contact", contact_id), now, facts, {"email": email})
    else:
        contact_id = await tx.value("select id from contacts where email = %(email)s", params)
        await tx.execute(
            "update contacts set company_id = %(company)s where email = %(email)s and company_id is null", params
        )
    _tell(tx, contact_id)
    return await get_contact(tx, contact_id)


async def open_deal(tx: Tx, actor: Actor, new: NewDeal, now: datetime) -> UUID:
    """A deal in stage `new`."""
    await _demand(tx, actor)
    has_amount = new.amount_minor is not None
    if has_amount != (new.currency is not None) or not 0 <= (new.amount_minor or 0) <= AMOUNT_MAX:
        raise Refused("invalid_amount", "An amount is not negative and has a currency.", status=422)
    if new.currency is not None and not _CURRENCY.fullmatch(new.currency):
        raise Refused("invalid_amount", "A currency is three letters, as in usd.", status=422)
    await accounts.get_project(tx, new.project_id)
    contact = await get_contact(tx, new.contact_id)
    deal_id = uuid7(now)
    await tx.execute(
        """
        insert into deals (account_id, id, project_id, contact_id, company_id, title, stage, amount_minor, currency,
                           created_at, changed_at)
        values (%(a)s, %(id)s, %(project)s, %(contact)s, %(company)s, %(title)s, 'new', %(amount)s, %(currency)s,
                %(now)s, %(now)s)
        """,
        {
            "a": tx.account_id,
            "id": deal_id,
            "project": new.project_id,
            "contact": new.contact_id,
            "company": contact.company_id,
            "title": _line(new.title, "title", TITLE_MAX),
            "amount": new.amount_minor,
            "currency": new.currency,
            "now": now,
        },
    )
    facts = {"contact_id": str(new.contact_id), "amount_minor": new.amount_minor, "currency": new.currency}
    await audit.record(tx, actor, "deal.opened", ("deal", deal_id), now, facts)
    await add_activity(tx, new.contact_id, "deal_opened", ("deal", deal_id), {}, now)
    return deal_id


async def move_deal(tx: Tx, actor: Actor, deal_id: UUID, stage: str, now: datetime) -> None:
    """Put a deal into a stage; where it is there already, nothing happens. Its leads follow (`LEAD_STATE_AT`)."""
    if stage not in STAGES:
        raise Refused("invalid_stage", f"A stage is one of {', '.join(STAGES)}.", status=422)
    await _demand(tx, actor)
    row = await tx.one("select stage, contact_id from deals where id = %(id)s for update", {"id": deal_id})
    if row is None:
        raise NotFound("deal")
    if row["stage"] == stage:
        return
    await tx.execute(
        "update deals set stage = %(stage)s, changed_at = %(now)s where id = %(id)s",
        {"stage": stage, "now": now, "id": deal_id},
    )
    if stage in LEAD_STATE_AT:
        await tx.execute(
            "update leads set state = %(state)s where deal_id = %(id)s and state <> 'customer'",
            {"state": LEAD_STATE_AT[stage], "id": deal_id},
        )
    facts = {"from": row["stage"], "to": stage}
    await audit.record(tx, actor, "deal.moved", ("deal", deal_id), now, facts)
    await add_activity(tx, row["contact_id"], "deal_moved", ("deal", deal_id), facts, now)


async def win_deal(tx: Tx, actor: Actor, deal_id: UUID, amount_minor: int, currency: str, now: datetime) -> None:
    """A deal is paid for: what it was worth is known now. One that was won before keeps what it was worth."""
    await tx.execute(
        "update deals set amount_minor = %(amount)s, currency = %(currency)s where id = %(id)s and stage <> 'won'",
        {"amount": amount_minor, "currency": currency, "id": deal_id},
    )
    await move_deal(tx, actor, deal_id, "won", now)


async def add_lead(tx: Tx, actor: Actor, new: NewLead, now: datetime) -> UUID:
    """An enquiry of a person. `website` is kept as it was typed: it is a claim, and shown as one."""
    lead_id = uuid7(now)
    await tx.execute(
        """
        insert into leads (account_id, id, project_id, contact_id, deal_id, source_id, origin, website, state,
                           created_at)
        values (%(a)s, %(id)s, %(project)s, %(contact)s, %(deal)s, %(source)s, %(origin)s, %(website)s, 'new', %(now)s)
        """,
        {
            "a": tx.account_id,
            "id": lead_id,
            "project": new.project_id,
            "contact": new.contact_id,
            "deal": new.deal_id,
            "source": new.source_id,
            "origin": new.origin,
            "website": new.website,
            "now": now,
        },
    )
    facts = {"contact_id": str(new.contact_id), "origin": new.origin}
    await audit.record(tx, actor, "lead.made", ("lead", lead_id), now, facts)
    subject = ("source", new.source_id) if new.source_id else ("lead", lead_id)
    await add_activity(tx, new.contact_id, "lead_made", subject, {"origin": new.origin}, now)
    return lead_id


async def add_activity(
    tx: Tx,
    contact_id: UUID,
    kind: str,
    subject: tuple[str, UUID | None],
    facts: Mapping[str, str | int | bool | None],
    now: datetime,
) -> None:
    """A line of a person's timeline: what happened, to which object, with ids, amounts and enumerations only."""
    is_short = all(len(value) <= FACT_CHARS_MAX for value in facts.values() if isinstance(value, str))
    if not _WORD.fullmatch(kind) or not _WORD.fullmatch(subject[0]) or not is_short:
        raise Refused("invalid_activity", "An activity is a word, its object and short facts.", status=422)
    await tx.execute(
        """
        insert into activities (account_id, id, contact_id, kind, subject_kind, subject_id, facts, created_at)
        values (%(a)s, %(id)s, %(contact)s, %(kind)s, %(subject_kind)s, %(subject_id)s, %(facts)s, %(now)s)
        """,
        {
            "a": tx.account_id,
            "id": uuid7(now),
            "contact": contact_id,
            "kind": kind,
            "subject_kind": subject[0],
            "subject_id": subject[1],
            "facts": Jsonb(dict(facts)),
            "now": now,
        },
    )
    _tell(tx, contact_id)


async def lock_contact(tx: Tx, contact_id: UUID) -> None:
    """Let nobody else change what is known of this person until the unit of work ends."""
    if await tx.one("select 1 from contacts where id = %(id)s for update", {"id": contact_id}) is None:
        raise NotFound("contact")


async def mark_bounced(tx: Tx, contact_id: UUID, now: datetime) -> None:
    """Mail to this person came back: said on the timeline once, until somebody hears from the person again."""
    changed = await tx.execute(
        "update contacts set state = 'bounced' where id = %(id)s and state <> 'bounced'", {"id": contact_id}
    )
    if changed:
        await add_activity(tx, contact_id, "bounced", ("contact", contact_id), {}, now)


async def mark_active(tx: Tx, contact_id: UUID) -> None:
    """The person wrote: the address works after all."""
    if await tx.execute(
        "update contacts set state = 'active' where id = %(id)s and state <> 'active'", {"id": contact_id}
    ):
        _tell(tx, contact_id)


async def _company(tx: Tx, actor: Actor, email: str, website: str, now: datetime) -> UUID | None:
    """The company that a website, else a mail address, stands for; made if there is none yet."""
    site = normal_website(website) if website else None
    domain = next((one for one in (site and site.domain, domain_of(email)) if one and one not in FREE_MAIL), None)
    if domain is None:
        return None
    is_of_site = site is not None and site.domain == domain
    company_id = uuid7(now)
    params = {
        "a": tx.account_id,
        "id": company_id,
        "domain": domain,
        "website": site.url if site and is_of_site else None,
        "now": now,
    }
    made = await tx.execute(
        "insert into companies (account_id, id, name, domain, website, created_at)"
        " values (%(a)s, %(id)s, %(domain)s, %(domain)s, %(website)s, %(now)s)"
        " on conflict (account_id, domain) do nothing",
        params,
    )
    if made:
        await audit.record(tx, actor, "company.met", ("company", company_id), now, {}, {"domain": domain})
        return company_id
    found: UUID = await tx.value("select id from companies where domain = %(domain)s", params)
    return found


async def _demand(tx: Tx, actor: Actor) -> None:
    """A person needs the role; the system acts for what a customer did; an agent proposes and does nothing."""
    if actor.kind != "system":
        await accounts.demand(tx, actor, Permission.PROPOSE)


def _line(text: str, what: str, chars_max: int) -> str:
    if not 1 <= len(text) <= chars_max or not is_text(text) or any(ord(char) < 32 for char in text):
        raise Refused(f"invalid_{what}", f"A {what} has 1 to {chars_max} characters on one line.", status=422)
    return text


def _tell(tx: Tx, contact_id: UUID) -> None:
    tx.notify("crm", f"contact:{contact_id}")
