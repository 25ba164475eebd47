"""The story that `trinity demo` tells: each step does something real and looks at what came of it."""

import asyncio
import secrets
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from trinity import accounts
from trinity.cli.first import MAILBOX, FirstLogin, Opened, open_sample_account
from trinity.cli.person import Person
from trinity.cli.stack import Stack
from trinity.errors import Refused, TrinityError
from trinity.kit.actor import Actor
from trinity.settings import Settings
from trinity.store.database import Database

WAIT_S = 60.0
POLL_S = 0.1
VERIFY_S = 30.0
PACKET = "packet.json"
KEY = "log.vkey"
CONTACT = {"contact_addr": "ada@customer.example", "contact_name": "Ada Byron"}
GOAL = "Write to Ada Byron and offer a free first look at her shop's website."


class Story:
    """The steps told so far, and what they led to."""

    def __init__(self, home: Path, say: Callable[[str], None], *, has_faults: bool) -> None:
        self._home = home
        self._say = say
        self._has_faults = has_faults
        self._steps: list[dict[str, object]] = []
        self._run_id: str | None = None
        self._calls: list[str] = []
        self._proof_state = "missing"
        self._effects: dict[str, int] = {}
        self._is_verified = False

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Tell one step, with its time, and whether it went well."""
        begun = time.monotonic()
        is_ok = False
        try:
            yield
            is_ok = True
        finally:
            ms = round((time.monotonic() - begun) * 1000)
            self._steps.append({"name": name, "ok": is_ok, "ms": ms})
            self._say(f"  {'✓' if is_ok else '✗'} {name}  ({ms} ms)")

    async def tell(self, stack: Stack, now: datetime) -> None:
        """From an account to a verified packet."""
        settings = stack.settings
        assert stack.gmail_url is not None, "the demo uses the mail sandbox"
        opened, second = await self._people(settings, stack.gmail_url, now)
        async with Person(settings.base_url, opened.login) as owner, Person(settings.base_url, second) as approver:
            with self.step("two people sign in"):
                await owner.sign_in()
                await approver.sign_in()
            card = await self._run(owner)
            if self._has_faults:
                await self._lose_an_answer(stack.gmail_url)
            first = await self._approve(owner, card, stack.gmail_url, 1)
            reply = await self._reply(owner, first)
            await self._approve(approver, reply, stack.gmail_url, 2)
            await self._prove(owner, settings)

    async def _people(self, settings: Settings, gmail_url: str, now: datetime) -> tuple[Opened, FirstLogin]:
        tag = secrets.token_hex(4)
        login = FirstLogin(f"owner-{tag}@trinity.example", secrets.token_urlsafe(12))
        second = FirstLogin(f"approver-{tag}@trinity.example", secrets.token_urlsafe(12))
        assert settings.executor_database_url is not None
        with self.step("an account is opened, with a mailbox, a project and an approver"):
            async with Database(settings.executor_database_url, size=2, name="demo") as db:
                opened = await open_sample_account(db, settings, gmail_url, login, now, undo_window_s=0)
                async with db.transaction(opened.account_id) as tx:
                    actor = Actor(opened.account_id, "user", str(opened.owner_id))
                    await accounts.create_user(
                        tx, actor, second.email, "Sam Approver", second.password, "approver", now
                    )
        return opened, second

    async def _run(self, owner: Person) -> dict[str, Any]:
        with self.step("the agent plans, reads released sources, drafts, and proposes one mail"):
            project = (await owner.get("/projects"))["items"][0]
            run = await owner.post("/runs", {"project_id": project["id"], "goal": GOAL, **CONTACT})
            self._run_id = run["id"]
            return await _until(lambda: self._pending(owner), "the agent to propose a mail")

    async def _pending(self, person: Person) -> dict[str, Any] | None:
        items = (await person.get("/approvals?state=pending"))["items"]
        return await person.get(f"/approvals/{items[0]['id']}") if items else None

    async def _lose_an_answer(self, gmail_url: str) -> None:
        with self.step("fault: the provider will accept the send and drop the connection before it answers"):
            body = {"path_contains": "drafts/send", "mode": "accept_then_drop", "times": 1}
            async with httpx.AsyncClient(trust_env=False) as http:
                (await http.post(f"{gmail_url}/_sandbox/faults", json=body)).raise_for_status()

    async def _approve(self, person: Person, card: dict[str, Any], gmail_url: str, n: int) -> str:
        call_id = str(card["tool_call"]["id"])
        self._calls.append(call_id)
        with self.step(f"a person reads the card and approves exactly {card['envelope_digest'][:12]}…"):
            decision = {"decision": "approve", "envelope_digest": card["envelope_digest"], "reason": "Good."}
            await person.post(f"/approvals/{card['id']}/decisions", decision)
        with self.step("the gateway sends it, and compares it with the provider's own record"):
            call = await _until(lambda: self._verified(person, call_id), "the mail to be sent and verified")
            self._proof_state = call["proof_state"]
        with self.step(f"the sandbox's books: {n} mail(s) sent, each exactly once"):
            async with httpx.AsyncClient(trust_env=False) as http:
                books = (await http.get(f"{gmail_url}/_sandbox/books")).json()
            sent = [one for one in books["sent"] if one["mailbox"] == MAILBOX]
            self._effects = {"gmail.send": min(len(sent), 1), "gmail.reply": max(len(sent) - 1, 0)}
            _demand(len(sent) == n, f"{len(sent)} mails were sent, not {n}")
        return call_id

    async def _verified(self, person: Person, call_id: str) -> dict[str, Any] | None:
        call = await person.get(f"/tool-calls/{call_id}")
        _demand(call["state"] not in ("failed", "denied", "expired"), f"the call is {call['state']}: {call['reasons']}")
        return call if call["state"] == "succeeded" and call["proof_state"] == "verified" else None

    async def _reply(self, owner: Person, first: str) -> dict[str, Any]:
        with self.step("the owner proposes a follow-up in the same thread, and may not approve it"):
            call = await owner.get(f"/tool-calls/{first}")
            payload = {
                "mailbox": MAILBOX,
                "from_alias": MAILBOX,
                "to": [{"addr": CONTACT["contact_addr"], "name": CONTACT["contact_name"]}],
                "subject": f"Re: {call['subject']}",
                "text": "Dear Ada,\n\nthe first look takes three days. Shall we begin on Monday?\n\nNorthwind Studio",
                "in_reply_to": first,
            }
            project = (await owner.get("/projects"))["items"][0]
            body = {
                "project_id": project["id"],
                "run_id": self._run_id,
                "provider": "gmail",
                "operation": "gmail.reply",
            }
            made = await owner.post("/tool-calls", body | {"idempotency_key": f"follow-up-{first}", "payload": payload})
            card = await owner.get(f"/approvals/{made['approval_id']}")
            decision = {"decision": "approve", "envelope_digest": card["envelope_digest"]}
            code = await owner.refused(f"/approvals/{card['id']}/decisions", decision)
            _demand(code == "requester_cannot_approve", f"the owner's own approval answered {code}")
        return card

    async def _prove(self, owner: Person, settings: Settings) -> None:
        with self.step("a proof packet of the whole run is exported, and verified offline by a process of its own"):
            packet = await _until(lambda: self._packet(owner), "the run's packet")
            (self._home / PACKET).write_bytes(packet)
            (self._home / KEY).write_text(f"{settings.log_verifier_key}\n")
            argv = [sys.executable, "-m", "trinity_verify", str(self._home / PACKET), "--key", str(self._home / KEY)]
            judged = await asyncio.to_thread(subprocess.run, argv, capture_output=True, timeout=VERIFY_S, check=False)
            self._is_verified = judged.returncode == 0
            _demand(self._is_verified, judged.stdout.decode()[-2_000:])

    async def _packet(self, owner: Person) -> bytes | None:
        """The run's newest packet, once it holds every call of the story."""
        body = await owner.raw(f"/packets/run/{self._run_id}")
        return body if body and all(call.encode() in body for call in self._calls) else None

    def summary(self, database: str) -> dict[str, object]:
        """What `demo --json` writes."""
        is_ok = self._is_verified and all(step["ok"] for step in self._steps)
        return {
            "ok": is_ok,
            "steps": self._steps,
            "order_id": None,
            "run_id": self._run_id,
            "tool_call_ids": self._calls,
            "effects": self._effects,
            "proof_state": self._proof_state,
            "packet": str(self._home / PACKET),
            "database": database,
            "runtime": "embedded",
        }


async def _until[T](look: Callable[[], Awaitable[T | None]], what: str) -> T:
    """Look until something is there, for a bounded time."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if (found := await look()) is not None:
            return found
        await asyncio.sleep(POLL_S)
    raise Refused("timed_out", f"Waited {WAIT_S:.0f} s for {what}.")


def _demand(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise StoryBroken(otherwise)


class StoryBroken(TrinityError):
    """Something in the story is not as it must be."""

    code = "story_broken"
