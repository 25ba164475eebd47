"""The life of a ToolCall in any order: people, workers, time, faults and deaths as a state machine.

Its invariants are judged by the stand-in's books alone: never two mails of one approved digest, never a mail
that nobody approved, and what was sent is byte for byte what was approved.
"""

import asyncio
import base64
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.world import World, make_world
from trinity import effects, gateway
from trinity.errors import Refused
from trinity.gateway import Proposed
from trinity.kit import barriers

FAULTS = ("accept_then_drop", "error_after_commit", "reject_500", "unavailable", "429")
ENDS = ("succeeded", "failed", "denied", "rejected", "expired", "superseded", "cancelled")
DEATHS = [name for name in barriers.BARRIERS if not name.startswith(("run.", "propose.", "verify."))]
EXAMPLES, STEPS = 12, 16


class Death(Exception):
    """The process dies here."""


@pytest.fixture(scope="module")
def places(gateway_database: tuple[str, str], shared_gmail: str) -> Iterator[tuple[str, str, str]]:
    """The owner's address, the superuser's, and the stand-in's."""
    yield *gateway_database, shared_gmail
    barriers.install(None)


class Life(RuleBasedStateMachine):
    """One account; every example opens its own."""

    places: tuple[str, str, str]
    calls: Bundle[Proposed] = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.home = TemporaryDirectory()
        self.made: dict[UUID, Proposed] = {}
        self.payloads: dict[UUID, bytes] = {}
        self.approved: set[UUID] = set()
        self.withdrawn: set[UUID] = set()
        self.n = 0

    def run(self, doing: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(doing)

    @initialize(target=calls, how=st.sampled_from(["", "run", "die", "fault"]))
    def open(self, how: str) -> Proposed:
        name = f"Machine{uuid4().hex[:8]}"
        owner_url, admin_url, gmail_url = self.places
        self.world: World = self.run(
            self.stack.enter_async_context(
                make_world(
                    owner_url,
                    gmail_url,
                    Path(self.home.name),
                    name=name,
                    address=f"desk@{name.lower()}.example",
                    admin_url=admin_url,
                    is_shared=True,
                )
            )
        )
        return self.commission("Dear Ada, first.", how)

    async def _remember(self, made: Proposed) -> Proposed:
        async with self.world.tx() as tx:
            self.payloads[made.tool_call_id] = (await effects.get_envelope(tx, made.tool_call_id)).payload
        self.made[made.tool_call_id] = made
        return made

    def _key(self) -> str:
        self.n += 1
        return f"key-{self.n}"

    @rule(target=calls, text=st.sampled_from(["Dear Ada, yes.", "Dear Ada, no."]))
    def propose_one(self, text: str) -> Proposed:
        return self.propose(text)

    def propose(self, text: str) -> Proposed:
        made: Proposed = self.run(self._remember(self.run(self.world.propose(self._key(), text=text))))
        return made

    @rule(call=calls)
    def propose_again(self, call: Proposed) -> None:
        """The same key with other content never becomes a second call."""
        key = f"key-{1 + list(self.made).index(call.tool_call_id)}"
        with pytest.raises(Refused, match="something else"):
            self.run(self.world.propose(key, text="Dear Ada, perhaps."))

    @rule(call=calls)
    def approve_one(self, call: Proposed) -> None:
        self.approve(call)

    def approve(self, call: Proposed) -> None:
        try:
            if self.run(self.world.approve(call)) == "approved":
                self.approved.add(call.tool_call_id)
        except Refused as refusal:
            expected = ("already_decided", "not_pending", "superseded", "expired", "requester_cannot_approve")
            assert refusal.code in expected  # noqa: PT017

    @rule(target=calls, how=st.sampled_from(["", "run", "die", "fault"]))
    def commission_one(self, how: str) -> Proposed:
        return self.commission("Dear Ada, yes.", how)

    def commission(self, text: str, how: str) -> Proposed:
        """The usual way: proposed, approved, the undo window over, and then something."""
        made = self.propose(text)
        self.approve(made)
        self.world.clock.sleep(31)
        if how == "fault":
            self.run(self.world.fault("accept_then_drop", "/drafts/send"))
            self.run(self.world.advance(made.tool_call_id))
        if how == "die":
            self.advance_and_die(made, "provider.after_call", 2)
        if how == "run":
            self.run(self.world.advance(made.tool_call_id))
        return made

    @rule(call=calls, verb=st.sampled_from(["reject", "revoke", "cancel"]))
    def withdraw(self, call: Proposed, verb: str) -> None:
        assert call.approval_id is not None
        if verb == "reject":
            self._withdraw(call, self.world.decide(call, "reject"))
        elif verb == "revoke":
            self._withdraw(call, gateway.revoke(self.world.app, self.world.owner, call.approval_id))
        else:
            self._withdraw(call, gateway.cancel(self.world.app, self.world.owner, call.tool_call_id))

    def _withdraw(self, call: Proposed, doing: Coroutine[Any, Any, Any]) -> None:
        """A withdrawal that was answered holds for ever: what was not sent by then is never sent."""
        try:
            self.run(doing)
        except Refused:
            return
        self.withdrawn.add(call.tool_call_id)

    @rule(target=calls, call=consumes(calls))
    def edit(self, call: Proposed) -> Proposed:
        assert call.approval_id is not None
        mail = self.world.mail(text="Dear Ada, better.")
        try:
            made = self.run(gateway.edit(self.world.app, self.world.owner, call.approval_id, mail, self._key()))
        except Refused:
            self.n -= 1
            return call
        self.withdrawn.add(call.tool_call_id)
        remembered: Proposed = self.run(self._remember(made))
        return remembered

    @rule(call=calls, is_twice=st.booleans())
    def advance(self, call: Proposed, is_twice: bool) -> None:
        async def both() -> None:
            await asyncio.gather(*(self.world.advance(call.tool_call_id) for _ in range(1 + is_twice)))

        self.run(both())

    @rule(call=calls, barrier=st.sampled_from(DEATHS), nth=st.integers(1, 2))
    def die(self, call: Proposed, barrier: str, nth: int) -> None:
        self.advance_and_die(call, barrier, nth)

    def advance_and_die(self, call: Proposed, barrier: str, nth: int) -> None:
        seen = 0

        def hook(name: str) -> None:
            nonlocal seen
            seen += name == barrier
            if seen == nth:
                barriers.install(None)
                raise Death(name)

        barriers.install(hook)
        try:
            self.run(self.world.advance(call.tool_call_id))
        except Death:
            pass
        finally:
            barriers.install(None)

    @rule(mode=st.sampled_from(FAULTS), path=st.sampled_from(["/drafts", "/drafts/send", "/gmail/", "/token"]))
    def fault(self, mode: str, path: str) -> None:
        self.run(self.world.fault(mode, path))

    @rule(call=calls, steps=st.integers(2, 8))
    def let_it_run(self, call: Proposed, steps: int) -> None:
        self.run(self.world.drive(call.tool_call_id, steps=steps))

    @rule(seconds=st.sampled_from([1.0, 31.0, 91.0, 200.0]))
    def wait(self, seconds: float) -> None:
        self.world.clock.sleep(seconds)

    @rule()
    def keep_house(self) -> None:
        self.run(gateway.expire_due(self.world.app, self.world.account_id))
        self.run(gateway.find_stuck(self.world.app, self.world.account_id))

    @invariant()
    def the_books_agree(self) -> None:
        if not hasattr(self, "world"):
            return
        sent = [base64.b64decode(one["submitted_b64"]) for one in self.run(self.world.sent())]
        assert len(set(sent)) == len(sent), "a mail was sent twice"
        for mail in sent:
            (call_id,) = [one for one, payload in self.payloads.items() if payload == mail]
            assert call_id in self.approved, "a mail was sent that nobody approved"
            assert call_id not in self.withdrawn, "a mail was sent although it was withdrawn"

    def teardown(self) -> None:
        """In the end, without faults, every call comes to rest, and success means exactly one mail."""
        barriers.install(None)
        try:
            if hasattr(self, "world"):
                self.run(self._finish())
        finally:
            self.run(self.stack.aclose())
            self.loop.close()
            self.home.cleanup()

    async def _finish(self) -> None:
        await self.world.clear_faults()
        for call_id in self.made:
            call = await self.world.drive(call_id, steps=30)
            sent = [
                one
                for one in await self.world.sent()
                if base64.b64decode(one["submitted_b64"]) == self.payloads[call_id]
            ]
            if call.state == "succeeded":
                assert len(sent) == 1
            elif call.state in ENDS or call.state == "awaiting_approval":
                assert sent == []
            else:
                assert call.state == "in_doubt", call
        assert await self.world.incidents() == []


def test_any_life_of_a_call(places: tuple[str, str, str]) -> None:
    Life.places = places
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
