"""What pages and the API may ask and do about conversations.

A person may read what waits in quarantine, in its place and marked as what it is; an agent may not.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from trinity import accounts, agency, audit, crm, effects, gateway, integrations, sources
from trinity.accounts import SignedIn
from trinity.crm import Message, Thread
from trinity.errors import NotFound, Refused
from trinity.gateway import House, Proposal, Proposed
from trinity.providers.gmail.address import MaterialiseRefused
from trinity.providers.gmail.view import view
from trinity.sources import Artifact, Source
from trinity.store.database import Tx

REPLY = "gmail.reply"
SEARCH_CHARS_MAX = 200
REPLY_MARK = "Re: "
KEY_DIGEST_CHARS = 24


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """A conversation in the list; `waiting` counts messages that nobody has released or rejected yet."""

    thread: Thread
    waiting: int
    total: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One message for people. An inbound one has a source, an outbound one of ours the text that was approved."""

    message: Message
    source: Source | None
    artifacts: tuple[Artifact, ...]
    sent_text: str | None
    warnings: tuple[str, ...]
    size_bytes: int | None
    not_taken: int
    """Attachments that were not taken in; the warnings say why."""
    is_stranger: bool
    """Not from the person whose conversation it is."""

    @property
    def is_quarantined(self) -> bool:
        """Whether no agent may read it yet."""
        return self.source is not None and self.source.release_state == "quarantined"


@dataclass(frozen=True, slots=True)
class ThreadView:
    """A conversation, oldest message first."""

    thread: Thread
    project_name: str
    mailbox: str
    mailbox_state: str
    entries: tuple[Entry, ...]
    bounced: tuple[dict[str, str], ...]
    """Whom mails of this conversation did not reach."""

    @property
    def to_answer(self) -> Entry | None:
        """The newest mail of the person whose conversation it is; a stranger's only where there is no other."""
        letters = [one for one in self.entries if _is_letter(one.message)]
        return next((one for one in reversed(letters) if not one.is_stranger), letters[-1] if letters else None)


@dataclass(frozen=True, slots=True)
class InboxRoom:
    """Conversations of one account."""

    house: House

    async def threads(self, who: SignedIn, search: str, state: str | None) -> list[ThreadRow]:
        """Conversations, the newest first."""
        async with self.house.db.transaction(who.account_id) as tx:
            found = await crm.list_threads(tx, search=search[:SEARCH_CHARS_MAX], state=state)
            came = await crm.inbound_sources(tx, [one.id for one in found])
            states = await sources.release_states(tx, [one for ids in came.values() for one in ids])
        waiting = {thread_id: sum(states.get(one) == "quarantined" for one in ids) for thread_id, ids in came.items()}
        return [ThreadRow(one, waiting.get(one.id, 0), len(came.get(one.id, []))) for one in found]

    async def thread(self, who: SignedIn, thread_id: UUID) -> ThreadView:
        """One conversation with its messages."""
        async with self.house.db.transaction(who.account_id) as tx:
            thread = await crm.get_thread(tx, thread_id)
            messages = await crm.list_messages(tx, thread_id)
            is_begun_by_us = any(one.direction == "out" for one in messages)
            whose = thread.contact_email or ("" if is_begun_by_us else None)
            entries = tuple([await _entry(tx, whose, one) for one in messages])
            project = await accounts.get_project(tx, thread.project_id)
            mailbox = await integrations.get_integration(tx, thread.integration_id)
        bounced = tuple(one for entry in entries for one in entry.message.facts.get("failed", []))
        return ThreadView(thread, project.name, mailbox.address, mailbox.state, entries, bounced)

    async def decide(self, who: SignedIn, thread_id: UUID, message_id: UUID, *, is_released: bool) -> None:
        """Release a message's words to agents, or reject them for good."""
        async with self.house.db.transaction(who.account_id) as tx:
            message = await crm.get_message(tx, message_id)
            if message.thread_id != thread_id or message.source_id is None:
                raise NotFound("message")
            now = self.house.clock()
            await sources.decide_release(tx, who.actor, message.source_id, is_released=is_released, now=now)
            tx.notify("threads", f"thread:{thread_id}")

    async def start_agent(self, who: SignedIn, thread_id: UUID) -> UUID:
        """A run that drafts an answer; it waits until the newest message is released."""
        async with self.house.db.transaction(who.account_id) as tx:
            return await agency.start_reply_run(tx, who.actor, thread_id, self.house.clock())

    async def close(self, who: SignedIn, thread_id: UUID, *, is_closed: bool) -> None:
        """Say that nothing is left to do here, or that there is after all."""
        async with self.house.db.transaction(who.account_id) as tx:
            await crm.set_thread_state(tx, thread_id, "closed" if is_closed else "open")
            kind = "thread.closed" if is_closed else "thread.reopened"
            await audit.record(tx, who.actor, kind, ("thread", thread_id), self.house.clock(), {})

    async def answer(self, who: SignedIn, thread_id: UUID, text: str) -> Proposed:
        """Propose a person's own answer to the newest mail of theirs. The same words again are the same proposal."""
        found = await self.thread(who, thread_id)
        entry = found.to_answer
        if entry is None:
            raise Refused("nothing_to_answer", "No mail of this conversation waits for an answer.")
        message = entry.message
        payload = {
            "mailbox": found.mailbox,
            "from_alias": await self._alias(who, found),
            "to": [{"addr": message.from_addr}],
            "subject": _answered(message.subject),
            "text": text,
            "in_reply_to": str(message.id),
        }
        digest = hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGEST_CHARS]
        key = f"answer/{message.id}/{who.user_id}/{digest}"
        proposal = Proposal(found.thread.project_id, REPLY, key, payload)
        return await gateway.propose(self.house, who.actor, proposal)

    async def _alias(self, who: SignedIn, found: ThreadView) -> str:
        """The address that we wrote from last, while it is ours; else the mailbox's own."""
        async with self.house.db.transaction(who.account_id) as tx:
            mailbox = await integrations.get_integration(tx, found.thread.integration_id)
        used = [one.message.from_addr for one in found.entries if one.message.direction == "out"]
        return used[-1] if used and used[-1] in mailbox.aliases else mailbox.address


async def _entry(tx: Tx, whose: str | None, message: Message) -> Entry:
    """`whose` is the address whose conversation it is, None where anybody's is right."""
    facts = message.facts
    source = await sources.get_source(tx, message.source_id) if message.source_id else None
    artifacts = [await sources.get_artifact(tx, UUID(one)) for one in _texts(facts.get("artifact_ids"))]
    sent_text = await _sent_text(tx, message.tool_call_id) if message.tool_call_id else None
    is_stranger = _is_letter(message) and whose is not None and message.from_addr.lower() != whose
    warnings = tuple(_texts(facts.get("warnings")))
    size_bytes, not_taken = facts.get("size_bytes"), int(facts.get("not_taken", 0))
    return Entry(message, source, tuple(artifacts), sent_text, warnings, size_bytes, not_taken, is_stranger)


async def _sent_text(tx: Tx, call_id: UUID) -> str | None:
    """What was approved, read from the very bytes."""
    try:
        return view((await effects.get_envelope(tx, call_id)).payload).text
    except (MaterialiseRefused, NotFound):
        return None


def _is_letter(message: Message) -> bool:
    return message.direction == "in" and message.kind == "mail"


def _answered(subject: str) -> str:
    """The subject that joins the thread: the same, marked once as an answer."""
    return subject if subject.lower().startswith("re:") else f"{REPLY_MARK}{subject}"


def _texts(value: object) -> Sequence[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
