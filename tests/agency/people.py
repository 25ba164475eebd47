"""A customer, an order and a conversation as rows, for tests of what follows from them."""

from dataclasses import dataclass
from uuid import UUID

from tests.world import World
from trinity import sources
from trinity.kit.ids import uuid7
from trinity.sources import NewSource


@dataclass(frozen=True)
class Customer:
    """Somebody we deal with, the text that he wrote, and his order."""

    contact_id: UUID
    source_id: UUID
    order_id: UUID


def contact(world: World, email: str = "ada@customer.example", name: str = "Ada Byron") -> UUID:
    """A contact."""
    made = uuid7(world.clock())
    world.tamper(
        "insert into contacts (account_id, id, email, name, created_at) values (%(account)s, %(id)s, %(e)s, %(n)s, now())",
        id=made,
        e=email,
        n=name,
    )
    return made


async def add_text(world: World, text: str, contact_id: UUID | None = None, origin: str = "public_form") -> UUID:
    """A quarantined text."""
    async with world.tx() as tx:
        new = NewSource(world.project_id, origin, "What they wrote", text, contact_id)
        return await sources.add_source(tx, world.owner, new, world.clock())


async def decide(world: World, source_id: UUID, *, is_released: bool = True) -> None:
    """A person's word about a text."""
    async with world.tx() as tx:
        await sources.decide_release(tx, world.owner, source_id, is_released=is_released, now=world.clock())


async def customer(
    world: World, text: str = "Please look at our shop.", email: str = "ada@customer.example", number: int = 1
) -> Customer:
    """Somebody who has paid, and whose intake lies in quarantine."""
    contact_id = contact(world, email)
    source_id = await add_text(world, text, contact_id)
    order, offer, checkout = (uuid7(world.clock()) for _ in range(3))
    world.tamper(
        """
        insert into offers (account_id, id, project_id, slug, title, summary, amount_minor, currency, state, created_at)
        values (%(account)s, %(id)s, %(p)s, %(slug)s, 'Website check', 'We look.', 4900, 'usd', 'published', now())
        """,
        id=offer,
        p=world.project_id,
        slug=f"o-{offer.hex}",
    )
    world.tamper(
        """
        insert into orders (account_id, id, number, project_id, offer_id, customer_id, contact_id, checkout_id, state,
                            amount_minor, currency, refunded_minor, paid_at, created_at)
        values (%(account)s, %(id)s, %(n)s, %(p)s, %(offer)s, %(id)s, %(c)s, %(checkout)s, 'paid', 4900, 'usd', 0,
                now(), now())
        """,
        id=order,
        n=number,
        p=world.project_id,
        offer=offer,
        c=contact_id,
        checkout=checkout,
    )
    world.tamper(
        "insert into order_intakes (account_id, id, order_id, source_id, created_at)"
        " values (%(account)s, %(id)s, %(id)s, %(s)s, now())",
        id=order,
        s=source_id,
    )
    world.tamper(
        "insert into fulfilments (account_id, id, order_id, state, created_at)"
        " values (%(account)s, %(id)s, %(id)s, 'awaiting', now())",
        id=order,
    )
    return Customer(contact_id, source_id, order)


async def conversation(world: World, contact_id: UUID | None, text: str | None = None) -> tuple[UUID, UUID | None]:
    """A thread, and the quarantined text of a mail that arrived in it, if there is one."""
    thread, source_id = uuid7(world.clock()), None
    integration = world.tamper("select integration_id as id from projects where account_id = %(account)s")[0]["id"]
    world.tamper(
        """
        insert into threads (account_id, id, project_id, contact_id, integration_id, provider_thread_id, subject, state,
                             created_at, last_at)
        values (%(account)s, %(id)s, %(p)s, %(c)s, %(i)s, %(t)s, 'Your website', 'open', now(), now())
        """,
        id=thread,
        p=world.project_id,
        c=contact_id,
        i=integration,
        t=thread.hex,
    )
    if text is not None:
        source_id = await add_text(world, text, contact_id, "inbound_mail")
        message(world, thread, "in", source_id=source_id)
    return thread, source_id


def message(
    world: World,
    thread: UUID,
    direction: str,
    *,
    kind: str = "mail",
    source_id: UUID | None = None,
    call_id: UUID | None = None,
) -> UUID:
    """A message of a thread."""
    made = uuid7(world.clock())
    world.tamper(
        """
        insert into thread_messages (account_id, id, thread_id, direction, kind, provider_message_id, wire_message_id,
                                     reference_ids, subject, from_addr, from_name, source_id, tool_call_id, sent_at,
                                     created_at)
        values (%(account)s, %(id)s, %(t)s, %(d)s, %(k)s, %(m)s, %(m)s, '{}', 'Your website', 'ada@customer.example',
                'Ada', %(s)s, %(c)s, %(now)s, %(now)s)
        """,
        id=made,
        t=thread,
        d=direction,
        k=kind,
        m=made.hex,
        s=source_id,
        c=call_id,
        now=world.clock(),
    )
    return made
