"""Which conversation a mail belongs to: what a reply needs of the mail it follows, and where a sent mail is kept."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from trinity import agency, crm, effects, revenue
from trinity.effects import ToolCall
from trinity.errors import NotFound, Refused
from trinity.gateway.payloads import MailPayload, parse
from trinity.integrations import Integration
from trinity.kit.canonical import parse_strict
from trinity.providers.gmail.materialise import ThreadFacts, is_message_id
from trinity.store.database import Tx

REFERENCES_MAX = 50
"""The newest ones of a long conversation: what a mail program needs to find its place."""


async def thread_of(tx: Tx, mailbox: Integration, project_id: UUID, in_reply_to: str | None) -> ThreadFacts | None:
    """The thread of the mail that is answered: one that we sent, or one that arrived. None where nothing is answered."""
    if in_reply_to is None:
        return None
    try:
        earlier_id = UUID(in_reply_to)
    except ValueError as error:
        raise _unknown() from error
    ours = await _thread_of_ours(tx, mailbox, earlier_id)
    return ours or await _thread_of_theirs(tx, mailbox, project_id, earlier_id)


async def subject_of(tx: Tx, mailbox: Integration, thread: ThreadFacts | None, run_id: UUID | None) -> UUID | None:
    """What a mail is about: the conversation that it goes on with, else the order that its run works on."""
    if thread and (known := await crm.find_thread(tx, mailbox.id, thread.gmail_thread_id)):
        return known.id
    return (await agency.get_run(tx, run_id)).order_id if run_id else None


async def record_sent(tx: Tx, call: ToolCall, facts: Mapping[str, object], now: datetime) -> None:
    """Keep a sent mail in its conversation, by Gmail's own record of it; the mail of an order's run that carries a file delivers it."""
    payload = parse(MailPayload, parse_strict((await effects.get_envelope(tx, call.id)).typed_payload))
    run = await agency.get_run(tx, call.run_id) if call.run_id else None
    contact_id = run.contact_id if run else None
    if contact_id is None:
        found = await crm.find_contact(tx, payload.to[0].addr)
        contact_id = found.id if found else None
    references: Any = facts["references"]
    message = crm.NewMessage(
        project_id=call.project_id,
        integration_id=call.integration_id,
        provider_thread_id=str(facts["thread_id"]),
        provider_message_id=str(facts["message_id"]),
        direction="out",
        wire_message_id=str(facts["wire_message_id"]),
        subject=payload.subject,
        from_addr=payload.from_alias,
        sent_at=call.settled_at or now,
        reference_ids=tuple(references),
        contact_id=contact_id,
        tool_call_id=call.id,
    )
    await crm.record_message(tx, message, now)
    if run and run.order_id and payload.attachments:
        await revenue.deliver(tx, run.order_id, call.id, now)


async def _thread_of_ours(tx: Tx, mailbox: Integration, call_id: UUID) -> ThreadFacts | None:
    """From the provider's own record of a mail that we sent; None if the id is no call of ours."""
    try:
        earlier = await effects.get_tool_call(tx, call_id)
    except NotFound:
        return None
    records = [r for r in await effects.list_receipts(tx, call_id) if r.kind == "provider_record"]
    is_mail = earlier.integration_id == mailbox.id and earlier.state == "succeeded"
    if not is_mail or not records:
        raise Refused("thread_unknown", "in_reply_to names no mail that this mailbox sent.", status=422)
    facts = records[-1].facts
    return ThreadFacts(
        gmail_thread_id=facts["thread_id"],
        references=(*facts["references"], facts["wire_message_id"]),
        in_reply_to=facts["wire_message_id"],
        subject=facts["subject"],
    )


async def _thread_of_theirs(tx: Tx, mailbox: Integration, project_id: UUID, message_id: UUID) -> ThreadFacts:
    """From what was kept of a mail that arrived. Its references are a stranger's text: what is no id is left out."""
    try:
        message = await crm.get_message(tx, message_id)
        thread = await crm.get_thread(tx, message.thread_id)
    except NotFound as error:
        raise _unknown() from error
    if thread.integration_id != mailbox.id or thread.project_id != project_id:
        raise _unknown()
    references = [one for one in message.reference_ids if is_message_id(one) and one != message.wire_message_id]
    return ThreadFacts(
        gmail_thread_id=thread.provider_thread_id,
        references=(*references[-REFERENCES_MAX:], message.wire_message_id),
        in_reply_to=message.wire_message_id,
        subject=message.subject,
    )


def _unknown() -> Refused:
    return Refused("thread_unknown", "in_reply_to names no mail of this account.", status=422)
