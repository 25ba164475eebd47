"""Bind: from a typed payload to the exact bytes and the envelope that commits to them."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from trinity import effects
from trinity.gateway.drivers.driver import Ask, Stamp, Subject
from trinity.gateway.operations import Operation
from trinity.kit.canonical import commitment_hex, digest_hex, rfc3339
from trinity.kit.envelope import Envelope
from trinity.kit.permit import origin_of
from trinity.policy.claim import POLICY_VERSION

SALT_BYTES = 32
TOKEN_BYTES = 10


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything around a payload that the envelope names."""

    ask: Ask
    operation: Operation
    idempotency_key: str
    supersedes: UUID | None
    reason: str


def bind(frame: Frame, subject: Subject, typed_payload: bytes, now: datetime) -> effects.Bound:
    """Materialise and seal: pure but for the randomness of salt, token and nonce."""
    ask, operation, integration = frame.ask, frame.operation, subject.integration
    settings = ask.house.settings
    token = secrets.token_hex(TOKEN_BYTES)
    material = operation.driver.materialise(subject, ask, Stamp(ask.call_id, token, now))
    salt = secrets.token_bytes(SALT_BYTES)
    ttl = timedelta(seconds=settings.timings.approval_ttl_s)
    envelope = Envelope(
        account_id=str(ask.actor.account_id),
        project_id=str(ask.project.id),
        run_id=str(ask.run_id) if ask.run_id else None,
        tool_call_id=str(ask.call_id),
        requester=ask.actor.requester,
        provider=operation.provider,
        operation=operation.name,
        resource=_resource(subject),
        mode=settings.mode_of(integration.endpoint),
        endpoint=origin_of(integration.endpoint),
        tier=tier_of(operation),
        quorum=operation.quorum_for(subject.amount_minor, subject.earlier_minor),
        idempotency_key=frame.idempotency_key,
        payload_type=material.payload_type,
        payload_digest=commitment_hex(salt, material.payload),
        typed_digest=digest_hex(typed_payload),
        operation_token=token,
        not_before=None,
        expires_at=rfc3339(now + ttl),
        created_at=rfc3339(now),
        policy_version=POLICY_VERSION,
        nonce=secrets.token_hex(16),
        supersedes=str(frame.supersedes) if frame.supersedes else None,
    )
    return effects.Bound(
        envelope=envelope,
        payload=material.payload,
        salt=salt,
        typed_payload=typed_payload,
        integration_id=integration.id,
        agent_reason=frame.reason,
        subject_id=subject.subject_id,
        amount_minor=subject.amount_minor,
    )


def tier_of(operation: Operation) -> str:
    """The tier of an action: its operation's floor, which raises may lift. Recomputed at claim."""
    return operation.floor.value


def _resource(subject: Subject) -> dict[str, str]:
    """What the envelope says of the subject; the row's columns repeat it, and the claim compares them."""
    found = {"integration_id": str(subject.integration.id), **subject.resource}
    if subject.subject_id is not None:
        found["subject_id"] = str(subject.subject_id)
    if subject.amount_minor is not None:
        found["amount_minor"] = str(subject.amount_minor)
    return found
