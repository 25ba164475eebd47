"""Offers: what can be bought, at one price. A published price does not change: another price is another offer."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.errors import UniqueViolation

from trinity import accounts, audit
from trinity.accounts import Permission
from trinity.errors import NotFound, Refused
from trinity.kit import money
from trinity.kit.actor import Actor
from trinity.kit.canonical import is_text
from trinity.kit.ids import uuid7
from trinity.store.database import Tx

TITLE_CHARS_MAX = 120
SUMMARY_CHARS_MAX = 2_000
SLUG_CHARS_MAX = 60
PAGE_MAX = 200
_SELECT = """
    select o.id, o.project_id, p.name as project_name, o.slug, o.title, o.summary, o.amount_minor, o.currency, o.state,
           o.created_at
    from offers o join projects p on p.account_id = o.account_id and p.id = o.project_id
"""


@dataclass(frozen=True, slots=True)
class NewOffer:
    """Something to sell."""

    project_id: UUID
    title: str
    summary: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer; only a `published` one can be bought."""

    id: UUID
    project_id: UUID
    project_name: str
    slug: str
    title: str
    summary: str
    amount_minor: int
    currency: str
    state: str
    created_at: datetime


async def create_offer(tx: Tx, actor: Actor, new: NewOffer, now: datetime) -> UUID:
    """A draft of an offer, by a person whose role may propose."""
    await accounts.demand(tx, actor, Permission.PROPOSE)
    _check(new)
    await accounts.get_project(tx, new.project_id)
    offer_id = uuid7(now)
    params = {
        "a": tx.account_id,
        "id": offer_id,
        "project": new.project_id,
        "slug": await _free_slug(tx, new.title, offer_id),
        "title": new.title,
        "summary": new.summary,
        "amount": new.amount_minor,
        "currency": new.currency,
        "now": now,
    }
    try:
        await tx.execute(
            "insert into offers (account_id, id, project_id, slug, title, summary, amount_minor, currency, state, created_at)"
            " values (%(a)s, %(id)s, %(project)s, %(slug)s, %(title)s, %(summary)s, %(amount)s, %(currency)s, 'draft', %(now)s)",
            params,
        )
    except UniqueViolation as error:
        raise Refused("offer_taken", "Somebody made the same offer in this moment. Try again.") from error
    facts = {"amount_minor": new.amount_minor, "currency": new.currency, "project_id": str(new.project_id)}
    await audit.record(tx, actor, "offer.created", ("offer", offer_id), now, facts)
    tx.notify("offers")
    return offer_id


async def publish_offer(tx: Tx, actor: Actor, offer_id: UUID, now: datetime) -> None:
    """Let anybody buy it."""
    await _move(tx, actor, offer_id, "published", now)


async def archive_offer(tx: Tx, actor: Actor, offer_id: UUID, now: datetime) -> None:
    """Let nobody buy it any more. Checkouts that are open stay payable: their price was promised."""
    await _move(tx, actor, offer_id, "archived", now)


async def get_offer(tx: Tx, offer_id: UUID) -> Offer:
    """One offer, or `NotFound`."""
    row = await tx.one(f"{_SELECT} where o.id = %(id)s", {"id": offer_id})
    if row is None:
        raise NotFound("offer")
    return Offer(**row)


async def published_offer(tx: Tx, slug: str) -> Offer:
    """The offer that a public page shows, or `NotFound`: a draft looks like one that does not exist."""
    row = await tx.one(f"{_SELECT} where o.slug = %(slug)s and o.state = 'published'", {"slug": slug})
    if row is None:
        raise NotFound("offer")
    return Offer(**row)


async def list_offers(tx: Tx, *, state: str | None = None) -> list[Offer]:
    """Offers, newest first."""
    query = f"{_SELECT} where (%(state)s::text is null or o.state = %(state)s) order by o.id desc limit {PAGE_MAX}"
    return [Offer(**row) for row in await tx.all(query, {"state": state})]


async def _move(tx: Tx, actor: Actor, offer_id: UUID, state: str, now: datetime) -> None:
    await accounts.demand(tx, actor, Permission.PROPOSE)
    held = await tx.value("select state from offers where id = %(id)s for update", {"id": offer_id})
    if held is None:
        raise NotFound("offer")
    if held == state:
        return
    if held == "archived":
        raise Refused("offer_archived", "An archived offer does not come back. Make a new one.")
    await tx.execute("update offers set state = %(state)s where id = %(id)s", {"state": state, "id": offer_id})
    await audit.record(tx, actor, f"offer.{state}", ("offer", offer_id), now, {"from": held})
    tx.notify("offers")


def _check(new: NewOffer) -> None:
    is_title = new.title.isprintable() and 1 <= len(new.title.strip()) <= TITLE_CHARS_MAX
    if not is_text(new.title, new.summary) or not is_title:
        raise Refused(
            "invalid_offer", f"An offer has a title of 1 to {TITLE_CHARS_MAX} visible characters.", status=422
        )
    if len(new.summary) > SUMMARY_CHARS_MAX:
        raise Refused("invalid_offer", f"A summary has at most {SUMMARY_CHARS_MAX} characters.", status=422)
    if not money.is_currency(new.currency):
        allowed = ", ".join(money.DECIMALS)
        raise Refused("invalid_currency", f"Not a currency that is taken here: {allowed}.", status=422)
    least = money.least_minor(new.currency)
    if not least <= new.amount_minor <= money.AMOUNT_MAX:
        text = f"A price is from {money.spoken(least, new.currency)} to {money.spoken(money.AMOUNT_MAX, new.currency)}."
        raise Refused("invalid_amount", text, status=422)


async def _free_slug(tx: Tx, title: str, offer_id: UUID) -> str:
    """The address's part: the title in plain letters, with some of the id where that is taken."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:SLUG_CHARS_MAX].strip("-") or "offer"
    taken = await tx.value("select 1 from offers where slug = %(slug)s", {"slug": slug})
    return f"{slug}-{offer_id.hex[-8:]}" if taken else slug
