"""Who plays: the members at the API, and the stranger."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity import accounts
from trinity.cli.first import FirstLogin, open_sample_account
from trinity.cli.person import Person
from trinity.cli.story.teller import Teller
from trinity.cli.visitor import Visitor
from trinity.kit.actor import Actor
from trinity.settings import Settings
from trinity.store.database import Database

CUSTOMER = ("ada@customer.example", "Ada Byron")
WEBSITE = "https://customer.example"
APPROVERS = ("Sam Approver", "Kim Approver")


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody who acts. The approvers are two different people, and neither is the owner."""

    account_id: UUID
    slug: str
    owner: Person
    approvers: tuple[Person, Person]
    visitor: Visitor


@asynccontextmanager
async def cast(teller: Teller, settings: Settings, gmail_url: str, now: datetime) -> AsyncIterator[Cast]:
    """Open an account with its people, and sign them in."""
    tag = secrets.token_hex(4)
    logins = [
        FirstLogin(f"{name}-{tag}@trinity.example", secrets.token_urlsafe(12)) for name in ("owner", "sam", "kim")
    ]
    assert settings.executor_database_url is not None
    with teller.step("an account is opened: a mailbox, a Stripe account, a project, an offer, an owner, two approvers"):
        async with Database(settings.executor_database_url, size=2, name="demo") as db:
            opened = await open_sample_account(db, settings, gmail_url, logins[0], now, undo_window_s=0)
            async with db.transaction(opened.account_id) as tx:
                actor = Actor(opened.account_id, "user", str(opened.owner_id))
                for login, name in zip(logins[1:], APPROVERS, strict=True):
                    await accounts.create_user(tx, actor, login.email, name, login.password, "approver", now)
                slug = (await accounts.get_public_account(tx)).slug
    async with AsyncExitStack() as stack:
        people = [await stack.enter_async_context(Person(settings.base_url, login)) for login in logins]
        visitor = await stack.enter_async_context(Visitor(settings.base_url))
        with teller.step("three people sign in"):
            for person in people:
                await person.sign_in()
        yield Cast(opened.account_id, slug, people[0], (people[1], people[2]), visitor)
