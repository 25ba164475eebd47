"""Writing effects down."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from trinity.effects.models import ENDS
from trinity.errors import NotFound, TrinityError
from trinity.kit.canonical import digest_hex
from trinity.kit.envelope import Envelope
from trinity.kit.ids import uuid7
from trinity.store.database import Row, Tx

RAW_BYTES_MAX = 8_000_000
"""More than a provider's record of the largest mail that a payload can say."""


class StaleLease(TrinityError):
    """A worker came back after its lease was taken over: its step or its settlement is refused."""

    code = "stale_lease"


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound action, ready to be stored: the envelope and the bytes that it commits to."""

    envelope: Envelope
    payload: bytes
    salt: bytes
    typed_payload: bytes
    integration_id: UUID
    agent_reason: str
    subject_id: UUID | None = None
    amount_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that has just come to an end without acting."""

    run_id: UUID | None
    operation: str
    subject_id: UUID | None


async def reserve_key(
    tx: Tx, key: str, typed_digest: str, call: tuple[UUID, UUID, str], now: datetime
) -> tuple[UUID, str] | None:
    """Give an idempotency key to a call (id, project, operation), or return whose it is: (call id, typed digest)."""
    call_id, project_id, operation = call
    taken = await tx.execute(
        """
        insert into idempotency_keys (account_id, id, project_id, operation, idempotency_key, typed_digest, created_at)
        values (%(a)s, %(id)s, %(project)s, %(operation)s, %(key)s, %(digest)s, %(now)s)
        on conflict (account_id, idempotency_key) do nothing
        """,
        {
            "a": tx.account_id,
            "id": call_id,
            "project": project_id,
            "operation": operation,
            "key": key,
            "digest": typed_digest,
            "now": now,
        },
    )
    if taken:
        return None
    row = await tx.one(
        "select id, project_id, operation, typed_digest from idempotency_keys where idempotency_key = %(key)s",
        {"key": key},
    )
    assert row is not None
    is_same_frame = row["project_id"] == project_id and row["operation"] == operation
    return row["id"], row["typed_digest"] if is_same_frame else "another project or operation"


async def insert_bound(tx: Tx, bound: Bound, state: str, not_before: datetime | None, now: datetime) -> None:
    """Store a ToolCall with its envelope and bytes."""
    envelope = bound.envelope
    call_id = UUID(envelope.tool_call_id)
    canonical = envelope.to_bytes()
    await tx.execute(
        """
        insert into tool_calls (account_id, id, project_id, run_id, integration_id, provider, operation, tier,
            idempotency_key, envelope_digest, state, proof_state, not_before, expires_at, supersedes_id,
            requester_kind, requester_id, agent_reason, subject_id, amount_minor, created_at)
        values (%(a)s, %(id)s, %(project)s, %(run)s, %(integration)s, %(provider)s, %(operation)s, %(tier)s,
            %(key)s, %(digest)s, %(state)s, 'missing', %(not_before)s, %(expires)s, %(supersedes)s,
            %(kind)s, %(requester)s, %(reason)s, %(subject)s, %(amount)s, %(now)s)
        """,
        {
            "a": tx.account_id,
            "id": call_id,
            "project": UUID(envelope.project_id),
            "run": UUID(envelope.run_id) if envelope.run_id else None,
            "integration": bound.integration_id,
            "provider": envelope.provider,
            "operation": envelope.operation,
            "tier": envelope.tier,
            "key": envelope.idempotency_key,
            "digest": digest_hex(canonical),
            "state": state,
            "not_before": not_before,
            "expires": envelope.expires_at,
            "supersedes": UUID(envelope.supersedes) if envelope.supersedes else None,
            "kind": envelope.requester["kind"],
            "requester": envelope.requester["id"],
            "reason": bound.agent_reason,
            "subject": bound.subject_id,
            "amount": bound.amount_minor,
            "now": now,
        },
    )
    await tx.execute(
        "insert into envelopes (account_id, id, digest, canonical, payload, salt, typed_payload, created_at)"
        " values (%(a)s, %(id)s, %(digest)s, %(canonical)s, %(payload)s, %(salt)s, %(typed)s, %(now)s)",
        {
            "a": tx.account_id,
            "id": call_id,
            "digest": digest_hex(canonical),
            "canonical": canonical,
            "payload": bound.payload,
            "salt": bound.salt,
            "typed": bound.typed_payload,
            "now": now,
        },
    )
    touch(tx, call_id, UUID(envelope.run_id) if envelope.run_id else None)


async def lock_call(tx: Tx, call_id: UUID) -> Row:
    """Lock a call's row. Whatever changes a call or its approval holds this lock first, the claim included."""
    row = await tx.one(
        "select id, state, tier, run_id, project_id, not_before, lease_epoch from tool_calls where id = %(id)s for update",
        {"id": call_id},
    )
    if row is None:
        raise NotFound("tool call")
    return row


async def make_ready(tx: Tx, call_id: UUID, not_before: datetime) -> None:
    """After the last approval: the gateway may claim it from `not_before` on."""
    await tx.execute(
        "update tool_calls set state = 'ready', not_before = %(at)s where id = %(id)s and state = 'awaiting_approval'",
        {"id": call_id, "at": not_before},
    )


async def pass_review(tx: Tx, call_id: UUID, state: str) -> None:
    """What an agent wrote was passed by the models: it goes on to people, or is ready where none are needed."""
    row = await tx.one(
        "update tool_calls set state = %(state)s where id = %(id)s and state = 'proposed' returning run_id",
        {"id": call_id, "state": state},
    )
    if row is not None:
        touch(tx, call_id, row["run_id"])


async def end_call(tx: Tx, call_id: UUID, state: str, reasons: list[dict[str, str]], now: datetime) -> Ended | None:
    """Bring a call that never acted to one of its ends. None if it had ended, or acts."""
    assert state in ENDS
    row = await tx.one(
        "update tool_calls set state = %(state)s, reasons = %(reasons)s, settled_at = %(now)s"
        " where id = %(id)s and state in ('awaiting_approval', 'ready', 'proposed') returning run_id, operation, subject_id",
        {"id": call_id, "state": state, "reasons": Jsonb(reasons), "now": now},
    )
    if row is None:
        return None
    touch(tx, call_id, row["run_id"])
    return Ended(**row)


async def allow_look(tx: Tx, call_id: UUID, looks_max: int) -> None:
    """Let a call in doubt be looked at once more, though it was looked at too often."""
    await tx.execute(
        "update tool_calls set looks = %(max)s where id = %(id)s and state = 'in_doubt' and looks > %(max)s",
        {"id": call_id, "max": looks_max},
    )


async def begin_attempt(
    tx: Tx, call_id: UUID, epoch: int, step: tuple[int, str], intent: Mapping[str, object], now: datetime
) -> UUID:
    """Write a step down before it is taken. Fenced by the lease epoch: raises `StaleLease`."""
    attempt_id = uuid7(now)
    written = await tx.execute(
        """
        insert into attempts (account_id, id, tool_call_id, act_n, lease_epoch, step_n, step, intent, started_at)
        select account_id, %(id)s, id, act_n, lease_epoch, %(n)s, %(step)s, %(intent)s, %(now)s from tool_calls
        where id = %(call)s and lease_epoch = %(epoch)s and state in ('executing', 'in_doubt')
          and lease_expires_at > %(now)s
        """,
        {
            "id": attempt_id,
            "call": call_id,
            "epoch": epoch,
            "n": step[0],
            "step": step[1],
            "intent": Jsonb(dict(intent)),
            "now": now,
        },
    )
    if not written:
        raise StaleLease("The lease of this call was taken over or has ended.")
    tx.notify(f"call:{call_id}")
    return attempt_id


async def finish_attempt(
    tx: Tx, attempt_id: UUID, outcome: str, result: Mapping[str, object], raw: bytes | None, now: datetime
) -> None:
    """Write down how a step ended, once: `done`, `declined`, `unavailable`, `unknown`, `found`, `absent`, `cannot_tell`."""
    await tx.execute(
        "update attempts set outcome = %(outcome)s, result = %(result)s, raw = %(raw)s, finished_at = %(now)s"
        " where id = %(id)s and outcome is null",
        {
            "id": attempt_id,
            "outcome": outcome,
            "result": Jsonb(dict(result)),
            "raw": raw[:RAW_BYTES_MAX] if raw else None,
            "now": now,
        },
    )


async def write_receipt(
    tx: Tx, call_id: UUID, kind: str, facts: Mapping[str, object], raw: bytes, now: datetime
) -> UUID:
    """What the provider, or our own check of it, says happened."""
    receipt_id = uuid7(now)
    await tx.execute(
        "insert into receipts (account_id, id, tool_call_id, kind, facts, raw, sha256, created_at)"
        " values (%(a)s, %(id)s, %(call)s, %(kind)s, %(facts)s, %(raw)s, %(sha256)s, %(now)s)",
        {
            "a": tx.account_id,
            "id": receipt_id,
            "call": call_id,
            "kind": kind,
            "facts": Jsonb(dict(facts)),
            "raw": raw[:RAW_BYTES_MAX],
            "sha256": digest_hex(raw[:RAW_BYTES_MAX]),
            "now": now,
        },
    )
    return receipt_id


async def set_proof_state(tx: Tx, call_id: UUID, proof_state: str) -> None:
    """What is known about the proof of an effect."""
    row = await tx.one(
        "update tool_calls set proof_state = %(state)s where id = %(id)s returning run_id",
        {"id": call_id, "state": proof_state},
    )
    touch(tx, call_id, row["run_id"] if row else None)


def touch(tx: Tx, call_id: UUID, run_id: UUID | None) -> None:
    """Pages that show this call read it again after the commit."""
    tx.notify(f"call:{call_id}", "approvals", "sent", *([f"run:{run_id}"] if run_id else []))
