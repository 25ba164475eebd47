"""Look-ups: what is found, what is surely absent, and what cannot be said."""

import httpx
import pytest

from tests.providers.gmail.factory import TOKEN, a_client, a_mail, a_permit, an_account, system_clock
from tests.providers.gmail.wire import answer, serving
from tests.sandbox.gmail.standin import Mailbox, StandIn, mail
from trinity.errors import LookUpIncomplete, Unavailable
from trinity.providers.gmail import act, read
from trinity.providers.gmail.account import GmailClient
from trinity.providers.gmail.failures import GmailRefused, HistoryGone
from trinity.providers.gmail.materialise import Address, render, reply_to_address


async def send(mailbox: Mailbox, client: GmailClient, token: str = TOKEN) -> act.Sent:
    reply_to = Address(reply_to_address(mailbox.address, token))
    raw = render(a_mail(mailbox.address, token=token, reply_to=reply_to))
    permit = a_permit(mailbox.standin.base_url)
    draft = await act.create_draft(client, permit, raw, None)
    return await act.send_draft(client, permit, draft.draft_id, raw, None)


async def test_profile_and_aliases(mailbox: Mailbox, client: GmailClient) -> None:
    found = await read.profile(client)
    assert (found.address, found.history_id) == (mailbox.address, "1000000")
    assert await read.send_as(client) == (
        read.SendAs(mailbox.address, is_verified=True, is_primary=True),
        read.SendAs("hello@agency.example", is_verified=True, is_primary=False),
        read.SendAs("later@agency.example", is_verified=False, is_primary=False),
    )


class TestDrafts:
    async def test_an_unsent_draft_is_found(self, mailbox: Mailbox, client: GmailClient) -> None:
        raw = render(a_mail(mailbox.address))
        made = await act.create_draft(client, a_permit(mailbox.standin.base_url), raw, None)
        found = await read.find_draft(client, made.draft_id)
        assert found == read.DraftFound(made.draft_id, made.message_id, made.thread_id, ("DRAFT",))

    @pytest.mark.parametrize("draft_id", ["r404", "../messages", "r1?format=raw"])
    async def test_a_draft_that_is_not_there(self, client: GmailClient, draft_id: str) -> None:
        assert await read.find_draft(client, draft_id) is None

    async def test_without_the_label_it_is_no_draft(self, http: httpx.AsyncClient) -> None:
        async with serving() as wire:
            wire.answer = answer(200, b'{"id": "r1", "message": {"id": "1", "threadId": "1", "labelIds": ["SENT"]}}')
            client = GmailClient(an_account(wire.base_url), http, clock=system_clock)
            assert await read.find_draft(client, "r1") is None

    async def test_drafts_are_found_by_token(self, mailbox: Mailbox, client: GmailClient) -> None:
        permit = a_permit(mailbox.standin.base_url)
        made = []
        for token in (TOKEN, "op-another", TOKEN):
            raw = render(a_mail(mailbox.address, token=token, reply_to=Address(mailbox.address)))
            made.append(await act.create_draft(client, permit, raw, None))
        assert await read.drafts_with_token(client, TOKEN) == [made[2].draft_id, made[0].draft_id]
        assert await read.drafts_with_token(client, "op-nothing") == []

    async def test_a_token_in_the_reply_address_is_enough(self, mailbox: Mailbox, client: GmailClient) -> None:
        local, _, domain = mailbox.address.partition("@")
        for reply_to in (f"{local}+tr.{TOKEN}@{domain}", f"The Agency <{local}+tr.{TOKEN}@{domain}>"):
            made = mailbox.draft(mail(Reply_To=reply_to))
            assert (await read.drafts_with_token(client, TOKEN))[0] == made["id"]

    async def test_only_the_newest_are_looked_at(
        self, mailbox: Mailbox, client: GmailClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(read, "DRAFTS_LOOKED_AT_MAX", 2)
        mailbox.draft(mail(X_Trinity_Operation=TOKEN))
        mailbox.draft(mail())
        assert len(await read.drafts_with_token(client, TOKEN)) == 1
        mailbox.draft(mail())
        assert await read.drafts_with_token(client, TOKEN) == []


class TestSentSince:
    async def test_the_sent_mail_is_found_among_others(self, mailbox: Mailbox, client: GmailClient) -> None:
        await send(mailbox, client, "op-before")
        start = (await read.profile(client)).history_id
        await send(mailbox, client, "op-another")
        sent = await send(mailbox, client)
        found = await read.sent_since(client, start, TOKEN)
        assert found == read.SentFound(sent.message_id, sent.thread_id, ("SENT",))
        assert await read.sent_since(client, start, TOKEN, thread_id=sent.thread_id) == found
        assert await read.sent_since(client, start, "op-before") is None

    async def test_a_draft_is_not_sent(self, mailbox: Mailbox, client: GmailClient) -> None:
        start = (await read.profile(client)).history_id
        await act.create_draft(client, a_permit(mailbox.standin.base_url), render(a_mail(mailbox.address)), None)
        assert await read.sent_since(client, start, TOKEN) is None

    async def test_an_answer_that_quotes_the_token_is_not_the_sent_mail(
        self, mailbox: Mailbox, client: GmailClient
    ) -> None:
        start = (await read.profile(client)).history_id
        local, _, domain = mailbox.address.partition("@")
        mailbox.send(mail(to=f"{local}+tr.{TOKEN}@{domain}"))
        assert await read.sent_since(client, start, TOKEN) is None

    async def test_mail_to_oneself_is_found(self, mailbox: Mailbox, client: GmailClient) -> None:
        start = (await read.profile(client)).history_id
        mailbox.send(mail(to=mailbox.address, X_Trinity_Operation=TOKEN))
        found = await read.sent_since(client, start, TOKEN)
        assert found is not None
        assert set(found.label_ids) == {"SENT", "INBOX", "UNREAD"}

    async def test_a_mail_that_landed_in_another_thread_was_sent_all_the_same(
        self, mailbox: Mailbox, client: GmailClient
    ) -> None:
        start = (await read.profile(client)).history_id
        sent = await send(mailbox, client)
        found = await read.sent_since(client, start, TOKEN, thread_id="00000000deadbeef")
        assert found is not None
        assert found.message_id == sent.message_id

    async def test_a_second_one_is_told(self, mailbox: Mailbox, client: GmailClient) -> None:
        start = (await read.profile(client)).history_id
        first, second = await send(mailbox, client), await send(mailbox, client)
        found = await read.sent_since(client, start, TOKEN, thread_id=second.thread_id)
        assert found is not None
        assert (found.message_id, found.others) == (second.message_id, (first.message_id,))

    async def test_pages_are_followed(
        self, mailbox: Mailbox, client: GmailClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(read, "HISTORY_PAGE_SIZE", 1)
        start = (await read.profile(client)).history_id
        await send(mailbox, client, "op-another")
        sent = await send(mailbox, client)
        found = await read.sent_since(client, start, TOKEN)
        assert found is not None
        assert found.message_id == sent.message_id

    @pytest.mark.parametrize(("name", "value"), [("HISTORY_PAGES_MAX", 1), ("CANDIDATES_MAX", 1)])
    async def test_past_its_bounds_it_does_not_say_absent(
        self, mailbox: Mailbox, client: GmailClient, monkeypatch: pytest.MonkeyPatch, name: str, value: int
    ) -> None:
        start = (await read.profile(client)).history_id
        await send(mailbox, client, "op-another")
        await send(mailbox, client, "op-one-more")
        monkeypatch.setattr(read, "HISTORY_PAGE_SIZE", 1)
        monkeypatch.setattr(read, name, value)
        with pytest.raises(LookUpIncomplete):
            await read.sent_since(client, start, TOKEN)

    async def test_forgotten_history_is_gone(self, mailbox: Mailbox, client: GmailClient) -> None:
        start = (await read.profile(client)).history_id
        mailbox.standin.control("forget-history", mailbox=mailbox.address)
        with pytest.raises(HistoryGone) as raised:
            await read.sent_since(client, start, TOKEN)
        assert raised.value.code == "history_gone"

    async def test_a_message_that_cannot_be_looked_at_leaves_it_open(
        self, mailbox: Mailbox, client: GmailClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        start = (await read.profile(client)).history_id
        await send(mailbox, client)
        mailbox.standin.fault("/messages/", "unavailable")
        with pytest.raises(Unavailable):
            await read.sent_since(client, start, TOKEN)

        async def gone(_client: GmailClient, _message_id: str) -> None:
            return None

        monkeypatch.setattr(read, "_metadata", gone)
        with pytest.raises(LookUpIncomplete):
            await read.sent_since(client, start, TOKEN)


class TestSentMessage:
    async def test_the_record_is_whole(self, mailbox: Mailbox, client: GmailClient) -> None:
        sent = await send(mailbox, client)
        found = await read.sent_message(client, sent.message_id)
        assert found.raw == mailbox.raw_of(sent.message_id)
        assert found.message_id.encode() in found.response
        assert dict(found.headers)["X-Trinity-Operation"] == TOKEN
        assert found.wire_message_id.endswith("@mail.gmail.com>")
        assert (found.thread_id, found.label_ids) == (sent.thread_id, ("SENT",))

    async def test_another_mailbox_has_no_such_message(
        self, standin: StandIn, mailbox: Mailbox, client: GmailClient, http: httpx.AsyncClient
    ) -> None:
        sent = await send(mailbox, client)
        with pytest.raises(GmailRefused):
            await read.sent_message(a_client(standin.mailbox(), http), sent.message_id)

    @pytest.mark.parametrize("raw", ["", "!", "eA"])
    async def test_an_answer_without_its_parts(self, http: httpx.AsyncClient, raw: str) -> None:
        async with serving() as wire:
            wire.answer = answer(200, f'{{"id": "1", "raw": "{raw}"}}'.encode())
            client = GmailClient(an_account(wire.base_url), http, clock=system_clock)
            with pytest.raises(Unavailable):
                await read.sent_message(client, "1")
