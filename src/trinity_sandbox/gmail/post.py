"""What happens to mail: drafts come and go, messages are sent, delivered and threaded, history is kept.

Every public method is one transaction. Ids follow Gmail's forms: messages and threads are 16 hex digits,
drafts `r` and digits, history ids are numbers that only grow.
"""

import email.utils
import json
import secrets
import sqlite3
import time
from typing import Any

from trinity_sandbox.gmail import bounces, mime
from trinity_sandbox.gmail.books import Books, dump, load, now_ms, now_text
from trinity_sandbox.gmail.errors import invalid, not_found
from trinity_sandbox.gmail.mailboxes import Mailbox, Mailboxes
from trinity_sandbox.gmail.watching import Watching

RAW_BYTES_MAX = 25 * 1024 * 1024
DELIVERED_BYTES_MAX = 50 * 1024 * 1024
"""Gmail takes larger mail in than it sends."""


class Post:
    """The mail of every mailbox."""

    def __init__(self, books: Books, mailboxes: Mailboxes, watching: Watching) -> None:
        self._books = books
        self._mailboxes = mailboxes
        self._watching = watching

    # --- drafts -----------------------------------------------------------------------------------

    def create_draft(self, mailbox: Mailbox, raw: bytes, thread_id: str | None) -> sqlite3.Row:
        """Keep a draft; returns its row."""
        mail = self._submitted(raw)
        draft_id = f"r{secrets.randbelow(10**18) + 10**18}"
        with self._books.transaction():
            thread = self._thread_for(mailbox, mail, thread_id)
            message_id = self._insert(mailbox, self._with_message_id(mail), ["DRAFT"], thread)
            self._books.run(
                "INSERT INTO draft (id, mailbox, message_id, state) VALUES (?, ?, ?, 'open')",
                draft_id,
                mailbox.address,
                message_id,
            )
        return self.draft(mailbox, draft_id)

    def update_draft(self, mailbox: Mailbox, draft_id: str, raw: bytes, thread_id: str | None) -> sqlite3.Row:
        """Replace a draft's content: the draft keeps its id, its message gets a new one, as in Gmail."""
        mail = self._submitted(raw)
        with self._books.transaction():
            old = self.message(mailbox, self.draft(mailbox, draft_id)["message_id"])
            thread = self._thread_on_replacing(mailbox, mail, thread_id, old)
            self._remove(mailbox, old)
            message_id = self._insert(mailbox, self._with_message_id(mail), ["DRAFT"], thread)
            self._books.run("UPDATE draft SET message_id = ? WHERE id = ?", message_id, draft_id)
        return self.draft(mailbox, draft_id)

    def delete_draft(self, mailbox: Mailbox, draft_id: str) -> None:
        """Delete a draft for good, its message with it."""
        with self._books.transaction():
            draft = self.draft(mailbox, draft_id)
            self._remove(mailbox, self.message(mailbox, draft["message_id"]))
            self._books.run("UPDATE draft SET state = 'deleted' WHERE id = ?", draft_id)

    def draft(self, mailbox: Mailbox, draft_id: str) -> sqlite3.Row:
        """An open draft's row, or 404."""
        row = self._books.row(
            "SELECT * FROM draft WHERE id = ? AND mailbox = ? AND state = 'open'", draft_id, mailbox.address
        )
        if row is None:
            raise not_found()
        return row

    def drafts(self, mailbox: Mailbox) -> list[sqlite3.Row]:
        """Open drafts, newest first."""
        return self._books.rows(
            "SELECT * FROM draft WHERE mailbox = ? AND state = 'open' ORDER BY seq DESC", mailbox.address
        )

    # --- sending ----------------------------------------------------------------------------------

    def send_draft(self, mailbox: Mailbox, draft_id: str, raw: bytes | None, thread_id: str | None) -> sqlite3.Row:
        """Send a draft, with other content if `raw` is given. The draft is consumed; the new message's row."""
        with self._books.transaction():
            if self._is_sent(mailbox, draft_id):
                raise invalid("Message not a draft")
            old = self.message(mailbox, self.draft(mailbox, draft_id)["message_id"])
            mail = self._submitted(old["raw"] if raw is None else raw)
            if raw is None:
                thread: str | None = old["thread_id"]
            else:
                thread = self._thread_on_replacing(mailbox, mail, thread_id, old)
            self._remove(mailbox, old)
            self._books.run("UPDATE draft SET state = 'sent' WHERE id = ?", draft_id)
            submitted = bytes(old["raw"]) if raw is None else raw
            message_id = self._transmit(mailbox, mail, submitted, thread)
        return self.message(mailbox, message_id)

    def send(self, mailbox: Mailbox, raw: bytes, thread_id: str | None) -> sqlite3.Row:
        """Send without a draft (`messages.send`)."""
        mail = self._submitted(raw)
        with self._books.transaction():
            thread = self._thread_for(mailbox, mail, thread_id)
            message_id = self._transmit(mailbox, mail, raw, thread)
        return self.message(mailbox, message_id)

    def deliver(self, mailbox: Mailbox, raw: bytes, labels: list[str]) -> sqlite3.Row:
        """Mail from outside arrives, in the inbox unless other labels say so; its sender's Message-ID stays."""
        if len(raw) > DELIVERED_BYTES_MAX:
            raise invalid("Message too large")
        mail = mime.parse(raw)
        with self._books.transaction():
            message_id = self._receive(mailbox, mail, labels=labels)
        return self.message(mailbox, message_id)

    # --- messages and history ---------------------------------------------------------------------

    def message(self, mailbox: Mailbox, message_id: str) -> sqlite3.Row:
        """One message's row, or 404."""
        row = self._books.row("SELECT * FROM message WHERE id = ? AND mailbox = ?", message_id, mailbox.address)
        if row is None:
            raise not_found()
        return row

    def messages(self, mailbox: Mailbox, thread_id: str | None = None) -> list[sqlite3.Row]:
        """Messages, newest first; only those of a thread if one is named."""
        if thread_id is None:
            return self._books.rows("SELECT * FROM message WHERE mailbox = ? ORDER BY seq DESC", mailbox.address)
        return self._books.rows(
            "SELECT * FROM message WHERE mailbox = ? AND thread_id = ? ORDER BY seq DESC",
            mailbox.address,
            thread_id,
        )

    def modify(self, mailbox: Mailbox, message_id: str, add: list[str], remove: list[str]) -> sqlite3.Row:
        """Add and remove labels; DRAFT and SENT are Gmail's own and cannot be changed."""
        if {"DRAFT", "SENT"} & {*add, *remove}:
            raise invalid(f"Invalid label: {sorted({'DRAFT', 'SENT'} & {*add, *remove})[0]}")
        with self._books.transaction():
            row = self.message(mailbox, message_id)
            before = load(row["labels"])
            after = [label for label in before if label not in remove]
            after += [label for label in dict.fromkeys(add) if label not in after]
            self._books.run("UPDATE message SET labels = ? WHERE id = ?", dump(after), message_id)
            gone = [label for label in before if label not in after]
            new = [label for label in after if label not in before]
            for kind, changed in (("labelRemoved", gone), ("labelAdded", new)):
                if changed:
                    self._note(mailbox, kind, message_id, row["thread_id"], after, changed)
        return self.message(mailbox, message_id)

    def history(self, mailbox: Mailbox, after: int) -> list[sqlite3.Row]:
        """What happened after a history id, oldest first; 404 when the id is too old or from the future."""
        row = self._counters(mailbox)
        if not row["history_floor"] <= after <= row["history_id"]:
            raise not_found()
        return self._books.rows(
            "SELECT * FROM history WHERE mailbox = ? AND id > ? ORDER BY id", mailbox.address, after
        )

    def history_id(self, mailbox: Mailbox) -> int:
        """The mailbox's newest history id."""
        return int(self._counters(mailbox)["history_id"])

    def history_behind(self, mailbox: Mailbox, after: int, before_ms: int) -> tuple[list[sqlite3.Row], int]:
        """As `history`, of what happened before a moment; and the newest history id of that moment."""
        rows = [row for row in self.history(mailbox, after) if row["at_ms"] <= before_ms]
        return rows, int(rows[-1]["id"]) if rows else after

    def forget_history(self, mailbox: Mailbox) -> None:
        """Make every history id up to now too old, as Gmail does after about a week."""
        with self._books.transaction():
            self._note(mailbox, "forgotten", "", "", [], [])
            self._books.run("UPDATE mailbox SET history_floor = history_id WHERE address = ?", mailbox.address)

    def sent(self) -> list[sqlite3.Row]:
        """Every mail that was really sent, in order."""
        return self._books.rows("SELECT * FROM sent ORDER BY seq")

    def all_drafts(self) -> list[sqlite3.Row]:
        """Every open draft of every mailbox, in order, with its content."""
        return self._books.rows(
            "SELECT draft.id, draft.mailbox, draft.message_id, message.thread_id, message.raw FROM draft"
            " JOIN message ON message.id = draft.message_id WHERE state = 'open' ORDER BY draft.seq"
        )

    # --- inside a transaction ---------------------------------------------------------------------

    def _submitted(self, raw: bytes) -> mime.RawMail:
        if len(raw) > RAW_BYTES_MAX:
            raise invalid("Message too large")
        return mime.parse(raw)

    def _is_sent(self, mailbox: Mailbox, draft_id: str) -> bool:
        row = self._books.row(
            "SELECT 1 FROM draft WHERE id = ? AND mailbox = ? AND state = 'sent'", draft_id, mailbox.address
        )
        return row is not None

    def _transmit(self, mailbox: Mailbox, mail: mime.RawMail, submitted: bytes, thread: str | None) -> str:
        to = mime.recipients(mail)
        if not to:
            raise invalid("Recipient address required")
        mail = self._from_allowed(mailbox, mail)
        if not mail.values("Date"):
            mail = mail.replaced("Date", email.utils.format_datetime(email.utils.localtime()))
        mail = self._with_message_id(mail)
        stamp = f"from {secrets.randbelow(10**12)} named unknown by gmailapi.google.com with HTTPREST;"
        mail = mail.with_first("Received", f"{stamp} {email.utils.formatdate()}")
        message_id = self._insert(mailbox, mail, ["SENT"], thread)
        row = self.message(mailbox, message_id)
        self._books.run(
            "INSERT INTO sent (mailbox, message_id, thread_id, wire_message_id, submitted, raw, recipients, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            mailbox.address,
            message_id,
            row["thread_id"],
            row["wire_message_id"],
            submitted,
            row["raw"],
            dump(to),
            now_text(),
        )
        self._hand_over(mailbox, mail, to, message_id)
        self._bounce(mailbox, mail, to, row["thread_id"])
        return message_id

    def _hand_over(self, sender: Mailbox, mail: mime.RawMail, to: list[str], message_id: str) -> None:
        """Deliver within the stand-in. Others do not see the Bcc; mail to oneself is the same message."""
        reached = {box.address: box for addr in to if (box := self._mailboxes.receiving(addr))}
        for address, box in reached.items():
            if address == sender.address:
                labels = ["SENT", "INBOX", "UNREAD"]
                self._books.run("UPDATE message SET labels = ? WHERE id = ?", dump(labels), message_id)
            else:
                self._receive(box, mail.without("Bcc"))

    def _bounce(self, sender: Mailbox, mail: mime.RawMail, to: list[str], thread_id: str) -> None:
        """Addresses that were set up to bounce do; the notification stands in the conversation of its mail."""
        for addr in to:
            rule = self._books.row("SELECT * FROM bounce WHERE address = ?", addr.lower())
            if rule is not None:
                report = mime.parse(bounces.notification(sender.address, mail, bounces.Bounce(*tuple(rule))))
                self._receive(sender, report, thread=thread_id)

    def _receive(
        self, mailbox: Mailbox, mail: mime.RawMail, *, labels: list[str] | None = None, thread: str | None = None
    ) -> str:
        if not mail.values("Message-ID"):
            mail = self._with_message_id(mail)
        mail = mail.with_first("Delivered-To", mailbox.address)
        thread = thread or self._thread_answered(mailbox, mail)
        return self._insert(mailbox, mail, labels or ["UNREAD", "INBOX"], thread)

    def _from_allowed(self, mailbox: Mailbox, mail: mime.RawMail) -> mime.RawMail:
        given = mime.addresses(mail, "From")
        if len(given) == 1 and mailbox.may_send_from(given[0]):
            return mail
        primary = email.utils.formataddr((mailbox.display_name, mailbox.address))
        return mail.replaced("From", primary)

    def _with_message_id(self, mail: mime.RawMail) -> mime.RawMail:
        return mail.replaced("Message-ID", f"<CA+{secrets.token_urlsafe(30)}@mail.gmail.com>")

    def _thread_for(self, mailbox: Mailbox, mail: mime.RawMail, thread_id: str | None) -> str | None:
        """The thread a mail joins when the caller names one; None for a new thread.

        Joining needs all three: the thread's id, a reference to one of its messages, and its subject.
        """
        if thread_id is None:
            return None
        members = self.messages(mailbox, thread_id)
        if not members:
            raise not_found()
        answers = mime.references(mail) & {row["wire_message_id"] for row in members}
        is_same_subject = mime.subject_key(mail) == members[-1]["subject_key"]
        return thread_id if answers and is_same_subject else None

    def _thread_on_replacing(
        self, mailbox: Mailbox, mail: mime.RawMail, thread_id: str | None, old: sqlite3.Row
    ) -> str | None:
        """As above; a draft that stands alone in its thread keeps it whatever its new content says."""
        is_alone = len(self.messages(mailbox, old["thread_id"])) == 1
        if is_alone and thread_id in (None, old["thread_id"]):
            return str(old["thread_id"])
        return self._thread_for(mailbox, mail, thread_id)

    def _thread_answered(self, mailbox: Mailbox, mail: mime.RawMail) -> str | None:
        """Where inbound mail belongs: the thread of a message it refers to, if the subject is the same."""
        for wire_id in sorted(mime.references(mail)):
            row = self._books.row(
                "SELECT thread_id, subject_key FROM message WHERE mailbox = ? AND wire_message_id = ?",
                mailbox.address,
                wire_id,
            )
            if row and row["subject_key"] == mime.subject_key(mail):
                return str(row["thread_id"])
        return None

    def _insert(self, mailbox: Mailbox, mail: mime.RawMail, labels: list[str], thread: str | None) -> str:
        millis = int(time.time() * 1000)
        message_id = f"{(millis << 20) | secrets.randbits(20):016x}"
        thread_id = thread or message_id
        history_id = self._note(mailbox, "messageAdded", message_id, thread_id, labels, [])
        self._books.run(
            "INSERT INTO message (id, mailbox, thread_id, labels, raw, wire_message_id, subject_key,"
            " internal_ms, history_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            message_id,
            mailbox.address,
            thread_id,
            dump(labels),
            mail.to_bytes(),
            mail.value("Message-ID"),
            mime.subject_key(mail),
            millis,
            history_id,
        )
        return message_id

    def _remove(self, mailbox: Mailbox, row: sqlite3.Row) -> None:
        self._books.run("DELETE FROM message WHERE id = ?", row["id"])
        self._note(mailbox, "messageDeleted", row["id"], row["thread_id"], load(row["labels"]), [])

    def _note(
        self,
        mailbox: Mailbox,
        kind: str,
        message_id: str,
        thread_id: str,
        labels: list[str],
        changed: list[str],
    ) -> int:
        step = secrets.randbelow(40) + 1
        self._books.run("UPDATE mailbox SET history_id = history_id + ? WHERE address = ?", step, mailbox.address)
        history_id = self.history_id(mailbox)
        values: tuple[Any, ...] = (kind, message_id, thread_id, json.dumps(labels), json.dumps(changed))
        self._books.run(
            "INSERT INTO history (mailbox, id, kind, message_id, thread_id, labels, changed, at_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            mailbox.address,
            history_id,
            *values,
            now_ms(),
        )
        self._watching.note(mailbox.address, labels, history_id)
        return history_id

    def _counters(self, mailbox: Mailbox) -> sqlite3.Row:
        row = self._books.row("SELECT history_id, history_floor FROM mailbox WHERE address = ?", mailbox.address)
        assert row is not None
        return row
