"""A small world for tests of the core: a migrated database, a real Gmail stand-in, an account, a clock.

Time stands where the test puts it. Jobs are written, not run: a test drives the gateway itself, so that it
can stop between any two steps.
"""

import base64
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
from psycopg.rows import dict_row

from tests.postgres import SECRET_KEY
from trinity import accounts, agency, approvals, audit, effects, gateway, integrations
from trinity.approvals import NewDecision
from trinity.gateway import House, Proposal, Proposed, Rails, SpentRegister
from trinity.kit.actor import Actor
from trinity.kit.canonical import digest_hex
from trinity.modelrouter import ModelEndpoint, ModelRouter, Question, decide
from trinity.settings import Settings, load
from trinity.store.database import Database, Tx
from trinity.store.urls import APP_ROLE, EXECUTOR_ROLE, url_of

ENCRYPTION_KEY = b"the encryption key of the tests."
MAILBOX = "desk@northwind.example"
ALIAS = "hello@northwind.example"
PASSWORD = "correct horse battery"
CLIENT = "sandbox-client"
CLIENT_SECRET = "sandbox-client-secret"
READY_S = 20.0
JUDGEMENTS: dict[tuple[str, str], object] = {
    ("copy_safety", "passed"): {"verdict": "safe", "dangers": [], "reasons": ["Nothing found."]},
    ("copy_safety", "blocked"): {"verdict": "unsafe", "dangers": ["deception"], "reasons": ["It deceives."]},
    ("copy_safety", "failed"): "no object",
    ("qa", "passed"): {"verdict": "pass", "faults": [], "reasons": ["It is clear."]},
    ("qa", "blocked"): {"verdict": "fail", "faults": ["tone"], "reasons": ["It is rude."]},
    ("qa", "failed"): "no object",
}
"""What a model answers for each outcome of each route."""


@contextmanager
def stand_in(name: str, data_dir: Path, port: int = 0) -> Iterator[str]:
    """A stand-in as a process of its own; gives its base URL. Ended, and its books kept, at the end."""
    argv = [sys.executable, "-m", "trinity_sandbox", name, "--port", str(port), "--data-dir", str(data_dir)]
    with subprocess.Popen([*argv, "--die-with-parent"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        try:
            yield said["base_url"]
        finally:
            process.terminate()
            process.wait(READY_S)


@dataclass
class Clock:
    """A clock that a test moves."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        """The moment; each look is a millisecond later, so that ids are in order."""
        self.now += timedelta(milliseconds=1)
        return self.now

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.now += timedelta(seconds=seconds)


@dataclass
class World:
    """One account with an owner, a mailbox at the stand-in, and a project."""

    owner_url: str
    gmail_url: str
    settings: Settings
    clock: Clock
    app: House
    rails: Rails
    account_id: UUID
    owner_id: UUID
    project_id: UUID
    http: httpx.AsyncClient
    mailbox: str = MAILBOX
    alias: str = ALIAS
    admin_url: str | None = None
    sent_before: int = 0
    """Mails in the books of a shared stand-in that are older than this world."""

    @property
    def owner(self) -> Actor:
        """The owner as an actor."""
        return Actor(self.account_id, "user", str(self.owner_id), frozenset({"owner"}))

    @property
    def agent(self) -> Actor:
        """An agent as an actor, without a run."""
        return Actor(self.account_id, "agent", "test-agent")

    def mail(self, **changes: Any) -> dict[str, Any]:
        """A valid payload of gmail.send, with changes."""
        return {
            "mailbox": self.mailbox,
            "from_alias": self.alias,
            "to": [{"addr": "ada@customer.example", "name": "Ada Byron"}],
            "cc": [],
            "bcc": [],
            "subject": "Your website",
            "text": "Dear Ada,\n\nmay we send you a first look?\n\nNorthwind",
            "attachments": [],
        } | changes

    async def propose(
        self, key: str = "key-1", *, operation: str = "gmail.send", actor: Actor | None = None, **changes: Any
    ) -> Proposed:
        """Propose a mail as an agent; where models must look at it first, they have nothing against it."""
        proposal = Proposal(self.project_id, operation, key, self.mail(**changes), reason="A test wants it.")
        return await self.reviewed(await gateway.propose(self.app, actor or self.agent, proposal))

    async def reviewed(self, made: Proposed) -> Proposed:
        """Let every model that must look at a proposal pass it, and go on."""
        if made.state != "proposed":
            return made
        call = await self.call(made.tool_call_id)
        for route in gateway.OPERATIONS[call.operation].routes:
            await self.judge(made, route, "passed")
        await gateway.conclude_review(self.app, self.account_id, made.tool_call_id)
        call = await self.call(made.tool_call_id)
        return replace(made, state=call.state, approval_id=call.approval_id)

    async def judge(self, made: Proposed, route: str, outcome: str, *, payload: bytes | None = None) -> None:
        """Have a model of this outcome asked about a proposal's bytes, or about other ones."""
        async with self.tx() as tx:
            stored = (await effects.get_envelope(tx, made.tool_call_id)).payload
        call, digest = await self.call(made.tool_call_id), digest_hex(stored if payload is None else payload)
        about = Question(self.account_id, route, "A mail.", digest, run_id=call.run_id, tool_call_id=call.id)

        def respond(_: httpx.Request) -> httpx.Response:
            said = {"role": "assistant", "content": json.dumps(JUDGEMENTS[route, outcome])}
            return httpx.Response(200, json={"choices": [{"index": 0, "message": said}]})

        async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as model:
            endpoint = ModelEndpoint("http://model.example/v1", "", "a test", is_sandbox=True)
            await decide(ModelRouter(self.app.db, model, self.clock, {"nvidia": endpoint}), about)

    async def approve(self, made: Proposed, *, actor: Actor | None = None) -> str:
        """Approve what was proposed, as the owner."""
        return await self.decide(made, "approve", actor=actor)

    async def decide(self, made: Proposed, decision: str, *, actor: Actor | None = None) -> str:
        """Decide on what was proposed, as the owner."""
        assert made.approval_id is not None
        new = NewDecision(decision, made.envelope_digest)
        return await gateway.decide(self.app, actor or self.owner, made.approval_id, new)

    async def approved(self, key: str = "key-1", **changes: Any) -> Proposed:
        """A proposal that was approved and whose undo window is over."""
        made = await self.propose(key, **changes)
        await self.approve(made)
        self.clock.sleep(31)
        return made

    async def advance(self, call_id: UUID) -> gateway.Later | None:
        """Drive a call one step on, as the executor does."""
        return await gateway.advance(self.rails, self.account_id, call_id)

    async def call(self, call_id: UUID) -> effects.ToolCall:
        """The call as it stands."""
        async with self.tx() as tx:
            return await effects.get_tool_call(tx, call_id)

    async def request(self, request_id: UUID | None) -> approvals.ApprovalRequest:
        """The approval request as it stands."""
        assert request_id is not None
        async with self.tx() as tx:
            return await approvals.get_request(tx, request_id)

    @asynccontextmanager
    async def tx(self, account_id: UUID | None = None) -> AsyncIterator[Tx]:
        """A unit of work of the app's role."""
        async with self.app.db.transaction(account_id or self.account_id) as tx:
            yield tx

    async def books(self) -> dict[str, Any]:
        """What the stand-in says was really sent."""
        return dict((await self.http.get(f"{self.gmail_url}/_sandbox/books")).json())

    async def sent(self) -> list[dict[str, Any]]:
        """The mails that really went out, of any mailbox."""
        return list((await self.books())["sent"])[self.sent_before :]

    async def sent_as_approved(self, made: Proposed) -> list[dict[str, Any]]:
        """The mails that really went out with exactly the bytes of a call, as the stand-in got them."""
        async with self.tx() as tx:
            wanted = (await effects.get_envelope(tx, made.tool_call_id)).payload
        return [one for one in await self.sent() if base64.b64decode(one["submitted_b64"]) == wanted]

    async def drafts(self) -> list[dict[str, Any]]:
        """The open drafts of this world's mailbox."""
        return [one for one in (await self.books())["drafts"] if one["mailbox"] == self.mailbox]

    async def fault(self, mode: str, path_contains: str, *, times: int = 1, **more: Any) -> None:
        """Arm a fault of the stand-in."""
        body = {"mode": mode, "path_contains": path_contains, "times": times, **more}
        (await self.http.post(f"{self.gmail_url}/_sandbox/faults", json=body)).raise_for_status()

    async def clear_faults(self) -> None:
        """No fault waits any more."""
        (await self.http.post(f"{self.gmail_url}/_sandbox/faults", json={"clear": True})).raise_for_status()

    async def drive(self, call_id: UUID, *, steps: int = 12) -> effects.ToolCall:
        """Advance a call, moving the clock to whenever it wants to go on, until it stands still."""
        for _ in range(steps):
            later = await self.advance(call_id)
            call = await self.call(call_id)
            if later is not None:
                self.clock.now = max(self.clock.now, later.at)
            elif call.state not in ("ready", "executing", "in_doubt"):
                break
            elif call.not_before and call.not_before > self.clock.now:
                self.clock.now = call.not_before
        return await self.call(call_id)

    def tamper(self, statement: str, **params: Any) -> list[dict[str, Any]]:
        """Do what only somebody with the database in his hands can do: any statement, no foreign key, no policy.

        `%(account)s` stands for this account: the database may serve other worlds.
        """
        assert self.admin_url, "this world was made without the superuser's address"
        with psycopg.connect(self.admin_url, row_factory=dict_row) as connection:
            connection.execute("set session_replication_role = replica")
            cursor = connection.execute(statement, {"account": self.account_id} | params)
            return cursor.fetchall() if cursor.description else [{"count": cursor.rowcount}]

    async def incidents(self) -> list[str]:
        """The kinds of all incidents of the account, newest first."""
        async with self.tx() as tx:
            return [one.kind for one in await audit.list_incidents(tx)]

    async def events(self, kind: str) -> list[audit.Event]:
        """The audit events of one kind."""
        async with self.tx() as tx:
            return [one for one in await audit.list_events(tx, limit=500) if one.kind == kind]

    async def second_person(self, role: str, email: str = "second@northwind.example") -> Actor:
        """Another member of the account."""
        async with self.tx() as tx:
            made = await accounts.create_user(tx, self.owner, email, "Sam Second", PASSWORD, role, self.clock())
        return Actor(self.account_id, "user", str(made), frozenset({role}))


def settings_for(owner_url: str, gmail_url: str, home: Path, **environ: str) -> Settings:
    """Settings of a test: the roles' addresses, the stand-in, short times."""
    return load(
        {
            "TRINITY_HOME": str(home),
            "TRINITY_APP_DATABASE_URL": url_of(owner_url, APP_ROLE, SECRET_KEY),
            "TRINITY_EXECUTOR_DATABASE_URL": url_of(owner_url, EXECUTOR_ROLE, SECRET_KEY),
            "TRINITY_SECRET_KEY": SECRET_KEY.hex(),
            "TRINITY_ENCRYPTION_KEY": ENCRYPTION_KEY.hex(),
            "TRINITY_SANDBOX_ENDPOINTS": gmail_url,
            "GMAIL_API_BASE": gmail_url,
            "GOOGLE_TOKEN_URL": f"{gmail_url}/token",
            "GOOGLE_CLIENT_ID": CLIENT,
            "GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
            **environ,
        },
        cwd=home,
    )


@asynccontextmanager
async def make_world(
    owner_url: str,
    gmail_url: str,
    home: Path,
    *,
    name: str = "Northwind",
    address: str = MAILBOX,
    admin_url: str | None = None,
    is_shared: bool = False,
    **environ: str,
) -> AsyncIterator[World]:
    """Open an account and hand out the world; `environ` changes settings.

    `is_shared`: the stand-in serves other worlds too, so its books already hold mails that do not count here.
    """
    alias = f"hello@{address.partition('@')[2]}"
    settings = settings_for(owner_url, gmail_url, home, **environ)
    assert settings.app_database_url
    assert settings.executor_database_url
    clock = Clock()
    async with (
        Database(settings.app_database_url, name="app") as app,
        Database(settings.executor_database_url, name="executor") as executor,
        httpx.AsyncClient(timeout=5.0, trust_env=False, limits=httpx.Limits(keepalive_expiry=1.0)) as http,
    ):
        token = f"sandbox-refresh-{name.lower()}"
        await _mailbox(http, gmail_url, token, (address, alias))
        before = (await http.get(f"{gmail_url}/_sandbox/books")).json()["sent"] if is_shared else []
        credential = integrations.MailboxCredential(CLIENT, CLIENT_SECRET, token, f"{gmail_url}/token")
        mailbox = integrations.NewIntegration("gmail", address, name, gmail_url, credential, (alias,))
        project = accounts.NewProject("Website care", "We look after websites.", None)
        owner = (f"owner@{name.lower()}.example", "Robin Owner", PASSWORD)
        first = agency.FirstAccount(name, owner, mailbox, project)
        account_id, owner_id = await agency.open_account(executor, settings, first, clock())
        async with app.transaction(account_id) as tx:
            project_id = (await accounts.list_projects(tx))[0].id
        register = SpentRegister((home / "spent").as_uri())
        rails = Rails(House(executor, settings, clock), http, register, ENCRYPTION_KEY)
        yield World(
            owner_url,
            gmail_url,
            settings,
            clock,
            House(app, settings, clock),
            rails,
            account_id,
            owner_id,
            project_id,
            http,
            address,
            alias,
            admin_url,
            len(before),
        )


async def _mailbox(http: httpx.AsyncClient, gmail_url: str, token: str, addresses: tuple[str, str]) -> None:
    body = {
        "address": addresses[0],
        "display_name": "Northwind",
        "aliases": [addresses[1]],
        "refresh_token": token,
        "client_id": CLIENT,
        "client_secret": CLIENT_SECRET,
    }
    (await http.post(f"{gmail_url}/_sandbox/mailboxes", json=body)).raise_for_status()


def with_house(world: World, **changes: Any) -> House:
    """The app's house with other settings."""
    return replace(world.app, settings=replace(world.settings, **changes))
