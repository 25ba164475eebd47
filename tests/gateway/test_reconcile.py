"""What a crash or a bad answer leaves, and what happens next. The judge is the stand-in's books alone."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

import httpx
import pytest

from tests.world import World
from trinity import controls, effects, gateway, integrations
from trinity.gateway import Proposed, Rails
from trinity.gateway.act import UNAVAILABLE_ACTS_MAX
from trinity.gateway.reconcile import LOOKS_MAX
from trinity.gateway.spent import ACTS_MAX
from trinity.kit import barriers

MODES = ("accept_then_drop", "error_after_commit", "reject_500", "unavailable", "429")
CREATE, SEND = "/drafts", "/drafts/send"


class Crash(Exception):
    """The worker dies here."""


@contextmanager
def crash_at(barrier: str, nth: int = 1) -> Iterator[list[str]]:
    """Die at the nth time that a barrier is reached; gives the barriers that were passed."""
    passed: list[str] = []

    def hook(name: str) -> None:
        passed.append(name)
        if name == barrier and passed.count(name) == nth:
            barriers.install(None)
            raise Crash(name)

    barriers.install(hook)
    try:
        yield passed
    finally:
        barriers.install(None)


async def attempts(world: World, call_id: UUID) -> list[tuple[str, str | None]]:
    async with world.tx() as tx:
        return [(one.step, one.outcome) for one in await effects.list_attempts(tx, call_id)]


async def sent_once(world: World, made: Proposed) -> None:
    call = await world.drive(made.tool_call_id)
    assert call.state == "succeeded"
    assert len(await world.sent()) == len(await world.sent_as_approved(made)) == 1
    assert await world.drafts() == []
    await gateway.verify(world.rails, world.account_id, made.tool_call_id)
    assert (await world.call(made.tool_call_id)).proof_state == "pending_receipt"
    assert await world.incidents() == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("path", [CREATE, SEND])
async def test_a_fault_of_the_provider_and_one_mail_all_the_same(world: World, path: str, mode: str) -> None:
    made = await world.approved()
    await world.fault(mode, path, method="POST")
    await world.advance(made.tool_call_id)
    assert (await world.call(made.tool_call_id)).state != "succeeded"
    await sent_once(world, made)


@pytest.mark.parametrize("mode", MODES)
async def test_two_faults_in_a_row_and_one_mail_all_the_same(world: World, mode: str) -> None:
    made = await world.approved()
    await world.fault(mode, SEND, method="POST", times=2)
    await world.fault("unavailable", "/history", times=1)
    await sent_once(world, made)


@pytest.mark.parametrize("path", ["/token", "/profile", "/history", "/messages", "/drafts/r"])
async def test_a_read_that_fails_delays_and_no_more(world: World, path: str) -> None:
    made = await world.approved()
    await world.fault("accept_then_drop", SEND, method="POST")
    await world.fault("unavailable", path, times=2)
    await sent_once(world, made)


@pytest.mark.parametrize("mode", MODES)
async def test_a_draft_is_made_once(world: World, mode: str) -> None:
    made = await world.propose(operation="gmail.draft")
    await world.fault(mode, CREATE, method="POST")
    assert (await world.drive(made.tool_call_id)).state == "succeeded"
    assert len(await world.drafts()) == 1
    assert await world.sent() == []


async def test_a_slow_answer_is_waited_for(world: World) -> None:
    made = await world.approved()
    await world.fault("delay", SEND, method="POST", seconds=0.3)
    await world.advance(made.tool_call_id)
    await sent_once(world, made)


async def test_an_answer_that_comes_after_the_lease_is_one_mail(
    open_world: Callable[..., Awaitable[World]],
) -> None:
    """The provider carries the send out after we gave up on it and, being impatient, asked again."""
    world = await open_world(TRINITY_LEASE_S="1")
    made = await world.approved()
    await world.fault("delay", SEND, method="POST", seconds=1.2)
    await world.advance(made.tool_call_id)
    assert (await world.call(made.tool_call_id)).state == "in_doubt"
    call = await world.drive(made.tool_call_id)
    await asyncio.sleep(0.6)
    call = await world.drive(made.tool_call_id)
    assert call.state == "succeeded"
    assert len(await world.sent()) == 1


CRASHES = [
    ("claim.before_commit", 1),
    ("claim.after_commit", 1),
    ("spend.before", 1),
    ("spend.after", 1),
    *[
        (barrier, nth)
        for barrier in (
            "attempt.before_commit",
            "attempt.after_commit",
            "provider.before_call",
            "provider.after_call",
            "attempt_result.before_commit",
            "attempt_result.after_commit",
        )
        for nth in (1, 2)
    ],
    ("settle.before_commit", 1),
    ("settle.after_commit", 1),
]


@pytest.mark.parametrize(("barrier", "nth"), CRASHES)
async def test_a_worker_that_dies_leaves_one_mail(world: World, barrier: str, nth: int) -> None:
    made = await world.approved()
    with crash_at(barrier, nth), pytest.raises(Crash):
        await world.advance(made.tool_call_id)
    await sent_once(world, made)


@pytest.mark.parametrize(
    "barrier",
    ["reconcile.before_take_over", "reconcile.after_take_over", "reconcile.after_look_up", "settle.before_commit"],
)
@pytest.mark.parametrize("first", ["spend.after", "provider.before_call", "provider.after_call"])
async def test_a_reconciler_that_dies_as_well_leaves_one_mail(world: World, first: str, barrier: str) -> None:
    made = await world.approved()
    with crash_at(first, 2 if first.startswith("provider") else 1), pytest.raises(Crash):
        await world.advance(made.tool_call_id)
    later = await world.advance(made.tool_call_id)
    assert later is not None
    world.clock.now = later.at
    with crash_at(barrier), pytest.raises(Crash):
        await world.advance(made.tool_call_id)
    await sent_once(world, made)


class Gate(httpx.AsyncBaseTransport):
    """Holds the first request that fits until it is let go: a worker that is paused at the worst moment."""

    def __init__(self, method: str, path_end: str) -> None:
        self.wanted = (method, path_end)
        self.reached, self.open = asyncio.Event(), asyncio.Event()
        self.inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Wait at the gate if it is the one, then go on as if nothing had been."""
        method, path_end = self.wanted
        if request.method == method and request.url.path.endswith(path_end) and not self.reached.is_set():
            self.reached.set()
            await self.open.wait()
        return await self.inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close what is behind the gate."""
        await self.inner.aclose()


@pytest.mark.parametrize(
    ("method", "path_end", "event", "drafts"),
    [
        ("GET", "/profile", "tool_call.stale_step", 0),
        ("POST", "/drafts", "tool_call.stale_step", 1),
        ("POST", "/drafts/send", "tool_call.stale_settle", 0),
    ],
)
async def test_a_worker_back_from_the_dead_is_refused_and_recorded(
    world: World, method: str, path_end: str, event: str, drafts: int
) -> None:
    made = await world.approved()
    gate = Gate(method, path_end)
    async with httpx.AsyncClient(transport=gate) as http:
        paused = asyncio.create_task(
            gateway.advance(replace(world.rails, http=http), world.account_id, made.tool_call_id)
        )
        await asyncio.wait_for(gate.reached.wait(), 5)
        world.clock.sleep(91)
        call = await world.drive(made.tool_call_id)
        assert call.state == "succeeded"
        assert len(await world.sent()) == 1
        gate.open.set()
        assert await asyncio.wait_for(paused, 10) is None
    assert len(await world.events(event)) == 1
    assert (await world.call(made.tool_call_id)).state == "succeeded"
    assert len(await world.sent()) == 1
    assert len(await world.drafts()) == drafts
    assert await world.incidents() == []


async def test_a_late_settlement_is_refused_while_another_holds_the_lease(world: World) -> None:
    """The one who was away did send, but the call is another's by now: that one finds the mail and settles."""
    made = await world.approved()
    gate = Gate("POST", "/drafts/send")
    async with httpx.AsyncClient(transport=gate) as http:
        late = replace(world.rails, http=http)
        paused = asyncio.create_task(gateway.advance(late, world.account_id, made.tool_call_id))
        await asyncio.wait_for(gate.reached.wait(), 5)
        world.clock.sleep(91)
        with crash_at("reconcile.after_take_over"), pytest.raises(Crash):
            await world.advance(made.tool_call_id)
        gate.open.set()
        await asyncio.wait_for(paused, 10)
    call = await world.call(made.tool_call_id)
    assert (call.state, call.lease_epoch) == ("executing", 2)
    assert len(await world.events("tool_call.stale_settle")) == 1
    await sent_once(world, made)


async def test_two_reconcilers_at_once_are_one(world: World) -> None:
    made = await world.approved()
    await world.fault("accept_then_drop", SEND, method="POST")
    await world.advance(made.tool_call_id)
    world.clock.sleep(120)
    await asyncio.gather(*(world.advance(made.tool_call_id) for _ in range(8)))
    assert (await world.call(made.tool_call_id)).state == "succeeded"
    assert len(await world.events("tool_call.reconciling")) == 1
    assert [step for step, _ in await attempts(world, made.tool_call_id)].count("reconcile") == 1
    assert len(await world.sent()) == 1


async def test_what_nobody_can_tell_is_held_and_never_sent_again(world: World) -> None:
    made = await world.approved()
    await world.fault("accept_then_drop", SEND, method="POST")
    await world.advance(made.tool_call_id)
    forget = {"mailbox": world.mailbox}
    (await world.http.post(f"{world.gmail_url}/_sandbox/forget-history", json=forget)).raise_for_status()
    call = await world.drive(made.tool_call_id, steps=40)
    assert (call.state, call.proof_state, call.looks) == ("in_doubt", "manual_review_required", LOOKS_MAX)
    assert [one["code"] for one in call.reasons] == ["cannot_tell"]
    for _ in range(3):
        world.clock.sleep(86_400)
        assert await world.advance(made.tool_call_id) is None
    assert await gateway.find_stuck(world.app, world.account_id) == 0
    assert len(await world.sent()) == 1


async def test_a_look_that_outlives_its_lease_counts_and_does_not_go_on_for_ever(
    open_world: Callable[..., Awaitable[World]], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await open_world(TRINITY_LEASE_S="0.3")
    made = await world.approved()
    with crash_at("spend.after"), pytest.raises(Crash):
        await world.advance(made.tool_call_id)

    async def slow(*_: object, **__: object) -> None:
        await asyncio.sleep(0.5)
        world.clock.sleep(0.5)

    monkeypatch.setattr("trinity.providers.gmail.read.sent_since", slow)
    world.clock.sleep(60)
    await world.advance(made.tool_call_id)
    call = await world.call(made.tool_call_id)
    assert (call.state, call.looks) == ("in_doubt", 1)
    assert [one["message"] for one in call.reasons] == ["the look took longer than its lease"]


async def test_a_look_that_cannot_reach_the_end_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = await world.approved()
    await world.fault("accept_then_drop", SEND, method="POST")
    await world.advance(made.tool_call_id)
    monkeypatch.setattr("trinity.providers.gmail.read.CANDIDATES_MAX", 0)
    call = await world.drive(made.tool_call_id, steps=40)
    assert (call.state, call.looks) == ("in_doubt", LOOKS_MAX)
    assert len(await world.sent()) == 1


async def test_a_mail_that_a_person_deleted_is_not_sent_again(world: World) -> None:
    """The draft is gone and no sent mail is there: nobody can tell, so nobody sends."""
    made = await world.approved()
    with crash_at("provider.before_call", 2), pytest.raises(Crash):
        await world.advance(made.tool_call_id)
    (draft,) = await world.drafts()
    token = await access_token(world)
    url = f"{world.gmail_url}/gmail/v1/users/me/drafts/{draft['draft_id']}"
    (await world.http.delete(url, headers={"authorization": f"Bearer {token}"})).raise_for_status()
    call = await world.drive(made.tool_call_id, steps=40)
    assert call.state == "in_doubt"
    assert await world.sent() == []


async def access_token(world: World) -> str:
    """A token of the mailbox's owner, who deletes things by hand."""
    async with world.tx() as tx:
        (mailbox,) = await integrations.list_integrations(tx)
    client = await world.rails.client(world.account_id, mailbox)
    return await client._access_token()


async def test_a_provider_that_is_away_leaves_the_call_in_doubt_until_it_is_back(world: World) -> None:
    made = await world.approved()
    await world.fault("accept_then_drop", SEND, method="POST")
    await world.advance(made.tool_call_id)
    await world.fault("unavailable", "/gmail/", times=3)
    world.clock.sleep(120)
    await world.advance(made.tool_call_id)
    assert (await world.call(made.tool_call_id)).state == "in_doubt"
    await world.clear_faults()
    await sent_once(world, made)


async def test_a_reconciliation_without_a_credential_holds_the_call(world: World) -> None:
    made = await world.approved()
    await world.fault("accept_then_drop", SEND, method="POST")
    await world.advance(made.tool_call_id)
    world.clock.sleep(120)
    wrong: Rails = replace(world.rails, encryption_key=b"another key of thirty-two bytes!")
    await gateway.advance(wrong, world.account_id, made.tool_call_id)
    assert (await world.call(made.tool_call_id)).state == "in_doubt"
    await sent_once(world, made)


async def test_a_provider_that_never_lets_us_begin_is_given_up_on(world: World) -> None:
    made = await world.approved()
    await world.fault("429", CREATE, method="POST", times=1_000)
    call = await world.drive(made.tool_call_id, steps=60)
    assert (call.state, call.act_n) == ("failed", UNAVAILABLE_ACTS_MAX)
    assert await world.sent() == []
    assert await world.incidents() == []


async def test_a_provider_that_always_puts_us_off_is_given_up_on_without_an_alarm(world: World) -> None:
    made = await world.approved()
    for n in range(1, ACTS_MAX - 1):
        world.rails.spent.record_absence(made.envelope_digest, n, {"because": "it was put off"})
    world.tamper("update tool_calls set act_n = %(n)s where id = %(id)s", n=ACTS_MAX - 1, id=made.tool_call_id)
    world.tamper("update approval_requests set state = 'spent' where id = %(id)s", id=made.approval_id)
    await world.fault("429", SEND, method="POST", times=1_000)
    call = await world.drive(made.tool_call_id)
    assert (call.state, call.act_n) == ("failed", ACTS_MAX)
    assert [one["code"] for one in call.reasons] == ["gave_up"]
    assert await world.incidents() == []
    async with world.tx() as tx:
        assert (await controls.get_posture(tx)).mode == "live"
    assert await world.sent() == []


async def test_a_refusal_of_the_provider_is_an_end(world: World) -> None:
    made = await world.approved()
    (await world.http.post(f"{world.gmail_url}/_sandbox/revoke", json={"mailbox": world.mailbox})).raise_for_status()
    call = await world.drive(made.tool_call_id)
    assert (call.state, call.proof_state) == ("failed", "failed")
    assert await world.sent() == []


async def test_a_retry_passes_every_policy_again(world: World) -> None:
    made = await world.approved()
    await world.fault("429", SEND, method="POST")
    await world.advance(made.tool_call_id)
    async with world.tx() as tx:
        await controls.tighten(tx, world.owner, "hold", "Stop.", world.clock())
    call = await world.drive(made.tool_call_id)
    assert (call.state, [one["code"] for one in call.reasons]) == ("denied", ["posture"])
    assert await world.sent() == []
