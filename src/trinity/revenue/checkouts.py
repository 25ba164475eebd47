"""Checkouts: somebody wants to buy. The row comes first, the session at Stripe follows by the gateway."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity import audit, crm
from trinity.errors import NotFound, Refused
from trinity.kit.actor import Actor
from trinity.kit.canonical import is_text
from trinity.kit.ids import uuid7
from trinity.providers.stripe.read import Session
from trinity.revenue.offers import get_offer
from trinity.store.database import Tx

TOKEN_BYTES = 24
TOKEN_CHARS_MAX = 64
INTAKE_CHARS_MAX = 5_000
WEBSITE_CHARS_MAX = 300
TOOL_CALL_MARK = "trinity_tool_call"
"""The name in Stripe's metadata under which the gateway leaves the id of the ToolCall."""
_SELECT = """
    select c.id, c.project_id, c.offer_id, o.title as offer_title, o.slug as offer_slug, c.contact_id, c.deal_id,
           c.tool_call_id, c.intake_text, c.website, c.amount_minor, c.currency, c.provider_session_id, c.url, c.state,
           c.created_at, t.email
    from checkout_sessions c
    join offers o on o.account_id = c.account_id and o.id = c.offer_id
    join contacts t on t.account_id = c.account_id and t.id = c.contact_id
"""


@dataclass(frozen=True, slots=True)
class NewCheckout:
    """What a visitor fills in to buy."""

    offer_id: UUID
    email: str
    name: str
    website: str
    intake_text: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """A wish to buy at the offer's price of that moment. `url` is Stripe's page, once there is one."""

    id: UUID
    project_id: UUID
    offer_id: UUID
    offer_title: str
    offer_slug: str
    contact_id: UUID
    deal_id: UUID | None
    tool_call_id: UUID | None
    intake_text: str
    website: str
    amount_minor: int
    currency: str
    provider_session_id: str | None
    url: str | None
    state: str
    created_at: datetime
    email: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A new checkout and the token that opens its pages: told once, kept as its SHA-256."""

    checkout: Checkout
    token: str


async def begin_checkout(tx: Tx, actor: Actor, new: NewCheckout, now: datetime) -> Begun:
    """A contact, a deal (the open one, if there is one) and a checkout that waits for its session."""
    offer = await get_offer(tx, new.offer_id)
    if offer.state != "published":
        raise NotFound("offer")
    text = new.intake_text.strip()
    if not is_text(text, new.website) or not 1 <= len(text) <= INTAKE_CHARS_MAX:
        raise Refused("invalid_intake", f"Say in 1 to {INTAKE_CHARS_MAX} characters what to look at.", status=422)
    if len(new.website) > WEBSITE_CHARS_MAX:
        raise Refused("invalid_intake", f"An address has at most {WEBSITE_CHARS_MAX} characters.", status=422)
    person = crm.NewContact(offer.project_id, new.email, new.name, new.website)
    contact = await crm.meet(tx, actor, person, now)
    # An open deal is taken up as it stands: whoever types an address may not own it, and only a payment changes a deal.
    deal_id = await crm.find_open_deal(tx, contact.id, offer.project_id)
    if deal_id is None:
        deal = crm.NewDeal(offer.project_id, contact.id, offer.title, offer.amount_minor, offer.currency)
        deal_id = await crm.open_deal(tx, actor, deal, now)
    token, checkout_id = secrets.token_urlsafe(TOKEN_BYTES), uuid7(now)
    await tx.execute(
        """
        insert into checkout_sessions (account_id, id, project_id, offer_id, contact_id, deal_id, token_sha256,
                                       intake_text, website, amount_minor, currency, state, created_at, changed_at)
        values (%(a)s, %(id)s, %(project)s, %(offer)s, %(contact)s, %(deal)s, %(token)s, %(text)s, %(website)s,
                %(amount)s, %(currency)s, 'preparing', %(now)s, %(now)s)
        """,
        {
            "a": tx.account_id,
            "id": checkout_id,
            "project": offer.project_id,
            "offer": offer.id,
            "contact": contact.id,
            "deal": deal_id,
            "token": _digest(token),
            "text": text,
            "website": new.website,
            "amount": offer.amount_minor,
            "currency": offer.currency,
            "now": now,
        },
    )
    facts: dict[str, str | int | bool | None] = {
        "offer_id": str(offer.id),
        "amount_minor": offer.amount_minor,
        "currency": offer.currency,
    }
    await audit.record(tx, actor, "checkout.begun", ("checkout", checkout_id), now, facts)
    await crm.add_activity(tx, contact.id, "checkout_begun", ("checkout", checkout_id), facts, now)
    _tell(tx, checkout_id)
    return Begun(await get_checkout(tx, checkout_id), token)


async def link_call(tx: Tx, checkout_id: UUID, tool_call_id: UUID) -> None:
    """Note the ToolCall that makes the session."""
    await tx.execute(
        "update checkout_sessions set tool_call_id = %(call)s where id = %(id)s and tool_call_id is null",
        {"call": tool_call_id, "id": checkout_id},
    )


async def checkout_opened(tx: Tx, checkout_id: UUID, provider_session_id: str, url: str, now: datetime) -> None:
    """Stripe made the session. What a webhook has told of it already stays."""
    await tx.execute(
        "update checkout_sessions set provider_session_id = %(session)s, url = %(url)s, changed_at = %(now)s,"
        " state = case when state = 'preparing' then 'open' else state end where id = %(id)s",
        {"id": checkout_id, "session": provider_session_id, "url": url, "now": now},
    )
    _tell(tx, checkout_id)


async def checkout_failed(tx: Tx, checkout_id: UUID, now: datetime) -> None:
    """No session came of it: denied, refused by Stripe, or given up."""
    await tx.execute(
        "update checkout_sessions set state = 'failed', changed_at = %(now)s where id = %(id)s and state = 'preparing'",
        {"id": checkout_id, "now": now},
    )
    _tell(tx, checkout_id)


async def get_checkout(tx: Tx, checkout_id: UUID) -> Checkout:
    """One checkout, or `NotFound`."""
    row = await tx.one(f"{_SELECT} where c.id = %(id)s", {"id": checkout_id})
    if row is None:
        raise NotFound("checkout")
    return Checkout(**row)


async def checkout_of_token(tx: Tx, token: str) -> Checkout:
    """The checkout that a token opens, or `NotFound`."""
    row = None
    if len(token) <= TOKEN_CHARS_MAX:
        row = await tx.one(f"{_SELECT} where c.token_sha256 = %(token)s", {"token": _digest(token)})
    if row is None:
        raise NotFound("checkout")
    return Checkout(**row)


async def checkout_of_session(tx: Tx, session: Session) -> Checkout | None:
    """Our checkout behind a session of Stripe's; None for one that others made.

    A session whose making has not been settled yet is found by the ToolCall that its metadata names.
    """
    row = await tx.one(f"{_SELECT} where c.provider_session_id = %(id)s", {"id": session.id})
    if row is None and (call_id := uuid_in(session.metadata.get(TOOL_CALL_MARK, ""))):
        row = await tx.one(f"{_SELECT} where c.tool_call_id = %(id)s", {"id": call_id})
    return Checkout(**row) if row else None


async def set_checkout_state(tx: Tx, checkout_id: UUID, state: str, session_id: str, now: datetime) -> bool:
    """Put a checkout where Stripe says that it stands. False if it stood there."""
    changed = await tx.execute(
        "update checkout_sessions set state = %(state)s, provider_session_id = coalesce(provider_session_id, %(session)s),"
        " changed_at = %(now)s where id = %(id)s and state <> %(state)s",
        {"id": checkout_id, "state": state, "session": session_id, "now": now},
    )
    if changed:
        _tell(tx, checkout_id)
    return bool(changed)


def uuid_in(text: str) -> UUID | None:
    """The UUID that a foreign text is, or None."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _tell(tx: Tx, checkout_id: UUID) -> None:
    tx.notify("checkouts", f"checkout:{checkout_id}")
