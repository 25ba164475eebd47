"""Reading effects."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from trinity.errors import NotFound
from trinity.kit.envelope import Envelope
from trinity.kit.ids import uuid7_floor
from trinity.store.database import Tx

PAGE_MAX = 200
_CALL = """
    select t.id, t.project_id, p.name as project_name, t.run_id, t.integration_id, i.address as mailbox, t.provider,
           t.operation, t.tier, t.idempotency_key, t.envelope_digest, t.state, t.proof_state, t.reasons, t.act_n,
           t.lease_epoch, t.lease_expires_at, t.not_before, t.expires_at, t.looks, t.supersedes_id, t.requester_kind,
           t.requester_id, t.agent_reason, t.created_at, t.settled_at, t.subject_id,
           t.amount_minor, r.id as approval_id
    from tool_calls t
    join projects p on p.account_id = t.account_id and p.id = t.project_id
    join integrations i on i.account_id = t.account_id and i.id = t.integration_id
    left join approval_requests r on r.account_id = t.account_id and r.tool_call_id = t.id
"""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A proposed or executed effect, as it stands. `reasons` are dicts of policy, code, message."""

    id: UUID
    project_id: UUID
    project_name: str
    run_id: UUID | None
    integration_id: UUID
    mailbox: str
    provider: str
    operation: str
    tier: str
    idempotency_key: str
    envelope_digest: str
    state: str
    proof_state: str
    reasons: list[dict[str, str]]
    act_n: int
    lease_epoch: int
    lease_expires_at: datetime | None
    not_before: datetime | None
    expires_at: datetime
    looks: int
    supersedes_id: UUID | None
    requester_kind: str
    requester_id: str
    agent_reason: str
    created_at: datetime
    settled_at: datetime | None
    subject_id: UUID | None
    amount_minor: int | None
    approval_id: UUID | None


@dataclass(frozen=True, slots=True)
class StoredEnvelope:
    """The envelope's bytes and what they commit to, exactly as stored."""

    canonical: bytes
    digest: str
    payload: bytes
    salt: bytes
    typed_payload: bytes

    def parsed(self) -> Envelope:
        """The envelope; raises `NotCanonical` if the bytes are not one."""
        return Envelope.from_bytes(self.canonical)


@dataclass(frozen=True, slots=True)
class EnvelopeText:
    """What a list shows of an envelope: its canonical bytes and what was asked for, without the payload's bytes."""

    canonical: bytes
    typed_payload: bytes


@dataclass(frozen=True, slots=True)
class Attempt:
    """One step of a call. `outcome` is None while nobody knows how it ended."""

    id: UUID
    act_n: int
    lease_epoch: int
    step_n: int
    step: str
    intent: dict[str, Any]
    started_at: datetime
    outcome: str | None
    result: dict[str, Any] | None
    raw: bytes | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the provider says happened (`kind` sent, draft, provider_record) or what our check of it found."""

    id: UUID
    kind: str
    facts: dict[str, Any]
    raw: bytes
    sha256: str
    created_at: datetime


async def get_tool_call(tx: Tx, call_id: UUID) -> ToolCall:
    """One call, or `NotFound`."""
    row = await tx.one(f"{_CALL} where t.id = %(id)s", {"id": call_id})
    if row is None:
        raise NotFound("tool call")
    return ToolCall(**row)


async def list_tool_calls(
    tx: Tx,
    *,
    run_id: UUID | None = None,
    project_id: UUID | None = None,
    subject_id: UUID | None = None,
    states: list[str] | None = None,
    operations: list[str] | None = None,
    ids: list[UUID] | None = None,
    limit: int = 50,
) -> list[ToolCall]:
    """Calls, newest first, optionally of one run, project or subject, in some states, of some operations, with some ids."""
    rows = await tx.all(
        f"""{_CALL}
        where (%(run)s::uuid is null or t.run_id = %(run)s) and (%(project)s::uuid is null or t.project_id = %(project)s)
          and (%(subject)s::uuid is null or t.subject_id = %(subject)s)
          and (%(states)s::text[] is null or t.state = any(%(states)s))
          and (%(operations)s::text[] is null or t.operation = any(%(operations)s))
          and (%(ids)s::uuid[] is null or t.id = any(%(ids)s))
        order by t.id desc limit %(limit)s
        """,
        {
            "run": run_id,
            "project": project_id,
            "subject": subject_id,
            "states": states,
            "operations": operations,
            "ids": ids,
            "limit": min(limit, PAGE_MAX),
        },
    )
    return [ToolCall(**row) for row in rows]


async def used_keys(tx: Tx, keys: Sequence[str]) -> set[str]:
    """Which of these idempotency keys were given to a call."""
    rows = await tx.all(
        "select idempotency_key from idempotency_keys where idempotency_key = any(%(keys)s)",
        {"keys": list(keys)[:PAGE_MAX]},
    )
    return {row["idempotency_key"] for row in rows}


async def get_envelope(tx: Tx, call_id: UUID) -> StoredEnvelope:
    """The stored bytes of a call, or `NotFound`."""
    row = await tx.one(
        "select canonical, digest, payload, salt, typed_payload from envelopes where id = %(id)s", {"id": call_id}
    )
    if row is None:
        raise NotFound("envelope")
    return StoredEnvelope(**row)


async def list_envelopes(tx: Tx, call_ids: list[UUID]) -> dict[UUID, EnvelopeText]:
    """The texts of several calls' envelopes, by call, in one statement; what is not there is left out."""
    rows = await tx.all(
        "select id, canonical, typed_payload from envelopes where id = any(%(ids)s)", {"ids": call_ids[:PAGE_MAX]}
    )
    return {row.pop("id"): EnvelopeText(**row) for row in rows}


async def list_attempts(tx: Tx, call_id: UUID) -> list[Attempt]:
    """The steps of a call in the order they were begun: the lease's epoch counts, not the clocks of workers."""
    rows = await tx.all(
        "select id, act_n, lease_epoch, step_n, step, intent, started_at, outcome, result, raw, finished_at"
        f" from attempts where tool_call_id = %(id)s order by lease_epoch, step_n, id limit {PAGE_MAX}",
        {"id": call_id},
    )
    return [Attempt(**row) for row in rows]


async def list_receipts(tx: Tx, call_id: UUID) -> list[Receipt]:
    """The receipts of a call, oldest first."""
    rows = await tx.all(
        "select id, kind, facts, raw, sha256, created_at from receipts where tool_call_id = %(id)s"
        f" order by id limit {PAGE_MAX}",
        {"id": call_id},
    )
    return [Receipt(**row) for row in rows]


async def call_of_sent(tx: Tx, integration_id: UUID, message_id: str, since: datetime) -> UUID | None:
    """The call that a provider's sent message was made by, if one of ours was settled with it since then."""
    found: UUID | None = await tx.value(
        "select r.tool_call_id from receipts r"
        " join tool_calls t on t.account_id = r.account_id and t.id = r.tool_call_id"
        " where r.kind = 'sent' and r.facts ->> 'message_id' = %(message)s and t.integration_id = %(integration)s"
        " and r.id > %(floor)s limit 1",
        {"message": message_id, "integration": integration_id, "floor": uuid7_floor(since)},
    )
    return found
