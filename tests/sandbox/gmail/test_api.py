"""The stand-in behaves as Gmail does. Every answer here is held against Google's discovery document."""

import base64
import email
import email.policy
import re
from typing import Any

import httpx
import pytest

from tests.sandbox.gmail.standin import Mailbox, StandIn, mail, message


def header(raw: bytes, name: str) -> str:
    return str(email.message_from_bytes(raw, policy=email.policy.default)[name] or "")


def refusal(answer: httpx.Response, status: int, reason: str) -> str:
    """Assert Google's error form; returns the message."""
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == status
    assert error["errors"][0]["reason"] == reason
    assert error["errors"][0]["message"] == error["message"]
    assert re.fullmatch(r"[A-Z_]+", error["status"])
    return str(error["message"])


class TestDrafts:
    def test_a_draft_can_be_read_in_every_format(self, mailbox: Mailbox) -> None:
        draft = mailbox.draft(mail("A plan"))
        assert draft["message"]["labelIds"] == ["DRAFT"]
        path = f"drafts/{draft['id']}"
        assert mailbox.call("GET", path, format="full")["message"]["payload"]["mimeType"] == "text/plain"
        assert "payload" not in mailbox.call("GET", path, format="minimal")["message"]
        assert "body" not in mailbox.call("GET", path, format="metadata")["message"]["payload"]
        raw = base64.urlsafe_b64decode(mailbox.call("GET", path, format="raw")["message"]["raw"])
        assert header(raw, "Subject") == "A plan"
        assert mailbox.call("GET", path)["message"]["snippet"] == "The text."

    def test_drafts_are_listed_newest_first_in_pages(self, mailbox: Mailbox) -> None:
        assert "drafts" not in mailbox.call("GET", "drafts")
        made = [mailbox.draft(mail(f"No. {n}"))["id"] for n in range(3)]
        first = mailbox.call("GET", "drafts", maxResults=2)
        second = mailbox.call("GET", "drafts", maxResults=2, pageToken=first["nextPageToken"])
        assert [one["id"] for one in first["drafts"] + second["drafts"]] == made[::-1]
        assert "nextPageToken" not in second

    def test_updating_keeps_the_draft_and_replaces_its_message(self, mailbox: Mailbox) -> None:
        draft = mailbox.draft(mail("Before"))
        updated = mailbox.call("PUT", f"drafts/{draft['id']}", {"message": message(mail("After"))})
        assert updated["id"] == draft["id"]
        assert updated["message"]["id"] != draft["message"]["id"]
        assert updated["message"]["threadId"] == draft["message"]["threadId"]
        assert header(mailbox.raw_of(updated["message"]["id"]), "Subject") == "After"
        refusal(mailbox.try_call("GET", f"messages/{draft['message']['id']}"), 404, "notFound")

    def test_a_deleted_draft_is_gone(self, mailbox: Mailbox) -> None:
        draft = mailbox.draft(mail())
        mailbox.call("DELETE", f"drafts/{draft['id']}")
        for answer in (
            mailbox.try_call("GET", f"drafts/{draft['id']}"),
            mailbox.try_call("DELETE", f"drafts/{draft['id']}"),
            mailbox.try_call("POST", "drafts/send", {"id": draft["id"]}),
            mailbox.try_call("GET", f"messages/{draft['message']['id']}"),
        ):
            assert refusal(answer, 404, "notFound") == "Requested entity was not found."
        assert mailbox.standin.sent_from(mailbox.address) == []

    @pytest.mark.parametrize("body", [{}, {"message": {}}, {"message": {"raw": ""}}])
    def test_a_draft_needs_a_raw_message(self, mailbox: Mailbox, body: dict[str, object]) -> None:
        assert "'raw' RFC822 payload" in refusal(mailbox.try_call("POST", "drafts", body), 400, "invalidArgument")

    def test_what_is_no_mail_is_refused(self, mailbox: Mailbox) -> None:
        refusal(mailbox.try_call("POST", "drafts", {"message": message(b"no header\r\n")}), 400, "invalidArgument")
        assert "drafts" not in mailbox.call("GET", "drafts")


class TestSending:
    def test_sending_consumes_the_draft_and_makes_a_new_message(self, mailbox: Mailbox) -> None:
        draft = mailbox.draft(mail(Message_ID="<ours@agency.example>"))
        sent = mailbox.call("POST", "drafts/send", {"id": draft["id"]})
        assert sent["id"] != draft["message"]["id"]
        assert sent["threadId"] == draft["message"]["threadId"]
        assert sent["labelIds"] == ["SENT"]
        refusal(mailbox.try_call("GET", f"drafts/{draft['id']}"), 404, "notFound")
        refusal(mailbox.try_call("GET", f"messages/{draft['message']['id']}"), 404, "notFound")
        assert "drafts" not in mailbox.call("GET", "drafts")

    def test_the_message_id_is_replaced(self, mailbox: Mailbox) -> None:
        sent = mailbox.send(mail(Message_ID="<ours@agency.example>"))
        raw = mailbox.raw_of(sent["id"])
        assert b"ours@agency.example" not in raw
        assert re.fullmatch(r"<CA\+\S+@mail\.gmail\.com>", header(raw, "Message-ID"))
        [booked] = mailbox.standin.sent_from(mailbox.address)
        assert booked["wire_message_id"] == header(raw, "Message-ID")

    def test_a_second_send_of_the_same_draft_is_refused(self, mailbox: Mailbox) -> None:
        draft = mailbox.draft(mail())
        mailbox.call("POST", "drafts/send", {"id": draft["id"]})
        again = mailbox.try_call("POST", "drafts/send", {"id": draft["id"], "message": message(mail())})
        assert refusal(again, 400, "invalidArgument") == "Message not a draft"
        assert len(mailbox.standin.sent_from(mailbox.address)) == 1

    def test_a_raw_in_the_call_replaces_the_draft(self, mailbox: Mailbox) -> None:
        draft = mailbox.draft(mail("Edited by someone"))
        approved = mail("As approved")
        sent = mailbox.call("POST", "drafts/send", {"id": draft["id"], "message": message(approved)})
        assert header(mailbox.raw_of(sent["id"]), "Subject") == "As approved"
        [booked] = mailbox.standin.sent_from(mailbox.address)
        assert base64.b64decode(booked["submitted_b64"]) == approved

    def test_without_a_recipient_nothing_is_sent_and_the_draft_stays(self, mailbox: Mailbox) -> None:
        draft = mailbox.draft(b"Subject: To nobody\r\n\r\nx\r\n")
        answer = mailbox.try_call("POST", "drafts/send", {"id": draft["id"]})
        assert refusal(answer, 400, "invalidArgument") == "Recipient address required"
        assert mailbox.call("GET", f"drafts/{draft['id']}")["message"]["labelIds"] == ["DRAFT"]
        assert mailbox.standin.sent_from(mailbox.address) == []

    def test_an_unreadable_recipient_is_refused(self, mailbox: Mailbox) -> None:
        draft = mailbox.draft(mail(to="not an address"))
        answer = mailbox.try_call("POST", "drafts/send", {"id": draft["id"]})
        assert refusal(answer, 400, "invalidArgument") == "Invalid To header"

    def test_the_sender_keeps_the_bcc_and_others_do_not_see_it(self, standin: StandIn, mailbox: Mailbox) -> None:
        other = standin.mailbox()
        sent = mailbox.send(mail(to=other.address, Bcc="secret@customer.example"))
        assert header(mailbox.raw_of(sent["id"]), "Bcc") == "secret@customer.example"
        [arrived] = other.call("GET", "messages", labelIds="INBOX")["messages"]
        assert header(other.raw_of(arrived["id"]), "Bcc") == ""
        [booked] = standin.sent_from(mailbox.address)
        assert booked["recipients"] == [other.address, "secret@customer.example"]

    def test_messages_send_sends_without_a_draft(self, mailbox: Mailbox) -> None:
        sent = mailbox.call("POST", "messages/send", message(mail("Straight")))
        assert sent["labelIds"] == ["SENT"]
        assert len(mailbox.standin.sent_from(mailbox.address)) == 1


class TestAliases:
    def test_they_are_listed_with_their_verification(self, standin: StandIn) -> None:
        pending = {"address": "later@agency.example", "verification": "pending"}
        box = standin.mailbox(aliases=["hello@agency.example", pending])
        listed = {one["sendAsEmail"]: one for one in box.call("GET", "settings/sendAs")["sendAs"]}
        assert listed[box.address]["isPrimary"] is True
        assert listed["hello@agency.example"]["verificationStatus"] == "accepted"
        assert listed["later@agency.example"]["verificationStatus"] == "pending"

    @pytest.mark.parametrize(
        ("given", "is_kept"),
        [
            ("Hello <hello@agency.example>", True),
            ("later@agency.example", False),
            ("ceo@bank.example", False),
            ("hello@agency.example, ceo@bank.example", False),
        ],
    )
    def test_a_from_that_is_no_accepted_alias_is_rewritten(self, standin: StandIn, given: str, is_kept: bool) -> None:
        pending = {"address": "later@agency.example", "verification": "pending"}
        box = standin.mailbox(aliases=["hello@agency.example", pending])
        shown = header(box.raw_of(box.send(mail(From=given))["id"]), "From")
        assert shown == (given if is_kept else f"The Agency <{box.address}>")


class TestThreads:
    def reply(self, box: Mailbox, wire_id: str, subject: str) -> bytes:
        return mail(subject, In_Reply_To=wire_id, References=wire_id)

    def first(self, box: Mailbox) -> tuple[str, str]:
        sent = box.send(mail("The offer"))
        return sent["threadId"], header(box.raw_of(sent["id"]), "Message-ID")

    def test_thread_id_references_and_subject_together_join_a_thread(self, mailbox: Mailbox) -> None:
        thread_id, wire_id = self.first(mailbox)
        sent = mailbox.send(self.reply(mailbox, wire_id, "Re: The offer"), thread_id)
        assert sent["threadId"] == thread_id
        thread = mailbox.call("GET", f"threads/{thread_id}", format="minimal")
        assert [one["labelIds"] for one in thread["messages"]] == [["SENT"], ["SENT"]]
        assert mailbox.call("GET", "threads")["threads"][0]["id"] == thread_id

    @pytest.mark.parametrize("missing", ["thread_id", "references", "subject"])
    def test_two_of_the_three_start_another_thread(self, mailbox: Mailbox, missing: str) -> None:
        thread_id, wire_id = self.first(mailbox)
        named = {"references": "<other@x.example>"}.get(missing, wire_id)
        subject = "Something else" if missing == "subject" else "Re: The offer"
        raw = self.reply(mailbox, named, subject)
        sent = mailbox.send(raw, None if missing == "thread_id" else thread_id)
        assert sent["threadId"] != thread_id

    def test_a_thread_that_does_not_exist_is_refused(self, mailbox: Mailbox) -> None:
        body = {"message": message(mail(), "00000000deadbeef")}
        refusal(mailbox.try_call("POST", "drafts", body), 404, "notFound")
        refusal(mailbox.try_call("GET", "threads/00000000deadbeef"), 404, "notFound")

    def test_sending_a_reply_with_its_content_needs_the_thread_id_again(self, mailbox: Mailbox) -> None:
        thread_id, wire_id = self.first(mailbox)
        raw = self.reply(mailbox, wire_id, "Re: The offer")
        for given, joins in ((thread_id, True), (None, False)):
            draft = mailbox.draft(raw, thread_id)
            sent = mailbox.call("POST", "drafts/send", {"id": draft["id"], "message": message(raw, given)})
            assert (sent["threadId"] == thread_id) is joins

    def test_an_answer_from_outside_joins_by_reference_and_subject(self, standin: StandIn, mailbox: Mailbox) -> None:
        thread_id, wire_id = self.first(mailbox)
        raw = mail("Re: The offer", From="x@customer.example", In_Reply_To=wire_id)
        found = standin.control("deliver", mailbox=mailbox.address, raw_b64=base64.b64encode(raw).decode())
        assert found["thread_id"] == thread_id
        got = mailbox.call("GET", f"messages/{found['message_id']}", format="metadata", metadataHeaders="From")
        assert got["labelIds"] == ["UNREAD", "INBOX"]
        assert got["payload"]["headers"] == [{"name": "From", "value": "x@customer.example"}]


class TestHistory:
    def since(self, box: Mailbox, start: str, **params: object) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page = box.call("GET", "history", startHistoryId=start, **params)
        found += page.get("history", [])
        while "nextPageToken" in page:
            page = box.call("GET", "history", startHistoryId=start, pageToken=page["nextPageToken"], **params)
            found += page.get("history", [])
        return found

    def test_a_send_is_a_deletion_and_an_addition(self, mailbox: Mailbox) -> None:
        start = mailbox.call("GET", "profile")["historyId"]
        sent = mailbox.send(mail())
        kinds = [next(key for key in one if key.startswith("messages") and key != "messages")
                 for one in self.since(mailbox, start, maxResults=1)]  # fmt: skip
        assert kinds == ["messagesAdded", "messagesDeleted", "messagesAdded"]
        only_added = self.since(mailbox, start, historyTypes="messageAdded", labelId="SENT")
        [record] = only_added
        assert record["messagesAdded"][0]["message"]["id"] == sent["id"]
        assert record["messagesAdded"][0]["message"]["labelIds"] == ["SENT"]

    def test_nothing_new_has_no_history_key(self, mailbox: Mailbox) -> None:
        start = mailbox.call("GET", "profile")["historyId"]
        assert mailbox.call("GET", "history", startHistoryId=start) == {"historyId": start}

    @pytest.mark.parametrize("start", ["1", "999999999999"])
    def test_an_id_that_gmail_does_not_keep_is_not_found(self, mailbox: Mailbox, start: str) -> None:
        refusal(mailbox.try_call("GET", "history", startHistoryId=start), 404, "notFound")

    def test_forgotten_history_is_not_found(self, standin: StandIn, mailbox: Mailbox) -> None:
        start = mailbox.call("GET", "profile")["historyId"]
        now = standin.control("forget-history", mailbox=mailbox.address)["history_id"]
        refusal(mailbox.try_call("GET", "history", startHistoryId=start), 404, "notFound")
        mailbox.call("GET", "history", startHistoryId=now)

    def test_labels_leave_a_trace(self, mailbox: Mailbox) -> None:
        sent = mailbox.send(mail())
        start = mailbox.call("GET", "profile")["historyId"]
        path = f"messages/{sent['id']}/modify"
        assert "STARRED" in mailbox.call("POST", path, {"addLabelIds": ["STARRED"]})["labelIds"]
        [record] = mailbox.call("GET", "history", startHistoryId=start)["history"]
        assert record["labelsAdded"][0]["labelIds"] == ["STARRED"]
        refusal(mailbox.try_call("POST", path, {"removeLabelIds": ["SENT"]}), 400, "invalidArgument")


class TestMessages:
    def test_search_finds_by_the_wire_id(self, mailbox: Mailbox) -> None:
        sent = mailbox.send(mail("One"))
        mailbox.send(mail("Two"))
        wire_id = header(mailbox.raw_of(sent["id"]), "Message-ID")
        [found] = mailbox.call("GET", "messages", q=f"rfc822msgid:{wire_id} in:sent")["messages"]
        assert found["id"] == sent["id"]
        assert "messages" not in mailbox.call("GET", "messages", q="subject:Three")
        refusal(mailbox.try_call("GET", "messages", q="older_than:2d"), 400, "invalidArgument")

    def test_parts_and_attachments(self, mailbox: Mailbox) -> None:
        built = email.message.EmailMessage(policy=email.policy.SMTP)
        built["To"] = "x@customer.example"
        built.set_content("plain")
        built.add_alternative("<p>html</p>", subtype="html")
        built.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="offer.pdf")
        sent = mailbox.send(built.as_bytes())
        payload = mailbox.call("GET", f"messages/{sent['id']}")["payload"]
        assert [one["mimeType"] for one in payload["parts"]] == ["multipart/alternative", "application/pdf"]
        assert [one["partId"] for one in payload["parts"][0]["parts"]] == ["0.0", "0.1"]
        attached = payload["parts"][1]
        path = f"messages/{sent['id']}/attachments/{attached['body']['attachmentId']}"
        assert base64.urlsafe_b64decode(mailbox.call("GET", path)["data"]) == b"%PDF"
        refusal(mailbox.try_call("GET", f"messages/{sent['id']}/attachments/none"), 404, "notFound")

    def test_labels_are_listed(self, mailbox: Mailbox) -> None:
        names = {one["id"] for one in mailbox.call("GET", "labels")["labels"]}
        assert {"SENT", "DRAFT", "INBOX", "UNREAD"} <= names

    def test_the_profile_counts(self, mailbox: Mailbox) -> None:
        mailbox.send(mail())
        found = mailbox.call("GET", "profile")
        assert (found["emailAddress"], found["messagesTotal"], found["threadsTotal"]) == (mailbox.address, 1, 1)


class TestWhoMay:
    def get(self, mailbox: Mailbox, user: str, token: str) -> httpx.Response:
        url = f"{mailbox.standin.base_url}/gmail/v1/users/{user}/profile"
        return httpx.get(url, headers={"authorization": token} if token else {})

    def test_me_and_the_own_address(self, mailbox: Mailbox) -> None:
        bearer = f"Bearer {mailbox.token()}"
        for user in ("me", mailbox.address):
            assert self.get(mailbox, user, bearer).json()["emailAddress"] == mailbox.address

    def test_another_mailbox_is_forbidden(self, standin: StandIn, mailbox: Mailbox) -> None:
        other = standin.mailbox()
        answer = self.get(mailbox, other.address, f"Bearer {mailbox.token()}")
        assert refusal(answer, 403, "forbidden") == f"Delegation denied for {mailbox.address}"

    @pytest.mark.parametrize("token", ["", "Bearer", "Bearer wrong", "Basic d3Jvbmc="])
    def test_without_a_good_token_nothing_is_told(self, mailbox: Mailbox, token: str) -> None:
        refusal(self.get(mailbox, "me", token), 401, "authError")

    def test_ids_of_another_mailbox_do_not_exist(self, standin: StandIn, mailbox: Mailbox) -> None:
        other = standin.mailbox()
        draft = other.draft(mail())
        refusal(mailbox.try_call("GET", f"drafts/{draft['id']}"), 404, "notFound")
        refusal(mailbox.try_call("POST", "drafts/send", {"id": draft["id"]}), 404, "notFound")
        refusal(mailbox.try_call("GET", f"messages/{draft['message']['id']}"), 404, "notFound")

    @pytest.mark.parametrize(
        ("body", "status"),
        [(b"{", 400), (b"[]", 400), (b'{"message": {"raw": "!!"}}', 400), (b'{"message": {"rwa": ""}}', 400),
         (b'{"message": {"raw": 5}}', 400), (b'{"draft": {}}', 400)],
    )  # fmt: skip
    def test_a_body_that_makes_no_sense_is_refused(self, mailbox: Mailbox, body: bytes, status: int) -> None:
        url = f"{mailbox.standin.base_url}/gmail/v1/users/me/drafts"
        headers = {"authorization": f"Bearer {mailbox.token()}"}
        refusal(httpx.post(url, content=body, headers=headers), status, "invalidArgument")

    def test_an_unknown_path_is_not_found(self, mailbox: Mailbox) -> None:
        url = f"{mailbox.standin.base_url}/gmail/v1/users/me/nothing"
        refusal(httpx.get(url, headers={"authorization": f"Bearer {mailbox.token()}"}), 404, "notFound")
