"""The shape of a driver, and what the gateway hands to one."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from trinity.accounts import Project
from trinity.effects import Attempt, Receipt, StoredEnvelope, ToolCall
from trinity.gateway.house import House, Rails
from trinity.gateway.outcome import Outcome, Verdict
from trinity.gateway.payloads import Strict
from trinity.gateway.steps import RECONCILE, Claimed
from trinity.integrations import Integration
from trinity.kit.actor import Actor
from trinity.kit.envelope import Envelope
from trinity.store.database import Tx


@dataclass(frozen=True, slots=True)
class Ask:
    """A proposal whose payload was parsed, before anything of it is bound."""

    house: House
    actor: Actor
    call_id: UUID
    operation: str
    project: Project
    run_id: UUID | None
    payload: Strict
    supersedes: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a payload is about in this account: the integration, the envelope's resource, and the thing itself.

    `amount_minor` is what the effect moves, where it moves money; `earlier_minor` is what earlier calls of the same
    subject have moved or may still move. A driver adds what it needs to materialise.
    """

    integration: Integration
    resource: Mapping[str, str] = field(default_factory=dict)
    subject_id: UUID | None = None
    amount_minor: int | None = None
    earlier_minor: int = 0


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the gateway gives to the bytes: the call's id, its mark at the provider, the moment."""

    call_id: UUID
    token: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Material:
    """The exact bytes that would be sent, and their media type."""

    payload: bytes
    payload_type: str


@dataclass(frozen=True, slots=True)
class Begun:
    """An act whose provider answers: what to note in the spent register, and the steps to take after that."""

    note: Mapping[str, str]
    steps: Callable[[], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Trail:
    """What we wrote down before the end: the steps of all acts, and the register's note from before the first.

    The note lies outside the database, so it is there although a rewound database has forgotten the steps.
    """

    call: ToolCall
    envelope: Envelope
    payload: bytes
    integration: Integration
    attempts: list[Attempt]
    note: Mapping[str, str] | None

    def last(self, step: str) -> Attempt | None:
        """The newest attempt of a step."""
        return next((one for one in reversed(self.attempts) if one.step == step), None)

    def first_act(self) -> Attempt | None:
        """The oldest step that may have reached the provider."""
        return next((one for one in self.attempts if one.step != RECONCILE), None)


@dataclass(frozen=True, slots=True)
class Record:
    """The provider's own record of an effect: what we keep of it, and its whole answer."""

    facts: Mapping[str, object]
    raw: bytes


@dataclass(frozen=True, slots=True)
class Checked:
    """A settled effect beside the provider's record. The sentences are what the two properties say where they hold."""

    record: Record | None
    different: tuple[str, ...]
    is_matched: bool
    says_exact: str
    says_matched: str


@dataclass(frozen=True, slots=True)
class Done:
    """A call that has just ended, in the transaction that ends it. `outcome` is None where it never acted."""

    call_id: UUID
    operation: str
    run_id: UUID | None
    subject_id: UUID | None
    outcome: Outcome | None = None


class Driver(Protocol):
    """What the gateway asks of one provider."""

    provider: str
    prefix: str
    """With which the names of its operations begin."""

    async def resolve(self, tx: Tx, ask: Ask) -> Subject:
        """Find what the payload is about in this account; `Refused` with a code where they do not fit."""
        ...

    def materialise(self, subject: Subject, ask: Ask, stamp: Stamp) -> Material:
        """The bytes, purely; `Refused` (`invalid_payload`) where they cannot be made as asked."""
        ...

    async def begin(self, rails: Rails, claimed: Claimed, integration: Integration) -> Begun:
        """Open the way to the provider, without changing anything there."""
        ...

    async def look(self, rails: Rails, trail: Trail) -> Verdict:
        """What became of an act whose end nobody wrote down, from the provider's own record."""
        ...

    async def check(
        self, rails: Rails, integration: Integration, call: ToolCall, stored: StoredEnvelope, settled: Receipt
    ) -> Checked:
        """Fetch the provider's record of a settled effect and compare it with the approved bytes."""
        ...

    async def settled(self, tx: Tx, done: Done, now: datetime) -> None:
        """What follows from a success, in the transaction that settles it."""
        ...

    async def ended(self, tx: Tx, done: Done, now: datetime) -> None:
        """What follows from any other end, in the transaction that ends it."""
        ...

    async def verified(self, tx: Tx, call: ToolCall, checked: Checked, now: datetime) -> None:
        """What follows once every property that we can check holds, in the verifying transaction."""
        ...
