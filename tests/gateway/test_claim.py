"""Claiming: only what is approved, current and ready, by one worker at a time, and never what was spent."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from tests.world import World
from trinity import agency, controls, effects, gateway, integrations
from trinity.agency import NewRun
from trinity.gateway import Later, Proposal, Proposed, Rails, SpentRegister
from trinity.gateway.claim import claim
from trinity.gateway.steps import Claimed
from trinity.kit.actor import Actor
from trinity.kit.canonical import canonical_bytes, rfc3339
from trinity.store.database import Database

type Open = Callable[..., Awaitable[World]]

REWIND = "update tool_calls set state = 'ready', act_n = 1, not_before = null, settled_at = null where id = %(id)s"
UNSPEND = "update approval_requests set state = 'approved', spent_at = null where tool_call_id = %(id)s"
FORGET = "delete from {} where tool_call_id = %(id)s"


def rewind(world: World, call_id: UUID) -> None:
    """The database as it stood after the approval, before the claim."""
    world.tamper(REWIND, id=call_id)
    world.tamper(UNSPEND, id=call_id)
    for table in ("attempts", "receipts"):
        world.tamper(FORGET.format(table), id=call_id)


def with_settings(rails: Rails, **changes: object) -> Rails:
    settings = replace(rails.house.settings, **changes)  # type: ignore[arg-type]
    return replace(rails, house=replace(rails.house, settings=settings))


async def reasons(world: World, made: Proposed) -> tuple[str, set[str]]:
    call = await world.call(made.tool_call_id)
    return call.state, {one["code"] for one in call.reasons}


async def test_what_nobody_approved_is_not_claimed(world: World) -> None:
    made = await world.propose()
    for _ in range(3):
        assert await world.advance(made.tool_call_id) is None
        world.clock.sleep(60)
    assert (await world.call(made.tool_call_id)).state == "awaiting_approval"
    assert await world.sent() == [] and await world.drafts() == []


async def test_a_rejected_call_is_never_sent(world: World) -> None:
    made = await world.propose()
    await world.decide(made, "reject")
    world.clock.sleep(60)
    assert (await world.drive(made.tool_call_id)).state == "rejected"
    assert await world.sent() == []


async def test_an_approval_that_ran_out_before_the_claim_is_expired(world: World) -> None:
    made = await world.approved()
    world.clock.sleep(86_400)
    await world.advance(made.tool_call_id)
    assert await reasons(world, made) == ("expired", {"expired"})
    assert await world.sent() == []
    assert await world.incidents() == []


async def test_housekeeping_ends_what_ran_out(world: World) -> None:
    made = await world.approved()
    world.clock.sleep(86_400)
    assert await gateway.expire_due(world.app, world.account_id) == 1
    await world.advance(made.tool_call_id)
    assert (await world.call(made.tool_call_id)).state == "expired"
    assert (await world.request(made.approval_id)).state == "expired"
    assert await world.sent() == []


async def test_an_endpoint_that_is_no_longer_a_sandbox_is_live_and_denied(world: World) -> None:
    made = await world.approved()
    await gateway.advance(with_settings(world.rails, sandbox_origins=frozenset()), world.account_id, made.tool_call_id)
    assert await reasons(world, made) == ("denied", {"endpoint_changed"})
    assert await world.sent() == []


async def test_an_assertion_that_nobody_verified_opens_no_live_endpoint(open_world: Open) -> None:
    """Rows that say `approved` with some bytes as an assertion, where a passkey is needed."""
    world = await open_world(TRINITY_SANDBOX_ENDPOINTS="http://127.0.0.1:1")
    made = await world.propose()
    assert world.settings.mode_of(world.gmail_url) == "live"
    world.tamper("update tool_calls set state = 'ready' where id = %(id)s", id=made.tool_call_id)
    world.tamper("update approval_requests set state = 'approved' where id = %(id)s", id=made.approval_id)
    request = await world.request(made.approval_id)
    said = canonical_bytes(
        {
            "schema": "trinity/decision/v1",
            "account_id": str(world.account_id),
            "request_id": str(made.approval_id),
            "tool_call_id": str(made.tool_call_id),
            "envelope_digest": made.envelope_digest,
            "decision": "approve",
            "approver_id": str(world.owner_id),
            "role": "owner",
            "reason_sha256": "0" * 64,
            "issued_at": rfc3339(world.clock()),
            "expires_at": rfc3339(request.expires_at),
            "nonce": "00",
        }
    )
    world.tamper(
        "insert into approval_decisions (account_id, id, request_id, approver_id, decision, statement, assertion, decided_at)"
        " values (%(account)s, gen_random_uuid(), %(request)s, %(by)s, 'approve', %(said)s, %(assertion)s, now())",
        request=made.approval_id,
        by=world.owner_id,
        said=said,
        assertion=b"any bytes",
    )
    await world.drive(made.tool_call_id)
    assert await reasons(world, made) == ("denied", {"quorum_missing"})
    assert await world.sent() == []


async def test_a_suspended_mailbox_sends_nothing(world: World) -> None:
    made = await world.approved()
    async with world.tx() as tx:
        (mailbox,) = await integrations.list_integrations(tx)
        await integrations.suspend(tx, world.owner, mailbox.id, "because", world.clock())
    await world.drive(made.tool_call_id)
    assert await reasons(world, made) == ("denied", {"not_ready"})
    assert await world.sent() == []


async def test_a_withdrawn_grant_suspends_the_mailbox(world: World) -> None:
    made, later = await world.approved(), await world.approved("later")
    revoke = {"mailbox": world.mailbox}
    (await world.http.post(f"{world.gmail_url}/_sandbox/revoke", json=revoke)).raise_for_status()
    await world.drive(made.tool_call_id)
    assert await reasons(world, made) == ("failed", {"mailbox_disconnected"})
    await world.drive(later.tool_call_id)
    assert await reasons(world, later) == ("denied", {"not_ready"})
    assert await world.sent() == []


async def test_a_credential_that_does_not_open_fails_the_call_before_anything_leaves(world: World) -> None:
    made, later = await world.approved(), await world.approved("later")
    wrong = replace(world.rails, encryption_key=b"another key of thirty-two bytes!")
    await gateway.advance(wrong, world.account_id, made.tool_call_id)
    assert await reasons(world, made) == ("failed", {"credential_invalid"})
    world.tamper("delete from integration_credentials where account_id = %(account)s")
    await world.drive(later.tool_call_id)
    assert await reasons(world, later) == ("failed", {"credential_missing"})
    assert await world.sent() == [] and await world.drafts() == []


async def test_a_stopped_run_acts_no_more(world: World) -> None:
    async with world.tx() as tx:
        run_id = await agency.start_run(tx, world.owner, NewRun(world.project_id, "Write."), world.clock())
    agent = Actor(world.account_id, "agent", str(run_id))
    proposal = Proposal(world.project_id, "gmail.send", "run/1", world.mail(), run_id=run_id)
    made = await world.reviewed(await gateway.propose(world.app, agent, proposal))
    await world.approve(made)
    async with world.tx() as tx:
        await agency.stop_run(tx, world.owner, run_id, world.clock())
    world.clock.sleep(31)
    await world.drive(made.tool_call_id)
    assert await reasons(world, made) == ("denied", {"run_stopped"})
    assert await world.sent() == []


@pytest.mark.parametrize("mode", ["draft_only", "read_only", "hold"])
async def test_a_tightened_posture_stops_what_was_approved(world: World, mode: str) -> None:
    made = await world.approved()
    async with world.tx() as tx:
        await controls.tighten(tx, world.owner, mode, "Stop.", world.clock())
    draft = await world.propose("draft", operation="gmail.draft")
    await world.drive(made.tool_call_id)
    await world.drive(draft.tool_call_id)
    assert await reasons(world, made) == ("denied", {"posture"})
    assert (await world.call(draft.tool_call_id)).state == ("succeeded" if mode == "draft_only" else "denied")
    assert await world.sent() == []


async def test_tightening_waits_for_claims_and_claims_wait_for_tightening(world: World) -> None:
    """After "on hold" is answered, nothing new starts: every claim is either before it or sees it."""
    made = [await world.approved(f"key-{n}") for n in range(6)]
    at_hold: set[UUID | None] = set()
    in_flight: list[UUID] = []

    async def tighten() -> None:
        async with world.tx() as tx:
            in_flight.extend(await controls.tighten(tx, world.owner, "hold", "Stop.", world.clock()))
        at_hold.update(one.subject_id for one in await world.events("tool_call.claimed"))

    acting = [world.advance(one.tool_call_id) for one in made]
    await asyncio.gather(*acting[:2], tighten(), *acting[2:])
    claimed = await world.events("tool_call.claimed")
    assert len(await world.sent()) == len(claimed)
    states = [(await world.call(one.tool_call_id)).state for one in made]
    assert states.count("succeeded") == len(claimed)
    assert states.count("denied") == 6 - len(claimed)
    late = await world.propose("late")
    await world.approve(late)
    world.clock.sleep(31)
    await world.drive(late.tool_call_id)
    assert (await world.call(late.tool_call_id)).state == "denied"
    assert {one.subject_id for one in claimed} == at_hold, "a claim was committed after the hold was answered"
    assert set(in_flight) <= at_hold


async def test_eight_executors_send_once(world: World) -> None:
    made = [await world.approved(f"key-{n}") for n in range(3)]
    url = world.settings.executor_database_url
    assert url
    databases = [Database(url, size=4, name=f"executor-{n}") for n in range(8)]
    try:
        workers = []
        for db in databases:
            await db.__aenter__()
            workers.append(replace(world.rails, house=replace(world.rails.house, db=db)))
        calls = [
            gateway.advance(worker, world.account_id, one.tool_call_id)
            for worker in workers
            for one in made
            for _ in "12"
        ]
        await asyncio.gather(*calls)
    finally:
        for db in databases:
            await db.__aexit__()
    assert [(await world.call(one.tool_call_id)).state for one in made] == ["succeeded"] * 3
    assert len(await world.sent()) == 3
    for one in made:
        assert len(await world.sent_as_approved(one)) == 1
    assert len(await world.events("tool_call.claimed")) == 3


async def test_a_rewound_database_sends_nothing_twice(world: World) -> None:
    made = await world.approved()
    await world.drive(made.tool_call_id)
    rewind(world, made.tool_call_id)
    other = await world.approved("other")
    await world.drive(made.tool_call_id)
    assert await reasons(world, made) == ("failed", {"collision"})
    assert await world.incidents() == ["spent_register_collision"]
    async with world.tx() as tx:
        assert (await controls.get_posture(tx)).mode == "hold"
    await world.drive(other.tool_call_id)
    assert await reasons(world, other) == ("denied", {"posture"})
    assert len(await world.sent()) == 1


@pytest.mark.parametrize("act_n", [1, 2, 3, 7])
async def test_a_database_rewound_into_the_act_sends_nothing_twice(world: World, act_n: int) -> None:
    """As if the worker had died right after the claim, and no step had been taken: the provider knows better."""
    made = await world.approved()
    await world.drive(made.tool_call_id)
    rewind(world, made.tool_call_id)
    world.tamper(
        "update tool_calls set state = 'executing', lease_expires_at = now() - interval '1 day', act_n = %(n)s where id = %(id)s",
        id=made.tool_call_id,
        n=act_n,
    )
    await world.drive(made.tool_call_id)
    assert (await world.call(made.tool_call_id)).state == "succeeded"
    assert len(await world.sent()) == 1


async def test_a_changed_step_does_not_lead_to_a_second_mail(world: World) -> None:
    """The step that sent names another draft that is still there: absence would be believed from it."""
    made = await world.approved()
    await world.drive(made.tool_call_id)
    draft = await world.propose("draft", operation="gmail.draft")
    await world.drive(draft.tool_call_id)
    (there,) = await world.drafts()
    world.tamper("delete from receipts where tool_call_id = %(id)s", id=made.tool_call_id)
    world.tamper(
        "update attempts set intent = jsonb_set(intent, '{draft_id}', to_jsonb(%(draft)s::text)) where tool_call_id = %(id)s",
        id=made.tool_call_id,
        draft=there["draft_id"],
    )
    world.tamper(
        "update tool_calls set state = 'in_doubt', settled_at = null, lease_expires_at = now() - interval '1 day'"
        " where id = %(id)s",
        id=made.tool_call_id,
    )
    await world.drive(made.tool_call_id)
    assert (await world.call(made.tool_call_id)).state == "succeeded"
    assert len(await world.sent()) == 1


async def test_a_rewind_to_an_act_that_was_given_up_sends_nothing_twice(world: World) -> None:
    """The first act never came to spend; the second sent. Rewound, the first must not be taken now."""
    made = await world.approved()
    await world.fault("unavailable", "/token", times=1)
    await world.advance(made.tool_call_id)
    assert (await world.call(made.tool_call_id)).act_n == 2
    await world.drive(made.tool_call_id)
    assert len(await world.sent()) == 1
    rewind(world, made.tool_call_id)
    await world.drive(made.tool_call_id)
    assert await reasons(world, made) == ("failed", {"collision"})
    assert len(await world.sent()) == 1


async def test_without_its_register_a_rewind_could_not_be_seen(world: World, tmp_path: Path) -> None:
    """The register is what holds: the same rewind over an empty one sends again. (So: keep it, and back it up.)"""
    made = await world.approved()
    await world.drive(made.tool_call_id)
    rewind(world, made.tool_call_id)
    shutil.rmtree(tmp_path / "spent")
    register = SpentRegister((tmp_path / "spent").as_uri())
    await gateway.advance(replace(world.rails, spent=register), world.account_id, made.tool_call_id)
    assert len(await world.sent()) == 2


async def test_a_lease_that_runs_is_left_alone(world: World) -> None:
    made = await world.approved()
    claimed = await claim(world.rails.house, world.account_id, made.tool_call_id)
    assert isinstance(claimed, Claimed)
    timings = world.settings.timings
    due = claimed.lease_end + timedelta(seconds=timings.provider_timeout_s + timings.reconcile_margin_s)
    assert await world.advance(made.tool_call_id) == Later(due)
    world.clock.now = due - timedelta(milliseconds=2)
    assert await world.advance(made.tool_call_id) == Later(due)
    assert (await world.call(made.tool_call_id)).lease_epoch == claimed.epoch


async def test_a_stuck_call_gets_a_job_again(world: World) -> None:
    made = await world.approved()
    assert await gateway.find_stuck(world.app, world.account_id) == 0
    world.tamper("delete from oban_jobs where args->>'account_id' = %(me)s", me=str(world.account_id))
    assert await gateway.find_stuck(world.app, world.account_id) == 1
    assert await gateway.find_stuck(world.app, world.account_id) == 0
    await world.drive(made.tool_call_id)
    assert await gateway.find_stuck(world.app, world.account_id) == 0


async def test_a_proof_that_lost_its_job_gets_one_again_until_it_is_made(world: World) -> None:
    made = await world.approved()
    await world.drive(made.tool_call_id)
    for _ in range(2):
        world.tamper("delete from oban_jobs where args->>'account_id' = %(me)s", me=str(world.account_id))
        assert await gateway.find_stuck(world.app, world.account_id) == 1
        assert await gateway.find_stuck(world.app, world.account_id) == 0
        assert await workers_of(world, made) == ["Verify"]
        await gateway.verify(world.rails, world.account_id, made.tool_call_id)
        assert await workers_of(world, made) == ["Verify", "Packet"]
    async with world.tx() as tx:
        await effects.set_proof_state(tx, made.tool_call_id, "verified")
    world.tamper("delete from oban_jobs where args->>'account_id' = %(me)s", me=str(world.account_id))
    assert await gateway.find_stuck(world.app, world.account_id) == 0


async def workers_of(world: World, made: Proposed) -> list[str]:
    rows = world.tamper(
        "select worker from oban_jobs where args->>'tool_call_id' = %(id)s order by id", id=str(made.tool_call_id)
    )
    return [row["worker"].rpartition(".")[2] for row in rows]
