"""One step of an act: written down before it is taken, and how it ended written down after.

A dead worker leaves the first line, and that is enough: a step that was never written was never taken (I5).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from trinity import effects
from trinity.errors import Declined, OutcomeUnknown, ProviderError, Unavailable
from trinity.gateway.house import Rails
from trinity.kit.barriers import reached
from trinity.kit.envelope import Envelope
from trinity.kit.permit import Permit, mint, origin_of

RECONCILE = "reconcile"
"""The step of a look; every other step of a call may have reached the outside world."""
MESSAGE_CHARS_MAX = 500
PERMIT_MARGIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """A committed claim: this call, this epoch, these bytes, until this moment."""

    account_id: UUID
    call_id: UUID
    epoch: int
    act_n: int
    envelope: Envelope
    payload: bytes
    integration_id: UUID
    lease_end: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a call, as its Attempt row names it."""

    n: int
    name: str
    intent: Mapping[str, object]


class Answered(Protocol):
    """A provider's answer to a step: what we keep of it, and the very bytes."""

    @property
    def raw(self) -> bytes:
        """The answer as it came in."""
        ...


async def take[T: Answered](
    rails: Rails,
    claimed: Claimed,
    step: Step,
    call: Callable[[], Awaitable[T]],
    result_of: Callable[[T], Mapping[str, object]],
) -> T:
    """Write the step down, take it, write down how it ended."""
    house = rails.house
    async with house.db.transaction(claimed.account_id, barrier="attempt") as tx:
        now = house.clock()
        attempt_id = await effects.begin_attempt(
            tx, claimed.call_id, claimed.epoch, (step.n, step.name), step.intent, now
        )
    reached("provider.before_call")
    try:
        answer = await call()
    except ProviderError as error:
        message = {"message": str(error)[:MESSAGE_CHARS_MAX]}
        await _finish(rails, claimed, attempt_id, _word_for(error), message, None)
        raise
    reached("provider.after_call")
    await _finish(rails, claimed, attempt_id, "done", result_of(answer), answer.raw)
    return answer


def permit_for(rails: Rails, claimed: Claimed) -> Permit:
    """Leave to act for this call, this epoch, the approved origin alone, until shortly before the lease ends."""
    margin_s = min(PERMIT_MARGIN_S, rails.house.settings.timings.lease_s / 10)
    return mint(
        tool_call_id=claimed.call_id,
        epoch=claimed.epoch,
        operation=claimed.envelope.operation,
        origins=frozenset({origin_of(claimed.envelope.endpoint)}),
        deadline=claimed.lease_end - timedelta(seconds=margin_s),
    )


def _word_for(error: ProviderError) -> str:
    """An error of a kind that says nothing about the outside world is treated as the worst one."""
    kinds = {Declined: "declined", Unavailable: "unavailable", OutcomeUnknown: "unknown"}
    return next((word for kind, word in kinds.items() if isinstance(error, kind)), "unknown")


async def _finish(
    rails: Rails, claimed: Claimed, attempt_id: UUID, outcome: str, result: Mapping[str, object], raw: bytes | None
) -> None:
    async with rails.house.db.transaction(claimed.account_id, barrier="attempt_result") as tx:
        await effects.finish_attempt(tx, attempt_id, outcome, result, raw, rails.house.clock())
