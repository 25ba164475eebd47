"""Notices: handed to a mail server once. The server keeps no record that could be asked for later.

So its reply is the receipt, and a notice whose reply was lost stays in doubt: it is never sent blindly again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity import accounts, integrations
from trinity.effects import Receipt, StoredEnvelope, ToolCall
from trinity.errors import NotFound, Refused
from trinity.gateway import notices
from trinity.gateway.drivers.driver import Ask, Begun, Checked, Done, Material, Stamp, Subject, Trail
from trinity.gateway.house import Rails
from trinity.gateway.outcome import Absent, CannotTell, Found, Outcome, Verdict
from trinity.gateway.payloads import NoticePayload
from trinity.gateway.steps import Claimed, Step, permit_for, take
from trinity.integrations import Integration
from trinity.kit.canonical import digest_hex
from trinity.providers.gmail.address import MaterialiseRefused
from trinity.providers.smtp import act as smtp
from trinity.providers.smtp.account import SmtpAccount
from trinity.providers.smtp.materialise import Notice, envelope_of, message_id, render
from trinity.store.database import Tx

SEND = "smtp.send"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeSubject(Subject):
    """Whom a notice goes to."""

    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """The server's reply, as the steps want an answer."""

    text: str

    @property
    def raw(self) -> bytes:
        """The reply's own bytes."""
        return self.text.encode()


class SmtpDriver:
    """Notices to members, and a guest's link."""

    provider = "smtp"
    prefix = "system"

    # --- binding ----------------------------------------------------------------------------------

    async def resolve(self, tx: Tx, ask: Ask) -> NoticeSubject:
        """The account's server for notices, and active members or the guest, by their own addresses."""
        payload = _notice(ask)
        integration = await integrations.find_integration(tx, "smtp")
        if integration is None:
            raise Refused("smtp_missing", "This account has no server for notices.", status=422)
        is_for_guest = not notices.TEMPLATES[payload.template].roles if payload.template in notices.TEMPLATES else False
        if is_for_guest != (payload.guest_id is not None):
            raise Refused("invalid_payload", "This notice does not go to such a recipient.", status=422)
        to = [await _guest(tx, ask, payload.guest_id)] if payload.guest_id else await _members(tx, payload)
        return NoticeSubject(
            integration=integration,
            resource={"sender": integration.address, "template": payload.template},
            recipients=tuple(to),
        )

    def materialise(self, subject: Subject, ask: Ask, stamp: Stamp) -> Material:
        """The final MIME bytes, in words of ours."""
        assert isinstance(subject, NoticeSubject)
        payload = _notice(ask)
        words = notices.render(payload.template, payload.facts)
        sender = subject.integration.address
        notice = Notice(sender, subject.recipients, words.subject, words.text, stamp.now, stamp.token)
        try:
            return Material(render(notice), "message/rfc822")
        except MaterialiseRefused as error:
            raise Refused("invalid_payload", error.message, status=422, details={"reason": error.code}) from error

    # --- acting -----------------------------------------------------------------------------------

    async def begin(self, rails: Rails, claimed: Claimed, integration: Integration) -> Begun:
        """Nothing is to be asked before; the server is met in the one step."""
        account = await rails.smtp(claimed.account_id, integration)
        return Begun({}, lambda: _steps(rails, claimed, account))

    async def look(self, rails: Rails, trail: Trail) -> Verdict:
        """Our own record alone: a step that was never written was never taken, and a reply that was written counts."""
        last = trail.last(SEND)
        if last is None:
            return Absent("no step was ever begun")
        if last.outcome == "done" and last.result:
            return Found("notice", dict(last.result), last.raw or b"")
        if last.outcome in ("declined", "unavailable"):
            return Absent("the server took nothing")
        return CannotTell("a mail server keeps no record that could be asked for")

    # --- what the provider says afterwards --------------------------------------------------------

    async def check(
        self, rails: Rails, integration: Integration, call: ToolCall, stored: StoredEnvelope, settled: Receipt
    ) -> Checked:
        """What was handed over beside what was bound, by our own record; there is no other."""
        envelope = stored.parsed()
        handed = str(settled.facts.get("payload_sha256"))
        different = () if handed == digest_hex(stored.payload) else ("the bytes that were handed over",)
        is_matched = settled.facts.get("message_id") == message_id(integration.address, envelope.operation_token)
        return Checked(
            None,
            different,
            is_matched,
            "The bytes that were handed over are those that were bound; a mail server keeps no record to compare.",
            "The server's own reply is the receipt; it names no record that could be fetched.",
        )

    async def settled(self, tx: Tx, done: Done, now: datetime) -> None:
        """Nothing follows from a notice."""

    async def ended(self, tx: Tx, done: Done, now: datetime) -> None:
        """Nothing waits for a notice."""

    async def verified(self, tx: Tx, call: ToolCall, checked: Checked, now: datetime) -> None:
        """Nothing follows from a notice."""


def _notice(ask: Ask) -> NoticePayload:
    assert isinstance(ask.payload, NoticePayload)
    return ask.payload


async def _members(tx: Tx, payload: NoticePayload) -> list[str]:
    """Addresses of active members with a role that the template goes to, in the order of the payload."""
    template = notices.TEMPLATES.get(payload.template)
    active = await accounts.list_active_members(tx, template.roles if template else ())
    by_id = {str(one.user_id): one.email for one in active}
    unknown = [one for one in payload.member_ids or [] if one not in by_id]
    if unknown:
        raise Refused("recipient_unknown", "A notice goes to active members of the account alone.", status=422)
    return [by_id[one] for one in payload.member_ids or []]


async def _guest(tx: Tx, ask: Ask, guest_id: str) -> str:
    """The address that a guest's access was asked for with, while it lasts."""
    email = await tx.value(
        "select email from guests where id = %(id)s and project_id = %(project)s and revoked_at is null"
        " and expires_at > %(now)s",
        {"id": UUID(guest_id), "project": ask.project.id, "now": ask.house.clock()},
    )
    if email is None:
        raise NotFound("guest")
    return str(email)


async def _steps(rails: Rails, claimed: Claimed, account: SmtpAccount) -> Outcome:
    raw, permit = claimed.payload, permit_for(rails, claimed)
    named = envelope_of(raw)
    kept = {
        "message_id": message_id(named.sender, claimed.envelope.operation_token),
        "payload_sha256": digest_hex(raw),
    }

    async def send() -> Taken:
        reply = await smtp.send(account, permit, raw, named.sender, named.recipients, rails.house.clock)
        return Taken(reply.text)

    def result(taken: Taken) -> Mapping[str, object]:
        return {**kept, "reply": taken.text}

    intent = {"payload_sha256": kept["payload_sha256"], "token": claimed.envelope.operation_token}
    taken = await take(rails, claimed, Step(1, SEND, intent), send, result)
    return Outcome("succeeded", (), "notice", result(taken), taken.raw)
