"""Models look at what an agent wrote and at what a stranger wrote: once each, at the exact bytes, and a no stays a no."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from tests.agency.people import Customer, add_text, contact, customer, decide
from tests.scripted_model import Raw, ScriptedModel, text
from tests.world import World
from trinity import agency, effects, gateway, modelrouter
from trinity.gateway import Proposal, Proposed
from trinity.jobs.models import REVIEW_ATTEMPTS_MAX, ModelAway, OrderPaid, Review, Score, SourceDecided
from trinity.jobs.reviewing import judged_text, review_mail, score_text
from trinity.jobs.station import GeneralStation, set_station
from trinity.kit.canonical import digest_hex
from trinity.modelrouter import ModelEndpoint, ModelRouter
from trinity.proof.keys import generate, signer
from trinity.providers.gmail.view import VIEW_BYTES_MAX

YES = {
    "copy_safety": {"verdict": "safe", "dangers": [], "reasons": ["Fine."]},
    "qa": {"verdict": "pass", "faults": [], "reasons": ["Fine."]},
    "score": {"score": 70, "reasons": ["A clear need."]},
}


@dataclass
class Judge:
    """A scripted endpoint that answers each route from a table; `answers` may hold a status instead."""

    answers: dict[str, Any] = field(default_factory=lambda: dict(YES))
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Route and judged text of every question."""

    def __call__(self, body: dict[str, Any]) -> dict[str, Any] | Raw:
        route = body["response_format"]["json_schema"]["name"]
        framed = body["messages"][-1]["content"]
        self.asked.append((route, json.loads(framed.removeprefix("<data>").removesuffix("</data>"))["text"]))
        answer = self.answers[route]
        return Raw(b"", answer) if isinstance(answer, int) else text(json.dumps(answer))


@contextmanager
def judging(world: World, judge: Judge) -> Iterator[ModelRouter]:
    """A router whose endpoint is the judge, and this process as a general worker with it."""

    async def at_once(_: float) -> None:
        return None

    with ScriptedModel([judge], is_looping=True) as model:
        endpoint = ModelEndpoint(model.base_url, "", "scripted", is_sandbox=True)
        router = ModelRouter(world.app.db, world.http, world.clock, {"nvidia": endpoint}, at_once)
        key = signer(generate("test.example/log")[0])
        set_station(GeneralStation(world.app, "", None, Path("/"), key, router))
        try:
            yield router
        finally:
            set_station(None)


def job(told: dict[str, UUID], attempt: int = 1) -> Any:
    return SimpleNamespace(args={name: str(value) for name, value in told.items()}, attempt=attempt)


async def proposed(world: World, **changes: Any) -> Proposed:
    """A mail that an agent has proposed and nobody has looked at."""
    proposal = Proposal(world.project_id, "gmail.send", "one", world.mail(**changes))
    made = await gateway.propose(world.app, world.agent, proposal)
    assert made.state == "proposed"
    return made


async def payload_of(world: World, call_id: UUID) -> bytes:
    async with world.tx() as tx:
        return (await effects.get_envelope(tx, call_id)).payload


async def rows(world: World, **about: UUID) -> list[tuple[str, str, str | None]]:
    async with world.tx() as tx:
        return [(one.route, one.outcome, one.failure) for one in await modelrouter.list_decisions(tx, **about)]


async def test_a_mail_is_judged_by_both_routes_on_its_exact_bytes_once(world: World) -> None:
    made = await proposed(world, subject="An offer", text="Dear Ada, this is an offer.")
    judge = Judge()
    with judging(world, judge) as router:
        for _ in range(2):
            found = await review_mail(world.app.db, router, world.account_id, made.tool_call_id)
            assert (found.is_open, found.is_away) == (True, False)
    assert [route for route, _ in judge.asked] == ["copy_safety", "qa"]
    assert all("Subject: An offer" in said and "Dear Ada, this is an offer." in said for _, said in judge.asked)
    digest = digest_hex(await payload_of(world, made.tool_call_id))
    async with world.tx() as tx:
        for route in ("copy_safety", "qa"):
            assert await modelrouter.passed(tx, made.tool_call_id, route, digest)


@pytest.mark.parametrize(("route", "answer"), [("copy_safety", 500), ("qa", 429)])
async def test_a_model_that_is_away_is_asked_again_and_the_other_is_not(world: World, route: str, answer: int) -> None:
    made = await proposed(world)
    judge = Judge(YES | {route: answer})
    with judging(world, judge) as router:
        first = await review_mail(world.app.db, router, world.account_id, made.tool_call_id)
        judge.answers[route] = YES[route]
        second = await review_mail(world.app.db, router, world.account_id, made.tool_call_id)
    assert (first.is_away, second.is_away) == (True, False)
    assert [asked for asked, _ in judge.asked].count(route) == 4
    assert len(judge.asked) == 5


async def test_a_no_is_final_whatever_is_asked_later(world: World) -> None:
    made = await proposed(world)
    no = {"verdict": "unsafe", "dangers": ["secret"], "reasons": ["A key."]}
    judge = Judge(YES | {"copy_safety": no})
    with judging(world, judge) as router:
        await review_mail(world.app.db, router, world.account_id, made.tool_call_id)
        judge.answers = dict(YES)
        await review_mail(world.app.db, router, world.account_id, made.tool_call_id)
    assert await rows(world, tool_call_id=made.tool_call_id) == [
        ("copy_safety", "blocked", None),
        ("qa", "passed", None),
    ]


async def reviewed(world: World, made: Proposed, attempt: int = 1) -> effects.ToolCall:
    await Review().process(job({"account_id": world.account_id, "tool_call_id": made.tool_call_id}, attempt))
    return await world.call(made.tool_call_id)


async def test_a_mail_that_passes_is_put_before_a_person_and_no_further(world: World) -> None:
    made = await proposed(world)
    with judging(world, Judge()):
        call = await reviewed(world, made)
        assert call.state == "awaiting_approval" and call.approval_id
        assert (await reviewed(world, made)).approval_id == call.approval_id
    assert await world.sent() == []


NOS: list[tuple[str, Any]] = [
    ("copy_safety", {"verdict": "unsafe", "dangers": ["deception"], "reasons": ["A lie."]}),
    ("copy_safety", {"verdict": "safe", "dangers": ["deception"], "reasons": ["A contradiction."]}),
    ("copy_safety", {"verdict": "safe", "reasons": ["Something is missing."]}),
    ("qa", {"verdict": "fail", "faults": ["tone"], "reasons": ["Rude."]}),
    ("qa", "pass"),
    ("qa", 401),
]


@pytest.mark.parametrize(("route", "answer"), NOS)
async def test_whatever_is_not_a_clean_yes_denies(world: World, route: str, answer: Any) -> None:
    made = await proposed(world)
    with judging(world, Judge(YES | {route: answer})):
        call = await reviewed(world, made)
    assert (call.state, call.approval_id) == ("denied", None)
    assert call.reasons


async def test_a_silent_model_leaves_the_call_for_so_many_jobs_and_then_denies(world: World) -> None:
    made = await proposed(world)
    with judging(world, Judge(YES | {"qa": 503})):
        for attempt in (1, REVIEW_ATTEMPTS_MAX - 1):
            with pytest.raises(ModelAway):
                await reviewed(world, made, attempt)
            assert (await world.call(made.tool_call_id)).state == "proposed"
        assert (await reviewed(world, made, REVIEW_ATTEMPTS_MAX)).state == "denied"


async def test_housekeeping_finds_a_proposal_that_nobody_looks_at(world: World) -> None:
    made = await proposed(world)
    args = str(made.tool_call_id)
    assert await gateway.find_stuck(world.app, world.account_id) == 0, "its job is still to come"
    world.tamper("update oban_jobs set state = 'discarded' where args->>'tool_call_id' = %(id)s", id=args)
    assert await gateway.find_stuck(world.app, world.account_id) == 1
    found = world.tamper("select worker from oban_jobs where args->>'tool_call_id' = %(id)s order by id", id=args)
    assert [row["worker"] for row in found] == ["trinity.jobs.models.Review"] * 2


async def test_a_call_that_is_not_proposed_is_left_alone(world: World) -> None:
    made = await world.propose("one", actor=world.owner)
    judge = Judge()
    with judging(world, judge) as router:
        assert not (await review_mail(world.app.db, router, world.account_id, made.tool_call_id)).is_open
    assert judge.asked == []


def test_bytes_that_cannot_be_read_as_a_mail_are_no_text() -> None:
    assert judged_text(b"x" * (VIEW_BYTES_MAX + 1)) == ""


async def test_what_is_judged_names_everybody_and_shows_the_html_too(world: World) -> None:
    made = await proposed(world, bcc=[{"addr": "hidden@customer.example"}], text="Plain words.")
    said = judged_text(await payload_of(world, made.tool_call_id))
    assert "Bcc: hidden@customer.example" in said
    assert said.count("Plain words.") == 2


async def paid(world: World) -> tuple[Customer, UUID]:
    """A paid order with its held run."""
    made = await customer(world)
    await OrderPaid().process(job({"account_id": world.account_id, "order_id": made.order_id}))
    async with world.tx() as tx:
        (run,) = await agency.list_runs(tx)
    return made, run.id


async def test_a_payment_starts_the_run_and_a_release_begins_it_and_has_the_words_rated(world: World) -> None:
    judge = Judge()
    with judging(world, judge):
        made, run_id = await paid(world)
        await OrderPaid().process(job({"account_id": world.account_id, "order_id": made.order_id}))
        await decide(world, made.source_id)
        told = {"account_id": world.account_id, "source_id": made.source_id}
        await SourceDecided().process(job(told))
        (enqueued,) = world.tamper("select args from oban_jobs where worker = 'trinity.jobs.models.Score'")[-1:]
        assert enqueued["args"] == {name: str(value) for name, value in told.items()}
        await Score().process(job(told))
        await Score().process(job(told))
    async with world.tx() as tx:
        run = await agency.get_run(tx, run_id)
        score = await modelrouter.newest_score(tx, made.contact_id)
    assert run.state == "queued"
    assert judge.asked == [("score", "Please look at our shop.")], "the same words are rated once"
    assert score and (score.score, score.run_id, score.subject_id) == (70, run_id, made.contact_id)


async def test_no_quarantined_word_reaches_a_model(world: World) -> None:
    judge = Judge()
    ada = contact(world)
    shut = await add_text(world, "CANARY-SHUT", ada)
    rejected = await add_text(world, "CANARY-REJECTED", ada)
    await decide(world, rejected, is_released=False)
    nobodys = await add_text(world, "CANARY-NOBODYS")
    reply = await add_text(world, "CANARY-REPLY", ada, "inbound_mail")
    for source_id in (nobodys, reply):
        await decide(world, source_id)
    with judging(world, judge) as router:
        for source_id in (shut, rejected, nobodys, reply):
            assert await score_text(world.app.db, router, world.account_id, source_id)
    assert judge.asked == []


async def test_a_rating_is_given_up_after_so_many_jobs(world: World) -> None:
    made = await customer(world)
    await decide(world, made.source_id)
    told = {"account_id": world.account_id, "source_id": made.source_id}
    with judging(world, Judge(YES | {"score": 503})):
        with pytest.raises(ModelAway):
            await Score().process(job(told))
        await Score().process(job(told, 6))
    async with world.tx() as tx:
        assert await modelrouter.newest_score(tx, made.contact_id) is None
