"""Gmail: a mail is a draft that is made, then sent with the approved bytes in it. Neither step is repeated blindly.

The register's note is the mailbox's history id from before the act, so that a look reads Gmail's own list from there
on, whatever a rewound database still remembers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity import agency, effects, integrations, sources
from trinity.effects import Attempt, Receipt, StoredEnvelope, ToolCall
from trinity.errors import NotFound, OutcomeUnknown, Refused, Unavailable
from trinity.gateway.drivers import replies
from trinity.gateway.drivers.driver import Ask, Begun, Checked, Done, Material, Record, Stamp, Subject, Trail
from trinity.gateway.house import Rails
from trinity.gateway.outcome import Absent, CannotTell, Found, Outcome, Verdict
from trinity.gateway.payloads import AddressIn, MailPayload
from trinity.gateway.steps import Claimed, Step, permit_for, take
from trinity.integrations import Integration
from trinity.kit.canonical import canonical_bytes, digest_hex
from trinity.policy.content import ATTACHMENT, FileFacts
from trinity.providers.gmail import act as gmail
from trinity.providers.gmail import read
from trinity.providers.gmail.account import GmailClient
from trinity.providers.gmail.compare import differences
from trinity.providers.gmail.failures import GmailRefused, HistoryGone
from trinity.providers.gmail.materialise import (
    ATTACHMENTS_BYTES_MAX,
    Address,
    File,
    Mail,
    MaterialiseRefused,
    ThreadFacts,
    render,
    reply_to_address,
)
from trinity.sources import Artifact
from trinity.store.database import Tx

KEEPS_DRAFT = "gmail.draft"
"""The one operation whose mail does not leave."""
HISTORY_ID = "history_id"
THREAD_REFERENCES_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSubject(Subject):
    """A mail's mailbox, and the thread that it joins."""

    thread: ThreadFacts | None
    files: tuple[File, ...] = ()


class GmailDriver:
    """Mails."""

    provider = "gmail"
    prefix = "gmail"

    # --- binding ----------------------------------------------------------------------------------

    async def resolve(self, tx: Tx, ask: Ask) -> MailSubject:
        """The project's mailbox, a verified alias of it, and the thread of an earlier mail."""
        payload = _mail(ask)
        if ask.project.integration_id is None:
            raise Refused("mailbox_missing", "This project has no mailbox.", status=422)
        mailbox = await integrations.get_integration(tx, ask.project.integration_id)
        if payload.mailbox != mailbox.address:
            raise Refused("mailbox_unknown", "The payload's mailbox is not the project's.", status=422)
        if payload.from_alias not in (mailbox.address, *mailbox.aliases):
            raise Refused("alias_unknown", "The sender is not a verified alias of the mailbox.", status=422)
        thread = await replies.thread_of(tx, mailbox, ask.project.id, payload.in_reply_to)
        files = await _files(tx, ask, payload.attachments)
        resource = {"mailbox": mailbox.address, "alias": payload.from_alias}
        if thread:
            resource["thread_id"] = thread.gmail_thread_id
        for number, (artifact, _) in enumerate(files, 1):
            resource[f"{ATTACHMENT}{number}"] = _said(artifact)
        return MailSubject(
            integration=mailbox,
            resource=resource,
            subject_id=await replies.subject_of(tx, mailbox, thread, ask.run_id),
            thread=thread,
            files=tuple(file for _, file in files),
        )

    def materialise(self, subject: Subject, ask: Ask, stamp: Stamp) -> Material:
        """The final MIME bytes."""
        assert isinstance(subject, MailSubject)
        payload = _mail(ask)
        try:
            mail = Mail(
                sender=Address(payload.from_alias, subject.integration.display_name),
                to=_addresses(payload.to),
                cc=_addresses(payload.cc),
                bcc=_addresses(payload.bcc),
                subject=payload.subject,
                text=payload.text,
                reply_to=Address(reply_to_address(payload.from_alias, stamp.token)),
                token=stamp.token,
                date=stamp.now,
                thread=subject.thread,
                files=subject.files,
            )
            return Material(render(mail), "message/rfc822")
        except MaterialiseRefused as error:
            raise Refused("invalid_payload", error.message, status=422, details={"reason": error.code}) from error

    # --- acting -----------------------------------------------------------------------------------

    async def begin(self, rails: Rails, claimed: Claimed, integration: Integration) -> Begun:
        """Ask the mailbox who it is and how far its history goes."""
        client = await rails.client(claimed.account_id, integration)
        history_id = (await read.profile(client)).history_id
        return Begun({HISTORY_ID: history_id}, lambda: _steps(rails, claimed, client, history_id))

    async def look(self, rails: Rails, trail: Trail) -> Verdict:
        """Gmail's history since the register's note comes first: a rewound database may have lost the last step."""
        client = await rails.client(UUID(trail.envelope.account_id), trail.integration)
        since = (trail.note or {}).get(HISTORY_ID)
        if since is not None and (told := await _look_in_history(client, trail, since)) is not None:
            return told
        sending = trail.last("drafts.send")
        if sending is not None:
            return await _look_for_sent(client, trail, sending)
        created = trail.last("drafts.create")
        if created is None:
            return Absent("no step was ever begun")
        drafts = await read.drafts_with_token(client, trail.envelope.operation_token)
        if not drafts:
            return Absent("no draft with our token is there, and no send was begun")
        if trail.call.operation != KEEPS_DRAFT:
            return Absent("the draft is unsent, and no send was begun", drafts[0])
        found = await read.find_draft(client, drafts[0])
        if found is None:
            return CannotTell("the draft vanished while we looked")
        facts = {"draft_id": found.draft_id, "message_id": found.message_id, "thread_id": found.thread_id}
        return Found("draft", facts, canonical_bytes(facts))

    # --- what the provider says afterwards --------------------------------------------------------

    async def check(
        self, rails: Rails, integration: Integration, call: ToolCall, stored: StoredEnvelope, settled: Receipt
    ) -> Checked:
        """The message as Gmail keeps it. A mailbox that is away raises, and we come back."""
        client = await rails.client(UUID(stored.parsed().account_id), integration)
        sentences = (
            "What the provider has is what was approved.",
            "The receipt names the message that the provider has.",
        )
        try:
            record = await read.sent_message(client, settled.facts["message_id"])
        except GmailRefused as refusal:
            if refusal.status == 404:
                return Checked(None, ("the provider has no record",), False, *sentences)
            raise
        is_matched = record.message_id == settled.facts["message_id"]
        return Checked(_record(record), differences(stored.payload, record.raw), is_matched, *sentences)

    async def settled(self, tx: Tx, done: Done, now: datetime) -> None:
        """Nothing yet: a sent mail is written into its thread once Gmail's record of it was read."""

    async def ended(self, tx: Tx, done: Done, now: datetime) -> None:
        """Nothing waits for a mail that was not sent, beside its run."""

    async def verified(self, tx: Tx, call: ToolCall, checked: Checked, now: datetime) -> None:
        """A sent mail takes its place in its conversation; one of an order's run has delivered what was bought."""
        if call.operation != KEEPS_DRAFT and checked.record:
            await replies.record_sent(tx, call, checked.record.facts, now)


def _mail(ask: Ask) -> MailPayload:
    assert isinstance(ask.payload, MailPayload)
    return ask.payload


def _addresses(found: list[AddressIn]) -> tuple[Address, ...]:
    return tuple(Address(one.addr, one.name) for one in found)


async def _files(tx: Tx, ask: Ask, ids: list[str]) -> list[tuple[Artifact, File]]:
    """The project's files, with their bytes checked against their digests. They may still wait for their release.

    For a run a file of another contact than its own is not there, whoever told it the id.
    """
    if not ids:
        return []
    store = sources.open_store(ask.house.settings)
    run = await agency.get_run(tx, ask.run_id) if ask.run_id is not None else None
    found = []
    for one in ids:
        artifact = await sources.get_artifact(tx, UUID(one))
        is_anothers = run is not None and artifact.contact_id not in (None, run.contact_id)
        if artifact.project_id != ask.project.id or is_anothers:
            raise NotFound("file")
        if artifact.release_state == "rejected":
            raise Refused("attachment_rejected", "A person rejected this file; it does not leave.", status=422)
        if artifact.size_bytes > ATTACHMENTS_BYTES_MAX:
            text = f"The files of a mail have at most {ATTACHMENTS_BYTES_MAX} bytes together."
            raise Refused("invalid_payload", text, status=422, details={"reason": "attachments_too_large"})
        data = await sources.read_artifact(store, artifact)
        found.append((artifact, File(artifact.name, artifact.media_type, data)))
    return found


def _said(artifact: Artifact) -> str:
    """What the envelope says of a file; the claim compares it with the artifact as it stands then."""
    return FileFacts(
        str(artifact.id), artifact.sha256, artifact.size_bytes, artifact.media_type, artifact.is_released
    ).said()


async def _steps(rails: Rails, claimed: Claimed, client: GmailClient, history_id: str) -> Outcome:
    envelope, raw = claimed.envelope, claimed.payload
    thread_id = envelope.resource.get("thread_id")
    permit = permit_for(rails, claimed)
    draft_id = await _earlier_draft(rails, claimed)
    if draft_id is None:
        intent: dict[str, object] = {"payload_sha256": digest_hex(raw), "token": envelope.operation_token}
        create = Step(1, "drafts.create", intent)
        draft = await take(
            rails, claimed, create, lambda: gmail.create_draft(client, permit, raw, thread_id), _draft_facts
        )
        draft_id = draft.draft_id
        if envelope.operation == KEEPS_DRAFT:
            return Outcome("succeeded", (), "draft", _draft_facts(draft), draft.raw)
    intent = {"draft_id": draft_id, HISTORY_ID: history_id, "payload_sha256": digest_hex(raw)}
    step = Step(2, "drafts.send", intent)
    try:
        sent = await take(
            rails, claimed, step, lambda: gmail.send_draft(client, permit, draft_id, raw, thread_id), _sent_facts
        )
    except Unavailable as error:
        raise OutcomeUnknown(f"the send was put off by the provider: {error}") from error
    said = {**_sent_facts(sent), "label_ids": list(sent.label_ids)}
    return Outcome("succeeded", (), "sent", said, sent.raw)


def _draft_facts(draft: gmail.Draft) -> Mapping[str, object]:
    return {"draft_id": draft.draft_id, "message_id": draft.message_id, "thread_id": draft.thread_id}


def _sent_facts(sent: gmail.Sent) -> Mapping[str, object]:
    return {"message_id": sent.message_id, "thread_id": sent.thread_id}


async def _earlier_draft(rails: Rails, claimed: Claimed) -> str | None:
    """The draft that a reconciliation found unsent: it is sent, instead of leaving it behind and making another."""
    if claimed.act_n == 1:
        return None
    async with rails.house.db.transaction(claimed.account_id) as tx:
        attempts = await effects.list_attempts(tx, claimed.call_id)
    looked = [one for one in attempts if one.step == "reconcile" and one.outcome == "absent" and one.result]
    if looked and looked[-1].result and looked[-1].result.get("draft_id"):
        return str(looked[-1].result["draft_id"])
    if any(one.step == "drafts.send" for one in attempts):
        return None
    made = [one for one in attempts if one.step == "drafts.create" and one.outcome == "done" and one.result]
    return str(made[-1].result["draft_id"]) if made and made[-1].result else None


async def _look_for_sent(client: GmailClient, trail: Trail, sending: Attempt) -> Verdict:
    draft_id, history_id = str(sending.intent["draft_id"]), str(sending.intent[HISTORY_ID])
    draft = await read.find_draft(client, draft_id)
    if draft is not None:
        return Absent("the draft is still there, so it was not sent", draft_id)
    told = await _look_in_history(client, trail, history_id)
    return told or CannotTell("the draft is gone, and no sent message with our token is there")


async def _look_in_history(client: GmailClient, trail: Trail, since: str) -> Found | CannotTell | None:
    """The sent message with our token since a history id; None if the provider's whole list holds none."""
    try:
        sent = await read.sent_since(client, since, trail.envelope.operation_token)
    except HistoryGone:
        return CannotTell("the mailbox's history no longer reaches back")
    if sent is None:
        return None
    record = await read.sent_message(client, sent.message_id)
    facts = {"message_id": sent.message_id, "thread_id": sent.thread_id, "label_ids": list(sent.label_ids)}
    return Found("sent", facts, record.response, sent.others)


def _record(found: read.SentMessage) -> Record:
    headers = {name.lower(): value for name, value in found.headers}
    facts = {
        "message_id": found.message_id,
        "thread_id": found.thread_id,
        "wire_message_id": found.wire_message_id,
        "references": headers.get("references", "").split()[:THREAD_REFERENCES_MAX],
        "subject": headers.get("subject", ""),
        "label_ids": list(found.label_ids),
        "rfc822_sha256": digest_hex(found.raw),
    }
    return Record(facts, found.response)
