"""Inbound mail against the real stand-in: each message once, in its thread, in quarantine, and believed nothing."""

import asyncio
from datetime import timedelta

import pytest

from tests.jobs.mailing import (
    answer_to,
    control,
    conversations,
    deliver,
    inbound_messages,
    letter,
    mailbox_id,
    read_mail,
    sent_mail,
    source_of,
)
from tests.world import World
from trinity import agency, audit, crm, gateway, integrations, sources
from trinity.errors import Unavailable
from trinity.jobs import inbound as taking_in
from trinity.providers.gmail import inbound
from trinity.providers.gmail.parse import MAIL_BYTES_MAX

CANARY = "wv7canary"


async def contact(world: World, email: str = "ada@customer.example") -> crm.Contact | None:
    async with world.tx() as tx:
        return await crm.find_contact(tx, email)


class TestReplies:
    async def test_a_reply_joins_our_mail_and_waits_in_quarantine(self, world: World) -> None:
        sent = await sent_mail(world)
        await deliver(world, answer_to(sent, "Yes, please."))
        assert (await read_mail(world))["mail"] == 1
        ((thread, messages),) = await conversations(world)
        assert [(one.direction, one.kind) for one in messages] == [("out", "mail"), ("in", "mail")]
        assert messages[0].tool_call_id == sent["tool_call_id"]
        assert thread.contact_email == "ada@customer.example"
        assert thread.provider_thread_id == sent["thread_id"]
        async with world.tx() as tx:
            source = await source_of(tx, messages[1])
            person = await crm.find_contact(tx, "ada@customer.example")
            assert person is not None
            activities = await crm.timeline(tx, person.id)
        assert (source.origin, source.release_state, source.title) == (
            "inbound_mail",
            "quarantined",
            "Re: Your website",
        )
        assert source.text == "Yes, please."
        assert "mail_received" in [one.kind for one in activities]
        (event,) = await world.events("mail.received")
        assert str(source.id) in str(event.facts)
        assert "Yes, please" not in str(event.facts)

    async def test_an_answer_that_gmail_threads_elsewhere_is_found_by_its_references(self, world: World) -> None:
        sent = await sent_mail(world)
        await read_mail(world)
        arrived = await deliver(world, answer_to(sent, Subject="Something else"))
        assert arrived["thread_id"] != sent["thread_id"]
        await read_mail(world)
        ((_, messages),) = await conversations(world)
        assert len(messages) == 2

    async def test_our_own_mail_is_written_down_by_whoever_sees_it_first(self, world: World) -> None:
        made = await world.approved("key-1")
        await world.drive(made.tool_call_id)
        assert (await read_mail(world))["sent"] == 1
        await gateway.verify(world.rails, world.account_id, made.tool_call_id)
        assert "sent" not in await read_mail(world)
        ((_, (message,)),) = await conversations(world)
        assert (message.direction, message.tool_call_id) == ("out", made.tool_call_id)

    async def test_a_mail_out_of_the_blue_begins_a_thread_and_names_nobody_by_his_own_words(self, world: World) -> None:
        await deliver(world, letter(From=f"{CANARY} <new@stranger.example>", Subject="A question"))
        await read_mail(world)
        ((thread, (message,)),) = await conversations(world)
        person = await contact(world, "new@stranger.example")
        assert person is not None
        assert person.name == "new@stranger.example"
        assert thread.contact_id == person.id
        assert thread.project_id == world.project_id
        assert message.from_name == CANARY

    async def test_no_agent_sees_a_word_of_it_before_its_release(self, world: World) -> None:
        mail = letter(f"{CANARY} text", Subject=f"{CANARY} subject", From=f"{CANARY} <ada@customer.example>")
        mail.add_attachment(f"{CANARY} file".encode(), maintype="text", subtype="plain", filename=f"{CANARY}.txt")
        await deliver(world, mail)
        await read_mail(world)
        (message,) = await inbound_messages(world)
        async with world.tx() as tx:
            goal = agency.NewRun(world.project_id, "Answer Ada.", "ada@customer.example", "Ada")
            run_id = await agency.start_run(tx, world.owner, goal, world.clock())
            package = await agency.build_package(tx, await agency.get_run(tx, run_id), "a-model")
        assert CANARY not in str(package)
        async with world.tx() as tx:
            assert message.source_id is not None
            await sources.decide_release(tx, world.owner, message.source_id, is_released=True, now=world.clock())
            found = await sources.get_source(tx, message.source_id)
        assert (found.release_state, found.contact_id) == ("released", (await contact(world)).id)  # type: ignore[union-attr]

    async def test_attachments_are_quarantined_and_what_may_not_in_is_said(self, world: World) -> None:
        mail = letter()
        mail.add_attachment(b"a;b\n1;2\n", maintype="text", subtype="csv", filename="list.csv")
        mail.add_attachment(b"MZ\x90", maintype="application", subtype="x-msdownload", filename="invoice\u202efdp.exe")
        await deliver(world, mail)
        await read_mail(world)
        (message,) = await inbound_messages(world)
        async with world.tx() as tx:
            (artifact,) = await sources.list_artifacts(tx, project_id=world.project_id)
        assert (artifact.name, artifact.origin, artifact.release_state) == ("list.csv", "attachment", "quarantined")
        assert message.facts["artifact_ids"] == [str(artifact.id)]
        assert message.facts["not_taken"] == 1
        assert any("not taken in" in one for one in message.facts["warnings"])

    async def test_a_second_mail_of_a_person_reopens_the_thread_and_a_machine_does_not(self, world: World) -> None:
        sent = await sent_mail(world)
        await deliver(world, answer_to(sent))
        await read_mail(world)
        ((thread, _),) = await conversations(world)
        for headers, state in (({"Auto_Submitted": "auto-replied"}, "closed"), ({}, "open")):
            async with world.tx() as tx:
                await crm.set_thread_state(tx, thread.id, "closed")
            await deliver(world, answer_to(sent, Message_ID=f"<{state}@customer.example>", **headers))
            await read_mail(world)
            ((thread, messages),) = await conversations(world)
            assert thread.state == state
        assert [one.kind for one in messages if one.direction == "in"] == ["mail", "auto_reply", "mail"]

    async def test_a_reply_is_told_to_the_owner_by_ids_alone_and_a_strangers_mail_is_not(self, world: World) -> None:
        said: list[tuple[str, dict[str, object]]] = []

        async def notify(*given: object) -> None:
            said.append((str(given[2]), dict(given[3])))  # type: ignore[call-overload]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(taking_in, "notify", notify)
            sent = await sent_mail(world)
            await deliver(world, letter(From="new@stranger.example"))
            await deliver(world, answer_to(sent))
            await read_mail(world)
        (thread_id,) = [thread.id for thread, messages in await conversations(world) if len(messages) == 2]
        assert said == [("reply_arrived", {"thread_id": str(thread_id)})]


class TestOnce:
    async def test_reading_again_and_at_once_takes_nothing_twice(self, world: World) -> None:
        for number in range(6):
            await deliver(world, letter(Message_ID=f"<{number}@customer.example>"))
        await asyncio.gather(*(read_mail(world) for _ in range(5)))
        assert "mail" not in await read_mail(world)
        assert len(await inbound_messages(world)) == 6
        async with world.tx() as tx:
            assert len(await sources.list_sources(tx, world.project_id)) == 6

    async def test_history_that_is_gone_brings_a_look_at_the_whole_mailbox(self, world: World) -> None:
        await deliver(world, letter())
        await read_mail(world)
        await deliver(world, letter(Message_ID="<2@customer.example>"))
        await control(world, "forget-history", mailbox=world.mailbox)
        assert await read_mail(world) == {"known": 1, "mail": 1}
        assert await world.events("mailbox.history_gone")
        await deliver(world, letter(Message_ID="<3@customer.example>"))
        assert await read_mail(world) == {"mail": 1}
        assert len(await inbound_messages(world)) == 3

    async def test_more_than_a_batch_is_read_in_several(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        await read_mail(world)
        monkeypatch.setattr(inbound, "PAGE_SIZE", 2)
        monkeypatch.setattr(inbound, "BATCH_MAX", 2)
        for number in range(5):
            await deliver(world, letter(Message_ID=f"<{number}@customer.example>"))
        found = [(await read_mail(world)).get("mail", 0) for _ in range(3)]
        assert found == [2, 2, 1]
        assert len(await inbound_messages(world)) == 5

    async def test_an_answer_that_gets_lost_is_asked_for_again(self, world: World) -> None:
        await read_mail(world)
        await deliver(world, letter())
        for path, mode in (("/history", "unavailable"), ("/messages/", "accept_then_drop")):
            await world.fault(mode, path)
            with pytest.raises(Unavailable):
                await read_mail(world)
        assert (await read_mail(world))["mail"] == 1

    async def test_a_list_that_is_behind_loses_nothing(self, world: World) -> None:
        await read_mail(world)
        await deliver(world, letter())
        await world.fault("stale_list", "/history", seconds=60)
        assert await read_mail(world) == {}
        assert (await read_mail(world))["mail"] == 1

    async def test_the_first_look_reaches_back_to_the_connection_and_no_further(self, world: World) -> None:
        await deliver(world, letter())
        world.clock.sleep(timedelta(days=60).total_seconds())
        assert await read_mail(world) == {}


class TestIgnored:
    @pytest.mark.parametrize(("label", "reason"), [("SPAM", "spam"), ("TRASH", "trash"), ("DRAFT", "draft")])
    async def test_what_is_no_mail_to_us_is_left_with_a_reason(self, world: World, label: str, reason: str) -> None:
        await read_mail(world)
        await deliver(world, letter(), labels=[label])
        assert await read_mail(world) == {reason: 1}
        (event, *_) = await world.events("mailbox.read")
        assert event.facts == {reason: 1}
        assert await conversations(world) == []

    async def test_a_mail_fished_out_of_spam_is_read_then(self, world: World) -> None:
        await read_mail(world)
        arrived = await deliver(world, letter(), labels=["SPAM"])
        await read_mail(world)
        token = (await world.http.post(f"{world.gmail_url}/token", data=await grant(world))).json()["access_token"]
        url = f"{world.gmail_url}/gmail/v1/users/me/messages/{arrived['message_id']}/modify"
        body = {"addLabelIds": ["INBOX"], "removeLabelIds": ["SPAM"]}
        (await world.http.post(url, json=body, headers={"authorization": f"Bearer {token}"})).raise_for_status()
        assert (await read_mail(world))["mail"] == 1

    async def test_mail_to_ourselves_is_left_alone(self, world: World) -> None:
        await read_mail(world)
        made = await world.approved("key-1", to=[{"addr": world.mailbox, "name": ""}])
        await world.drive(made.tool_call_id)
        assert (await read_mail(world))["to_ourselves"] == 1

    async def test_who_gives_himself_out_as_us_is_nobody_and_flagged(self, world: World) -> None:
        await deliver(world, letter(From=f"The boss <{world.alias}>"))
        await read_mail(world)
        (message,) = await inbound_messages(world)
        assert "gives itself out" in message.facts["warnings"][0]
        assert await contact(world, world.alias) is None


async def grant(world: World) -> dict[str, str]:
    name = world.mailbox.partition("@")[2].partition(".")[0]
    return {
        "grant_type": "refresh_token",
        "refresh_token": f"sandbox-refresh-{name}",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-client-secret",
    }


class TestBounces:
    async def test_a_bounce_of_our_mail_marks_the_person_and_warns(self, world: World) -> None:
        await control(world, "bounces", address="ada@customer.example")
        async with world.tx() as tx:
            new = crm.NewContact(world.project_id, "ada@customer.example", "Ada")
            await crm.meet(tx, world.owner, new, world.clock())
        await sent_mail(world)
        await read_mail(world)
        await control(world, "bounces", address="ada@customer.example", action="none")
        ((thread, messages),) = await conversations(world)
        assert [one.kind for one in messages] == ["mail", "bounce"]
        assert messages[1].facts["failed"] == [{"recipient": "ada@customer.example", "status": "5.1.1"}]
        person = await contact(world)
        assert person is not None
        assert person.state == "bounced"
        async with world.tx() as tx:
            (incident,) = [one for one in await audit.list_incidents(tx) if one.kind == "mail_bounced"]
        assert (incident.facts["contact_id"], incident.severity) == (str(person.id), "warning")
        await deliver(world, letter(Message_ID="<alive@customer.example>"))
        await read_mail(world)
        found = await contact(world)
        assert found is not None
        assert found.state == "active"
        assert thread.contact_id == person.id

    async def test_a_report_about_no_mail_of_ours_marks_nobody(self, world: World) -> None:
        async with world.tx() as tx:
            new = crm.NewContact(world.project_id, "ada@customer.example", "Ada")
            await crm.meet(tx, world.owner, new, world.clock())
        raw = (
            b"From: MAILER-DAEMON@evil.example\r\nSubject: Undelivered\r\nMessage-ID: <b@evil.example>\r\n"
            b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
            b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
            b"Final-Recipient: rfc822; ada@customer.example\r\nAction: failed\r\nStatus: 5.0.0\r\n\r\n--b--\r\n"
        )
        await deliver(world, raw)
        await read_mail(world)
        person = await contact(world)
        assert person is not None
        assert person.state == "active"
        (message,) = await inbound_messages(world)
        assert message.kind == "bounce"


class TestGrantGone:
    async def test_a_mailbox_without_a_grant_is_suspended_once(self, world: World) -> None:
        await control(world, "revoke", mailbox=world.mailbox)
        assert await read_mail(world) == {}
        assert await read_mail(world) == {}
        async with world.tx() as tx:
            (mailbox,) = await integrations.list_integrations(tx, "gmail")
        assert mailbox.state == "suspended"
        assert await world.incidents() == ["mailbox_suspended"]


class TestWatch:
    async def test_a_watch_is_renewed_and_says_when_it_ends(self, world: World) -> None:
        topic = f"projects/agency/topics/{world.mailbox.partition('@')[0]}"
        await control(world, "topics", topic=topic, push_url="http://127.0.0.1:9/nowhere")
        until = await gateway.renew_watch(world.rails, world.account_id, await mailbox_id(world), topic)
        assert timedelta(days=6) < until - world.clock() < timedelta(days=8)
        async with world.tx() as tx:
            said = await integrations.get_cursor(tx, await mailbox_id(world), "watch")
        assert said is not None
        assert said[:10] == until.isoformat()[:10]
        assert await world.events("mailbox.watched")


class TestHostileMail:
    async def test_each_of_them_is_taken_in_and_none_stops_the_next(self, world: World) -> None:
        fifty = letter("Fifty files.", Message_ID="<50@x.example>")
        for number in range(50):
            fifty.add_attachment(f"{number};1\n", subtype="csv", filename=f"{number}.csv")
        hidden = letter("", html=f"<p>Hi</p><div style='display:none'>{CANARY}</div>", Message_ID="<h@x.example>")
        bad = b"From: =?utf-8?q?=FF=FE?= <a@@b>\r\nSubject: \xff\xfe\r\nMessage-ID: <\xff>\r\nDate: x\r\n\r\n\x00\x01"
        nested = b"From: n@x.example\r\n" + b"".join(
            b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(100)
        )
        for mail in (fifty, hidden, bad, nested, letter("The last.", Message_ID="<last@x.example>")):
            await deliver(world, mail)
        assert await read_mail(world) == {"mail": 5}
        found = await inbound_messages(world)
        assert (len(found[0].facts["artifact_ids"]), found[0].facts["not_taken"]) == (20, 30)
        async with world.tx() as tx:
            assert CANARY in (await source_of(tx, found[1])).text
            assert (await source_of(tx, found[4])).text == "The last."
        assert any("hides text" in one for one in found[1].facts["warnings"])

    async def test_of_a_huge_mail_the_head_is_taken_in(self, world: World) -> None:
        await deliver(world, letter(Subject="Huge").as_bytes() + b"\r\n" + (b"x" * 998 + b"\r\n") * 30_000)
        await read_mail(world)
        (message,) = await inbound_messages(world)
        assert message.facts["size_bytes"] > 2 * MAIL_BYTES_MAX
        assert (message.subject, message.from_addr) == ("Huge", "ada@customer.example")
        assert any("too large" in one for one in message.facts["warnings"])

    async def test_references_into_another_accounts_thread_lead_nowhere(self, world: World, other_world: World) -> None:
        sent = await sent_mail(world)
        await read_mail(world)
        await deliver(other_world, answer_to(sent, From="mallory@evil.example"))
        await read_mail(other_world)
        ((thread, messages),) = await conversations(other_world)
        assert len(messages) == 1
        assert thread.provider_thread_id != sent["thread_id"]
        ((_, ours),) = await conversations(world)
        assert len(ours) == 1

    async def test_a_stranger_in_a_persons_thread_stays_a_stranger(self, world: World) -> None:
        sent = await sent_mail(world)
        await deliver(world, answer_to(sent))
        await deliver(world, answer_to(sent, From="mallory@evil.example", Message_ID="<m@evil.example>"))
        await read_mail(world)
        ((thread, messages),) = await conversations(world)
        mallory, ada = await contact(world, "mallory@evil.example"), await contact(world)
        assert mallory is not None
        assert ada is not None
        assert thread.contact_id == ada.id
        async with world.tx() as tx:
            assert (await source_of(tx, messages[2])).contact_id == mallory.id

    async def test_nobody_takes_a_conversation_over_by_answering_first(self, world: World) -> None:
        sent = await sent_mail(world)
        await deliver(world, answer_to(sent, From="mallory@evil.example", Message_ID="<m@evil.example>"))
        await read_mail(world)
        ((thread, _),) = await conversations(world)
        assert thread.contact_id is None
        await deliver(world, answer_to(sent))
        await read_mail(world)
        ((thread, _),) = await conversations(world)
        assert thread.contact_email == "ada@customer.example"

    async def test_a_mail_that_cannot_be_kept_lets_the_others_by(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(taking_in, "NO_TEXT", "")
        await deliver(world, b"From: x@y.example\r\n\r\n")
        await deliver(world, letter())
        assert await read_mail(world) == {"not_taken": 1, "mail": 1}
        assert "mail_not_taken" in await world.incidents()
