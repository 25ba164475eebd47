"""Taking in the mail of one mailbox: each message once, in one unit of work with the cursor that passes it.

What is read is a stranger's: it goes into quarantine whole, its subject and its files' names too. The one thing believed
is Gmail's own record of ids, labels and times. A crash at any point loses nothing and repeats nothing: what was kept is
known by its id, what was not is listed again.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from trinity import audit, crm, effects, integrations, sources
from trinity.errors import Refused
from trinity.gateway import Rails, notify
from trinity.gateway.house import EXECUTOR_QUEUE
from trinity.integrations import Integration
from trinity.kit.actor import Actor
from trinity.kit.addresses import normal_address
from trinity.providers.gmail import inbound
from trinity.providers.gmail.account import GmailClient
from trinity.providers.gmail.failures import HistoryGone, MailboxDisconnected
from trinity.providers.gmail.inbound import Batch, Fetched, Listed
from trinity.providers.gmail.parse import InboundMail, parse, parse_head
from trinity.store.database import Job, Tx

INGEST_JOB = "trinity.jobs.mail.Ingest"
INGEST_ATTEMPTS_MAX = 5
CURSOR = "gmail.history"
WINDOW_MAX = timedelta(days=30)
"""How far back a full look reaches at most."""
WINDOW_MARGIN = timedelta(hours=1)
SENT_SINCE = timedelta(days=40)
KNOWN_AT_ONCE = 200
IGNORED_LABELS = {"DRAFT": "draft", "SPAM": "spam", "TRASH": "trash", "CHAT": "chat"}
TOO_LARGE = "The mail is too large to be taken in; only its head was read. Look at it in Gmail."
NO_SUBJECT, NO_TEXT = "(no subject)", "(no text)"


def ingest_job(account_id: UUID, integration_id: UUID) -> Job:
    """The job that reads a mailbox now."""
    args = {"account_id": str(account_id), "integration_id": str(integration_id)}
    return Job(INGEST_JOB, EXECUTOR_QUEUE, args, None, INGEST_ATTEMPTS_MAX)


@dataclass(frozen=True, slots=True)
class Desk:
    """What taking in a message needs at hand."""

    rails: Rails
    mailbox: Integration
    account_id: UUID
    store: sources.ArtifactStore

    @property
    def actor(self) -> Actor:
        """Who takes it in."""
        return Actor.system(self.account_id, "mail")

    def now(self) -> datetime:
        """The moment."""
        return self.rails.house.clock()


async def ingest(rails: Rails, account_id: UUID, integration_id: UUID) -> Counter[str]:
    """Read what came since the last time; what became of it, counted. Safe to run at any time, also at once."""
    db = rails.house.db
    async with db.transaction(account_id) as tx:
        mailbox = await integrations.get_integration(tx, integration_id)
        cursor = await integrations.get_cursor(tx, integration_id, CURSOR)
        read_at = await integrations.cursor_moved_at(tx, integration_id, CURSOR)
    done: Counter[str] = Counter()
    if mailbox.provider != "gmail" or mailbox.state != "ready":
        return done
    desk = Desk(rails, mailbox, account_id, sources.open_store(rails.house.settings))
    try:
        client = await rails.client(account_id, mailbox)
        batch = await _batch(desk, client, cursor, read_at)
        known = await _known(desk, batch)
        for listed in batch.messages:
            done[await _take_in(desk, client, listed, is_known=listed.message_id in known)] += 1
    except MailboxDisconnected as error:
        await _suspend(desk, str(error))
        return done
    await _finish(desk, batch, done)
    return done


async def _batch(desk: Desk, client: GmailClient, cursor: str | None, read_at: datetime | None) -> Batch:
    """The history since the cursor; a bounded look at the whole mailbox the first time, and where Gmail forgot."""
    if cursor is not None:
        try:
            return await inbound.since(client, cursor)
        except HistoryGone:
            await _note(desk, "mailbox.history_gone", {})
    floor = desk.now() - WINDOW_MAX
    return await inbound.whole(client, max(floor, (read_at or desk.mailbox.created_at) - WINDOW_MARGIN))


async def _known(desk: Desk, batch: Batch) -> set[str]:
    ids = [one.message_id for one in batch.messages]
    found: set[str] = set()
    async with desk.rails.house.db.transaction(desk.account_id) as tx:
        for start in range(0, len(ids), KNOWN_AT_ONCE):
            found |= await crm.known_messages(tx, desk.mailbox.id, ids[start : start + KNOWN_AT_ONCE])
    return found


async def _take_in(desk: Desk, client: GmailClient, listed: Listed, *, is_known: bool) -> str:
    """One message, from its id to its place; what became of it, in a word."""
    if is_known:
        return "known"
    if reason := _ignored(listed.label_ids):
        return reason
    fetched = await inbound.fetch(client, listed.message_id)
    if fetched is None:
        return "gone"
    if reason := _ignored(fetched.label_ids):
        return reason
    # Reading hostile bytes takes its time; the loop has leases of running effects to mind meanwhile.
    mail = await asyncio.to_thread(_parsed, fetched)
    try:
        return await _keep_once(desk, listed, fetched, mail)
    except Refused as error:
        # One mail that cannot be kept must not keep the mails behind it away; a person hears of it.
        facts = {"provider_message_id": fetched.message_id, "code": error.code}
        async with desk.rails.house.db.transaction(desk.account_id) as tx:
            await audit.record_incident(tx, "mail_not_taken", desk.mailbox.id, desk.now(), facts, is_critical=False)
        return "not_taken"


async def _keep_once(desk: Desk, listed: Listed, fetched: Fetched, mail: InboundMail) -> str:
    async with desk.rails.house.db.transaction(desk.account_id, barrier="ingest") as tx:
        await crm.lock_mailbox(tx, desk.mailbox.id)
        if await crm.known_messages(tx, desk.mailbox.id, [fetched.message_id]):
            return "known"
        kept = await _keep_sent(tx, desk, fetched, mail) if "SENT" in fetched.label_ids else ""
        kept = kept or await _keep(tx, desk, fetched, mail)
        await _move(tx, desk, listed.cursor)
    return kept


def _parsed(fetched: Fetched) -> InboundMail:
    if fetched.is_whole:
        return parse(fetched.raw)
    return parse_head(fetched.raw, TOO_LARGE, size_bytes=fetched.size_bytes)


def _ignored(label_ids: tuple[str, ...]) -> str:
    if {"SENT", "INBOX"} <= set(label_ids):
        return "to_ourselves"
    return next((reason for label, reason in IGNORED_LABELS.items() if label in label_ids), "")


async def _keep_sent(tx: Tx, desk: Desk, fetched: Fetched, mail: InboundMail) -> str:
    """Our own mail, where the gateway's check has not written it down yet. A person's own stays outside of new threads."""
    now = desk.now()
    call_id = await effects.call_of_sent(tx, desk.mailbox.id, fetched.message_id, now - SENT_SINCE)
    thread = await crm.find_thread(tx, desk.mailbox.id, fetched.thread_id)
    if call_id is None and thread is None:
        return "sent_elsewhere"
    project_id, sent_at = thread.project_id if thread else None, fetched.received_at
    if call_id is not None:
        call = await effects.get_tool_call(tx, call_id)
        project_id, sent_at = call.project_id, call.settled_at or sent_at
    assert project_id is not None
    contact = await _contact_of(tx, mail.to[0].addr) if mail.to else None
    new = _message(desk, fetched, mail, project_id, direction="out", contact_id=contact.id if contact else None)
    await crm.record_message(tx, _with(new, tool_call_id=call_id, kind="mail", sent_at=sent_at), now)
    return "sent"


async def _keep(tx: Tx, desk: Desk, fetched: Fetched, mail: InboundMail) -> str:
    """A mail from outside: its thread, its sender, its words in quarantine, its files, and what follows from it."""
    now = desk.now()
    thread = await _thread_of(tx, desk, fetched, mail)
    contact_id, project_id = await _place(tx, desk, mail, thread, now)
    if project_id is None:
        return "no_project"
    title = mail.subject or NO_SUBJECT
    source = sources.NewSource(project_id, "inbound_mail", title, mail.text.strip() or NO_TEXT, contact_id)
    source_id = await sources.add_source(tx, desk.actor, source, now)
    files, refused = await _files(tx, desk, mail, project_id, contact_id, now)
    facts = _facts(desk, mail, files, refused)
    is_theirs = thread is None or thread.contact_id is not None or await _was_written_to(tx, thread, mail.sender.addr)
    new = _message(desk, fetched, mail, project_id, direction="in", contact_id=contact_id if is_theirs else None)
    provider_thread_id = thread.provider_thread_id if thread else fetched.thread_id
    sent_at = await _moment(tx, thread, fetched, mail)
    new = _with(new, source_id=source_id, facts=facts, provider_thread_id=provider_thread_id, sent_at=sent_at)
    recorded = await crm.record_message(tx, new, now)
    if thread is None and mail.kind == "auto_reply":
        await crm.set_thread_state(tx, recorded.thread_id, "closed")
    said = {
        "thread_id": str(recorded.thread_id), "source_id": str(source_id), "kind": mail.kind, "sha256": mail.sha256,
        "size_bytes": fetched.size_bytes, "attachments": len(files), "provider_message_id": fetched.message_id,
    }  # fmt: skip
    private = {"from": mail.sender.addr}
    subject = ("thread_message", recorded.message_id)
    await audit.record(tx, desk.actor, "mail.received", subject, now, said, private)
    await _follow_up(tx, desk, mail, recorded, contact_id, now)
    return mail.kind


async def _thread_of(tx: Tx, desk: Desk, fetched: Fetched, mail: InboundMail) -> crm.Thread | None:
    """Gmail's own thread where it is ours, else that of a mail that this one says it answers, in this mailbox."""
    found = await crm.find_thread(tx, desk.mailbox.id, fetched.thread_id)
    if found is None and mail.references:
        found = await crm.find_by_wire_ids(tx, desk.mailbox.id, mail.references)
    return found


async def _place(
    tx: Tx, desk: Desk, mail: InboundMail, thread: crm.Thread | None, now: datetime
) -> tuple[UUID | None, UUID | None]:
    """Whose mail it is and in which project. A stranger becomes a contact by his address alone: his name is content."""
    if mail.kind == "bounce":
        return (thread.contact_id, thread.project_id) if thread else (None, await _project(tx, desk, None))
    contact = None if _is_ours(desk, mail.sender.addr) else await _contact_of(tx, mail.sender.addr)
    project_id = thread.project_id if thread else await _project(tx, desk, contact.id if contact else None)
    email = normal_address(mail.sender.addr)
    is_new = contact is None and mail.kind == "mail" and email is not None and not _is_ours(desk, mail.sender.addr)
    if is_new and project_id is not None:
        assert email is not None
        contact = await crm.meet(tx, desk.actor, crm.NewContact(project_id, email, email[:200]), now)
    return contact.id if contact else None, project_id


async def _project(tx: Tx, desk: Desk, contact_id: UUID | None) -> UUID | None:
    return await crm.project_of(tx, desk.mailbox.id, contact_id)


async def _contact_of(tx: Tx, addr: str) -> crm.Contact | None:
    email = normal_address(addr)
    return await crm.find_contact(tx, email) if email else None


def _is_ours(desk: Desk, addr: str) -> bool:
    ours = {one.lower() for one in (desk.mailbox.address, *desk.mailbox.aliases)}
    return addr.lower() in ours


async def _files(
    tx: Tx, desk: Desk, mail: InboundMail, project_id: UUID, contact_id: UUID | None, now: datetime
) -> tuple[list[str], list[str]]:
    """Attachments in quarantine; and why others were not taken in, in sentences of ours."""
    kept, refused = [], []
    for one in mail.attachments:
        new = sources.NewArtifact(project_id, one.name, one.media_type, one.data, "attachment", contact_id)
        try:
            kept.append(str(await sources.add_artifact(tx, desk.store, desk.actor, new, now)))
        except Refused as error:
            refused.append(f"An attachment was not taken in: {error.message}")
    return kept, refused


def _facts(desk: Desk, mail: InboundMail, files: list[str], refused: list[str]) -> dict[str, object]:
    warnings = [*mail.warnings, *refused]
    if _is_ours(desk, mail.sender.addr):
        warnings.insert(0, "The mail gives itself out as sent by this mailbox; it was not.")
    return {
        "size_bytes": mail.size_bytes,
        "sha256": mail.sha256,
        "warnings": warnings,
        "artifact_ids": files,
        "not_taken": len(refused) + mail.left_out,
        "reply_to": mail.reply_to.addr,
        "failed": [{"recipient": one.recipient, "status": one.status} for one in mail.failed],
    }


def _message(
    desk: Desk, fetched: Fetched, mail: InboundMail, project_id: UUID, *, direction: str, contact_id: UUID | None
) -> crm.NewMessage:
    return crm.NewMessage(
        project_id=project_id,
        integration_id=desk.mailbox.id,
        provider_thread_id=fetched.thread_id,
        provider_message_id=fetched.message_id,
        direction=direction,
        wire_message_id=mail.message_id,
        subject=mail.subject,
        from_addr=mail.sender.addr,
        from_name=mail.sender.name,
        sent_at=fetched.received_at,
        kind=mail.kind,
        reference_ids=mail.references,
        contact_id=contact_id,
    )


def _with(new: crm.NewMessage, **changes: object) -> crm.NewMessage:
    values = {name: getattr(new, name) for name in crm.NewMessage.__dataclass_fields__}
    return crm.NewMessage(**{**values, **changes})


async def _follow_up(
    tx: Tx, desk: Desk, mail: InboundMail, recorded: crm.Recorded, contact_id: UUID | None, now: datetime
) -> None:
    """The person's timeline, and whom to tell: ids only."""
    if mail.kind == "bounce":
        await _bounced(tx, desk, mail, recorded, now)
        return
    if contact_id is not None:
        facts: Mapping[str, str | int | bool | None] = {"kind": mail.kind, "message_id": str(recorded.message_id)}
        await crm.add_activity(tx, contact_id, "mail_received", ("thread", recorded.thread_id), facts, now)
    if mail.kind != "mail":
        return
    if contact_id is not None:
        await crm.mark_active(tx, contact_id)
    if await _has_our_mail(tx, recorded.thread_id):
        about = ("thread_message", recorded.message_id)
        said = {"thread_id": str(recorded.thread_id)}
        await notify(desk.rails.house, tx, "reply_arrived", said, now, about)


async def _bounced(tx: Tx, desk: Desk, mail: InboundMail, recorded: crm.Recorded, now: datetime) -> None:
    """A report is believed of an address only in the thread of a mail that we sent there: anybody can write one."""
    thread = await crm.get_thread(tx, recorded.thread_id)
    named = {normal_address(one.recipient): one.status for one in mail.failed}
    is_believed = thread.contact_email in named and await _has_our_mail(tx, thread.id)
    if is_believed and thread.contact_id is not None:
        await crm.mark_bounced(tx, thread.contact_id, now)
    facts = {
        "thread_id": str(thread.id),
        "contact_id": str(thread.contact_id) if is_believed else None,
        "status": named.get(thread.contact_email, "") if is_believed else "",
    }
    await audit.record_incident(tx, "mail_bounced", recorded.message_id, now, facts, is_critical=False)


async def _moment(tx: Tx, thread: crm.Thread | None, fetched: Fetched, mail: InboundMail) -> datetime:
    """When it came by Gmail's clock, and in any case after the mails that it answers, which have our clock's time."""
    if thread is None:
        return fetched.received_at
    named = set(mail.references)
    answered = [one.sent_at for one in await crm.list_messages(tx, thread.id) if one.wire_message_id in named]
    return max([fetched.received_at, *(one + timedelta(milliseconds=1) for one in answered)])


async def _was_written_to(tx: Tx, thread: crm.Thread, addr: str) -> bool:
    """Whether a mail of ours in the thread went to this address. Nobody else takes a conversation over by answering."""
    recipients: set[str] = set()
    ours = [one for one in await crm.list_messages(tx, thread.id) if one.direction == "out"]
    for message in ours:
        if message.tool_call_id is not None:
            payload = (await effects.get_envelope(tx, message.tool_call_id)).payload
            recipients |= {one.addr.lower() for one in parse(payload).to}
    return not ours or addr.lower() in recipients


async def _has_our_mail(tx: Tx, thread_id: UUID) -> bool:
    return any(one.direction == "out" for one in await crm.list_messages(tx, thread_id))


async def _move(tx: Tx, desk: Desk, cursor: str | None) -> None:
    """Move the cursor on, never back: another job may have read further meanwhile."""
    if cursor is None or not cursor.isdigit():
        return
    held = await integrations.get_cursor(tx, desk.mailbox.id, CURSOR)
    if held is None or int(held) < int(cursor):
        await integrations.move_cursor(tx, desk.mailbox.id, CURSOR, cursor, desk.now())


async def _finish(desk: Desk, batch: Batch, done: Counter[str]) -> None:
    """Pass what was ignored, too; say what became of the batch; come back at once where it was not all."""
    last = batch.cursor or next((one.cursor for one in reversed(batch.messages) if one.cursor), None)
    async with desk.rails.house.db.transaction(desk.account_id) as tx:
        await crm.lock_mailbox(tx, desk.mailbox.id)
        await _move(tx, desk, last)
        if any(word != "known" for word in done):
            said = dict(sorted(done.items()))
            subject = ("integration", desk.mailbox.id)
            await audit.record(tx, desk.actor, "mailbox.read", subject, desk.now(), said)
        if not batch.is_complete:
            await tx.enqueue(ingest_job(desk.account_id, desk.mailbox.id))


async def _note(desk: Desk, kind: str, facts: Mapping[str, object]) -> None:
    async with desk.rails.house.db.transaction(desk.account_id) as tx:
        await audit.record(tx, desk.actor, kind, ("integration", desk.mailbox.id), desk.now(), facts)


async def _suspend(desk: Desk, reason: str) -> None:
    """Google withdrew the grant: a person must connect the mailbox again."""
    now = desk.now()
    async with desk.rails.house.db.transaction(desk.account_id) as tx:
        await crm.lock_mailbox(tx, desk.mailbox.id)
        if (await integrations.get_integration(tx, desk.mailbox.id)).state != "ready":
            return
        await integrations.suspend(tx, desk.actor, desk.mailbox.id, reason, now)
        facts = {"provider": "gmail"}
        await audit.record_incident(tx, "mailbox_suspended", desk.mailbox.id, now, facts, is_critical=False)
