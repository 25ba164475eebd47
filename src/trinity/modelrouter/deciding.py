"""Asking a model for a decision. Every attempt is a row, and whatever is not a clean yes blocks.

The network is asked with no transaction open; a row is written after each attempt. Asking has no effect outside, so an
endpoint that is busy or failed is asked again, a bounded number of times and as it says itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import httpx
from psycopg.types.json import Jsonb

from trinity import audit
from trinity.errors import ProviderError, Refused, Unavailable
from trinity.kit.actor import Actor
from trinity.kit.canonical import digest_hex, is_text
from trinity.kit.ids import uuid7
from trinity.modelrouter.asking import NotAnAnswer, kept, request_of, verdict_of
from trinity.modelrouter.endpoint import ModelEndpoint
from trinity.modelrouter.proxy import TIMED_OUT, exchange
from trinity.modelrouter.queries import AWAY, ModelDecision
from trinity.modelrouter.routes import PROVIDERS, ROUTES, Route
from trinity.store.database import Database

ATTEMPTS_MAX = 3
WAIT_S = 0.5
WAIT_S_MAX = 5.0
"""An endpoint that wants us to wait longer is asked again by the next job, not by this one."""

FAILURES = {
    "model_answer_malformed": "malformed_answer",
    "model_answer_too_large": "answer_too_large",
    "model_key_refused": "key_refused",
    "model_not_offered": "model_not_offered",
    "model_declined": "declined",
    "model_failed": "provider_failed",
    TIMED_OUT: "timed_out",
    "unavailable": "unavailable",
    "outcome_unknown": "no_answer",
}
"""What a failure of the wire is called in a decision's row."""


@dataclass(frozen=True, slots=True)
class ModelRouter:
    """Who can be asked: endpoints by the protocol they speak. Only the general worker holds one with a key."""

    db: Database
    http: httpx.AsyncClient
    clock: Callable[[], datetime]
    endpoints: Mapping[str, ModelEndpoint] = field(default_factory=dict)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True)
class Question:
    """A text to judge. `input_sha256` is the digest of what it was taken from: a mail's bytes, a source's text."""

    account_id: UUID
    route: str
    text: str
    input_sha256: str
    run_id: UUID | None = None
    tool_call_id: UUID | None = None
    subject_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What came of asking once."""

    outcome: str
    failure: str | None = None
    verdict: dict[str, object] | None = None
    request: bytes = b""
    response: bytes = b""
    retry_after_s: float | None = None


async def decide(router: ModelRouter, question: Question) -> ModelDecision:
    """Ask until there is an answer or nothing more to try; the last attempt's row is the decision."""
    for number in range(1, ATTEMPTS_MAX + 1):
        route, endpoint, attempt = await _ask(router, question)
        made = await _store(router, question, route, endpoint, attempt)
        wait_s = attempt.retry_after_s if attempt.retry_after_s is not None else WAIT_S * 2 ** (number - 1)
        if attempt.failure not in AWAY or number == ATTEMPTS_MAX or wait_s > WAIT_S_MAX:
            break
        await router.sleep(wait_s)
    return made


async def _ask(router: ModelRouter, question: Question) -> tuple[Route | None, ModelEndpoint | None, _Attempt]:
    route = ROUTES.get(question.route)
    if route is None:
        return None, None, _Attempt("failed", "route_missing")
    if route.provider not in PROVIDERS:
        return route, None, _Attempt("failed", "provider_unknown")
    endpoint = router.endpoints.get(route.provider)
    if endpoint is None:
        return route, None, _Attempt("failed", "not_configured")
    if not 1 <= len(question.text) <= route.text_chars_max or not is_text(question.text):
        return route, endpoint, _Attempt("failed", "input_refused")
    try:
        request = request_of(route, endpoint, question.text)
    except Refused:
        return route, endpoint, _Attempt("failed", "input_refused")
    return route, endpoint, await _exchanged(router, route, endpoint, request)


async def _exchanged(router: ModelRouter, route: Route, endpoint: ModelEndpoint, request: bytes) -> _Attempt:
    response = b""
    try:
        found = kept(await exchange(endpoint, router.http, request))
        response = found.raw
        answer = verdict_of(route, found.completion)
    except ProviderError as error:
        waits = error.retry_after_s if isinstance(error, Unavailable) else None
        return _Attempt("failed", FAILURES.get(error.code, "no_answer"), request=request, retry_after_s=waits)
    except NotAnAnswer as error:
        return _Attempt("failed", error.failure, request=request, response=response)
    except (ValueError, RecursionError):
        return _Attempt("failed", "malformed_answer", request=request)
    outcome = "passed" if answer.is_passing else "blocked"
    return _Attempt(outcome, None, answer.model_dump(mode="json"), request, response)


async def _store(
    router: ModelRouter, question: Question, route: Route | None, endpoint: ModelEndpoint | None, attempt: _Attempt
) -> ModelDecision:
    """Write one attempt down, as it was."""
    now = router.clock()
    made = ModelDecision(
        id=uuid7(now),
        run_id=question.run_id,
        tool_call_id=question.tool_call_id,
        subject_id=question.subject_id,
        route=question.route if route else _as_name(question.route),
        provider=endpoint.provider if endpoint else route.provider if route else "none",
        model=endpoint.model if endpoint else "none",
        input_sha256=question.input_sha256,
        request_sha256=digest_hex(attempt.request),
        response=attempt.response,
        verdict=attempt.verdict,
        outcome=attempt.outcome,
        failure=attempt.failure,
        created_at=now,
    )
    async with router.db.transaction(question.account_id, barrier="model_decision") as tx:
        await tx.execute(
            """
            insert into model_decisions (account_id, id, run_id, tool_call_id, subject_id, route, provider, model,
                                         input_sha256, request_sha256, response, verdict, outcome, failure, created_at)
            values (%(a)s, %(id)s, %(run)s, %(call)s, %(subject)s, %(route)s, %(provider)s, %(model)s, %(input)s,
                    %(request)s, %(response)s, %(verdict)s, %(outcome)s, %(failure)s, %(now)s)
            """,
            {
                "a": tx.account_id,
                "id": made.id,
                "run": made.run_id,
                "call": made.tool_call_id,
                "subject": made.subject_id,
                "route": made.route,
                "provider": made.provider,
                "model": made.model,
                "input": made.input_sha256,
                "request": made.request_sha256,
                "response": made.response,
                "verdict": Jsonb(made.verdict) if made.verdict is not None else None,
                "outcome": made.outcome,
                "failure": made.failure,
                "now": now,
            },
        )
        facts = {"route": made.route, "outcome": made.outcome, "input_sha256": made.input_sha256}
        facts |= {"failure": made.failure} if made.failure else {}
        actor = Actor.system(tx.account_id, "modelrouter")
        await audit.record(tx, actor, "model.decided", ("model_decision", made.id), now, facts)
        topics = {"run": made.run_id, "call": made.tool_call_id, "subject": made.subject_id}
        tx.notify(*(f"{name}:{id_}" for name, id_ in topics.items() if id_))
    return made


def _as_name(route: str) -> str:
    """A name that can stand in a row for a route that is none of ours."""
    return "".join(one if "a" <= one <= "z" else "_" for one in route.lower()[:40]) or "_"
