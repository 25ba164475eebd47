"""Bind: from a typed payload to the exact bytes and the envelope that commits to them."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from trinity import accounts, effects, integrations
from trinity.errors import NotFound, Refused
from trinity.gateway.house import House
from trinity.gateway.operations import Operation
from trinity.gateway.payloads import AddressIn, MailPayload
from trinity.kit.actor import Actor
from trinity.kit.canonical import commitment_hex, digest_hex, rfc3339
from trinity.kit.envelope import Envelope
from trinity.kit.permit import origin_of
from trinity.policy.claim import POLICY_VERSION
from trinity.providers.gmail.materialise import (
    Address,
    Mail,
    MaterialiseRefused,
    ThreadFacts,
    render,
    reply_to_address,
)
from trinity.store.database import Tx

SALT_BYTES = 32
TOKEN_BYTES = 10


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything around a payload that the envelope names."""

    call_id: UUID
    actor: Actor
    project: accounts.Project
    run_id: UUID | None
    mailbox: integrations.Integration
    thread: ThreadFacts | None
    operation: Operation
    idempotency_key: str
    supersedes: UUID | None


async def resolve(
    tx: Tx, project_id: UUID, payload: MailPayload
) -> tuple[accounts.Project, integrations.Integration, ThreadFacts | None]:
    """Find project, mailbox and thread of a payload in this account; `Refused` where they do not fit."""
    project = await accounts.get_project(tx, project_id)
    if project.integration_id is None:
        raise Refused("mailbox_missing", "This project has no mailbox.", status=422)
    mailbox = await integrations.get_integration(tx, project.integration_id)
    if payload.mailbox != mailbox.address:
        raise Refused("mailbox_unknown", "The payload's mailbox is not the project's.", status=422)
    if payload.from_alias not in (mailbox.address, *mailbox.aliases):
        raise Refused("alias_unknown", "The sender is not a verified alias of the mailbox.", status=422)
    thread = await _thread(tx, mailbox, payload.in_reply_to) if payload.in_reply_to else None
    return project, mailbox, thread


async def _thread(tx: Tx, mailbox: integrations.Integration, in_reply_to: str) -> ThreadFacts:
    """What a reply needs from the mail it follows: from the provider's own record of it."""
    try:
        earlier_id = UUID(in_reply_to)
        earlier = await effects.get_tool_call(tx, earlier_id)
    except (ValueError, NotFound) as error:
        raise Refused("thread_unknown", "in_reply_to names no mail of this account.", status=422) from error
    records = [r for r in await effects.list_receipts(tx, earlier_id) if r.kind == "provider_record"]
    if earlier.integration_id != mailbox.id or earlier.state != "succeeded" or not records:
        raise Refused("thread_unknown", "in_reply_to names no mail that this mailbox sent.", status=422)
    facts = records[-1].facts
    return ThreadFacts(
        gmail_thread_id=facts["thread_id"],
        references=(*facts["references"], facts["wire_message_id"]),
        in_reply_to=facts["wire_message_id"],
        subject=facts["subject"],
    )


def bind(house: House, frame: Frame, payload: MailPayload, typed_payload: bytes, now: datetime) -> effects.Bound:
    """Materialise and seal: pure but for the randomness of salt, token and nonce."""
    token = secrets.token_hex(TOKEN_BYTES)
    raw = _render(frame, payload, token, now)
    salt = secrets.token_bytes(SALT_BYTES)
    ttl = timedelta(seconds=house.settings.timings.approval_ttl_s)
    envelope = Envelope(
        account_id=str(frame.actor.account_id),
        project_id=str(frame.project.id),
        run_id=str(frame.run_id) if frame.run_id else None,
        tool_call_id=str(frame.call_id),
        requester=frame.actor.requester,
        provider=frame.operation.provider,
        operation=frame.operation.name,
        resource={
            "integration_id": str(frame.mailbox.id),
            "mailbox": frame.mailbox.address,
            "alias": payload.from_alias,
        }
        | ({"thread_id": frame.thread.gmail_thread_id} if frame.thread else {}),
        mode=house.settings.mode_of(frame.mailbox.endpoint),
        endpoint=origin_of(frame.mailbox.endpoint),
        tier=tier_of(frame.operation),
        quorum=frame.operation.quorum,
        idempotency_key=frame.idempotency_key,
        payload_type="message/rfc822",
        payload_digest=commitment_hex(salt, raw),
        typed_digest=digest_hex(typed_payload),
        operation_token=token,
        not_before=None,
        expires_at=rfc3339(now + ttl),
        created_at=rfc3339(now),
        policy_version=POLICY_VERSION,
        nonce=secrets.token_hex(16),
        supersedes=str(frame.supersedes) if frame.supersedes else None,
    )
    return effects.Bound(envelope, raw, salt, typed_payload, frame.mailbox.id, "")


def tier_of(operation: Operation) -> str:
    """The tier of an action: its operation's floor, which raises may lift. Recomputed at claim."""
    return operation.floor.value


def _render(frame: Frame, payload: MailPayload, token: str, now: datetime) -> bytes:
    try:
        return render(
            Mail(
                sender=Address(payload.from_alias, frame.mailbox.display_name),
                to=_addresses(payload.to),
                cc=_addresses(payload.cc),
                bcc=_addresses(payload.bcc),
                subject=payload.subject,
                text=payload.text,
                reply_to=Address(reply_to_address(payload.from_alias, token)),
                token=token,
                date=now,
                thread=frame.thread,
            )
        )
    except MaterialiseRefused as error:
        raise Refused("invalid_payload", error.message, status=422, details={"reason": error.code}) from error


def _addresses(found: list[AddressIn]) -> tuple[Address, ...]:
    return tuple(Address(one.addr, one.name) for one in found)
