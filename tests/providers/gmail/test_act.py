"""Draft, then send, against the stand-in: once, exactly, and honest about what is not known."""

import asyncio
import base64
import hashlib

import httpx
import pytest

from tests.providers.gmail.factory import TOKEN, a_client, a_mail, a_permit
from tests.sandbox.gmail.standin import Mailbox, message
from trinity.errors import Declined, OutcomeUnknown, Unavailable
from trinity.kit.permit import Permit
from trinity.providers.gmail import act, read
from trinity.providers.gmail.account import GmailClient
from trinity.providers.gmail.compare import differences
from trinity.providers.gmail.failures import DraftConsumed, GmailRefused
from trinity.providers.gmail.materialise import Address, ThreadFacts, render


@pytest.fixture
def permit(mailbox: Mailbox) -> Permit:
    return a_permit(mailbox.standin.base_url)


@pytest.fixture
def raw(mailbox: Mailbox) -> bytes:
    return render(a_mail(mailbox.address, bcc=(Address("quiet@customer.example"),)))


async def test_draft_then_send(mailbox: Mailbox, client: GmailClient, permit: Permit, raw: bytes) -> None:
    draft = await act.create_draft(client, permit, raw, None)
    assert draft.draft_id.encode() in draft.raw
    sent = await act.send_draft(client, permit, draft.draft_id, raw, None)
    assert sent.message_id != draft.message_id
    assert sent.thread_id == draft.thread_id
    assert sent.label_ids == ("SENT",)
    assert sent.message_id.encode() in sent.raw
    [booked] = mailbox.standin.sent_from(mailbox.address)
    assert booked["sha256_submitted"] == hashlib.sha256(raw).hexdigest()
    assert booked["recipients"] == ["x@customer.example", "quiet@customer.example"]
    kept = await read.sent_message(client, sent.message_id)
    assert differences(raw, kept.raw) == ()
    assert kept.wire_message_id == booked["wire_message_id"]


async def test_the_approved_bytes_replace_what_someone_made_of_the_draft(
    mailbox: Mailbox, client: GmailClient, permit: Permit, raw: bytes
) -> None:
    draft = await act.create_draft(client, permit, raw, None)
    edited = render(a_mail(mailbox.address, to=(Address("thief@evil.example"),), text="Send it all."))
    mailbox.call("PUT", f"drafts/{draft.draft_id}", {"message": message(edited)})
    await act.send_draft(client, permit, draft.draft_id, raw, None)
    [booked] = mailbox.standin.sent_from(mailbox.address)
    assert base64.b64decode(booked["submitted_b64"]) == raw
    assert "thief@evil.example" not in booked["recipients"]


async def test_a_second_send_is_not_a_second_mail(
    mailbox: Mailbox, client: GmailClient, permit: Permit, raw: bytes
) -> None:
    draft = await act.create_draft(client, permit, raw, None)
    await act.send_draft(client, permit, draft.draft_id, raw, None)
    with pytest.raises(DraftConsumed) as raised:
        await act.send_draft(client, permit, draft.draft_id, raw, None)
    assert isinstance(raised.value, OutcomeUnknown)
    assert raised.value.code == "draft_consumed"
    assert len(mailbox.standin.sent_from(mailbox.address)) == 1


async def test_a_draft_that_a_person_deleted_is_not_settled_as_declined(
    mailbox: Mailbox, client: GmailClient, permit: Permit, raw: bytes
) -> None:
    draft = await act.create_draft(client, permit, raw, None)
    mailbox.call("DELETE", f"drafts/{draft.draft_id}")
    with pytest.raises(DraftConsumed):
        await act.send_draft(client, permit, draft.draft_id, raw, None)
    assert mailbox.standin.sent_from(mailbox.address) == []


@pytest.mark.parametrize(
    ("mode", "kind", "is_sent"),
    [
        ("accept_then_drop", OutcomeUnknown, True),
        ("error_after_commit", OutcomeUnknown, True),
        ("reject_500", OutcomeUnknown, False),
        ("unavailable", OutcomeUnknown, False),
        ("429", Unavailable, False),
    ],
)
async def test_a_faulty_send_is_told_apart_by_looking(
    mailbox: Mailbox, client: GmailClient, permit: Permit, raw: bytes, mode: str, kind: type, is_sent: bool
) -> None:
    """In doubt, the draft tells: gone and found as sent, or there and unsent, and then the same draft goes."""
    draft = await act.create_draft(client, permit, raw, None)
    start = (await read.profile(client)).history_id
    mailbox.standin.fault("/drafts/send", mode)
    with pytest.raises(kind) as raised:
        await act.send_draft(client, permit, draft.draft_id, raw, None)
    assert type(raised.value) in (OutcomeUnknown, Unavailable)
    assert len(mailbox.standin.sent_from(mailbox.address)) == int(is_sent)
    found = await read.sent_since(client, start, TOKEN)
    if is_sent:
        assert await read.find_draft(client, draft.draft_id) is None
        assert found is not None
        assert found.message_id == mailbox.standin.sent_from(mailbox.address)[0]["message_id"]
    else:
        assert found is None
        assert await read.find_draft(client, draft.draft_id) is not None
        await act.send_draft(client, permit, draft.draft_id, raw, None)
    assert len(mailbox.standin.sent_from(mailbox.address)) == 1


@pytest.mark.parametrize(
    ("mode", "kind", "is_there"),
    [
        ("accept_then_drop", OutcomeUnknown, True),
        ("error_after_commit", OutcomeUnknown, True),
        ("reject_500", OutcomeUnknown, False),
        ("429", Unavailable, False),
    ],
)
async def test_a_faulty_draft_is_found_by_its_token(
    mailbox: Mailbox, client: GmailClient, permit: Permit, raw: bytes, mode: str, kind: type, is_there: bool
) -> None:
    mailbox.standin.fault("/drafts", mode)
    with pytest.raises(kind):
        await act.create_draft(client, permit, raw, None)
    assert len(await read.drafts_with_token(client, TOKEN)) == int(is_there)
    assert mailbox.standin.sent_from(mailbox.address) == []


async def test_an_answer_past_the_deadline_is_unknown_though_the_mail_goes_out(
    mailbox: Mailbox, client: GmailClient, raw: bytes
) -> None:
    draft = await act.create_draft(client, a_permit(mailbox.standin.base_url), raw, None)
    mailbox.standin.fault("/drafts/send", "delay", seconds=0.8)
    with pytest.raises(OutcomeUnknown):
        await act.send_draft(client, a_permit(mailbox.standin.base_url, left_s=0.4), draft.draft_id, raw, None)
    async with asyncio.timeout(10):
        while not mailbox.standin.sent_from(mailbox.address):
            await asyncio.sleep(0.05)


async def test_a_send_that_arrives_late_and_the_same_draft_again_are_one_mail(
    mailbox: Mailbox, client: GmailClient, raw: bytes
) -> None:
    """The nastiest case: the draft still looks unsent, is sent again, and then the first call comes through."""
    permit = a_permit(mailbox.standin.base_url)
    draft = await act.create_draft(client, permit, raw, None)
    mailbox.standin.fault("/drafts/send", "delay", seconds=0.8)
    with pytest.raises(OutcomeUnknown):
        await act.send_draft(client, a_permit(mailbox.standin.base_url, left_s=0.4), draft.draft_id, raw, None)
    assert await read.find_draft(client, draft.draft_id) is not None
    await act.send_draft(client, permit, draft.draft_id, raw, None)

    def statuses() -> list[int]:
        return [one["status"] for one in mailbox.standin.books()["calls"] if one["path"].endswith(send_path)]

    send_path = f"{mailbox.address}/drafts/send"
    async with asyncio.timeout(10):
        while len(statuses()) < 2:
            await asyncio.sleep(0.05)
    assert statuses() == [200, 400]
    assert len(mailbox.standin.sent_from(mailbox.address)) == 1


class TestAliases:
    async def sent_with(self, mailbox: Mailbox, client: GmailClient, sender: str) -> tuple[str, ...]:
        raw = render(a_mail(mailbox.address, sender=Address(sender, "The Agency")))
        permit = a_permit(mailbox.standin.base_url)
        draft = await act.create_draft(client, permit, raw, None)
        sent = await act.send_draft(client, permit, draft.draft_id, raw, None)
        return differences(raw, (await read.sent_message(client, sent.message_id)).raw)

    async def test_an_accepted_alias_is_kept(self, mailbox: Mailbox, client: GmailClient) -> None:
        assert await self.sent_with(mailbox, client, "hello@agency.example") == ()

    async def test_another_sender_is_rewritten_and_noticed(self, mailbox: Mailbox, client: GmailClient) -> None:
        assert await self.sent_with(mailbox, client, "later@agency.example") == ("from",)
        assert await self.sent_with(mailbox, client, "ceo@bank.example") == ("from",)


class TestThreads:
    async def first(self, mailbox: Mailbox, client: GmailClient) -> read.SentMessage:
        permit, raw = a_permit(mailbox.standin.base_url), render(a_mail(mailbox.address))
        draft = await act.create_draft(client, permit, raw, None)
        sent = await act.send_draft(client, permit, draft.draft_id, raw, None)
        return await read.sent_message(client, sent.message_id)

    async def test_a_reply_joins_its_thread(self, mailbox: Mailbox, client: GmailClient) -> None:
        first = await self.first(mailbox, client)
        facts = ThreadFacts(first.thread_id, (), first.wire_message_id, "The offer")
        raw = render(a_mail(mailbox.address, subject="Re: The offer", thread=facts, token="op-reply"))
        permit = a_permit(mailbox.standin.base_url, operation="gmail.reply")
        draft = await act.create_draft(client, permit, raw, facts.gmail_thread_id)
        assert draft.thread_id == first.thread_id
        sent = await act.send_draft(client, permit, draft.draft_id, raw, facts.gmail_thread_id)
        assert sent.thread_id == first.thread_id
        assert differences(raw, (await read.sent_message(client, sent.message_id)).raw) == ()

    async def test_a_thread_that_does_not_exist_is_declined(self, mailbox: Mailbox, client: GmailClient) -> None:
        raw = render(a_mail(mailbox.address))
        with pytest.raises(GmailRefused) as raised:
            await act.create_draft(client, a_permit(mailbox.standin.base_url), raw, "00000000deadbeef")
        assert raised.value.status == 404
        assert isinstance(raised.value, Declined)


@pytest.mark.kill
async def test_a_provider_that_is_killed_in_between(
    mailbox: Mailbox, http: httpx.AsyncClient, raw: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The stand-in dies between draft and send; its books know the draft, and the send goes through once."""
    standin = type(mailbox.standin)(tmp_path_factory.mktemp("killed"))
    standin.start()
    try:
        box = standin.mailbox()
        client = a_client(box, http)
        raw = render(a_mail(box.address))
        draft = await act.create_draft(client, a_permit(standin.base_url), raw, None)
        gone = standin.base_url
        standin.kill()
        with pytest.raises(Unavailable):
            await act.send_draft(client, a_permit(gone), draft.draft_id, raw, None)
        standin.start()
        again = a_client(box, http)
        assert await read.find_draft(again, draft.draft_id) is not None
        await act.send_draft(again, a_permit(standin.base_url), draft.draft_id, raw, None)
        assert len(standin.sent_from(box.address)) == 1
    finally:
        standin.end()
