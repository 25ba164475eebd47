"""`users.watch`: who is told what by which Pub/Sub topic, and the pushes that fall due.

A topic is set up over a control endpoint, with the address that its push subscription posts to.
"""

import base64
import json
import re
import secrets
from dataclasses import dataclass
from typing import Any

from trinity_sandbox.gmail.books import Books, dump, load, now_ms, now_text
from trinity_sandbox.gmail.errors import GoogleError, invalid

TOPIC = re.compile(r"projects/([a-z0-9.:_-]+)/topics/([A-Za-z0-9._~%+-]+)")
WATCH_MS = 7 * 24 * 3_600_000
COPIES_MAX = 20


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and its push subscription; `copies` is how often each push goes out: Pub/Sub promises at least once."""

    name: str
    subscription: str
    push_url: str
    copies: int


class Watching:
    """Watches, topics and pushes in the books."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def set_topic(self, topic: Topic) -> None:
        """Make the topic, or bring it to this state."""
        values = (topic.name, topic.subscription, topic.push_url, topic.copies)
        with self._books.transaction():
            self._books.run("INSERT OR REPLACE INTO topic VALUES (?, ?, ?, ?)", *values)

    def begin(self, address: str, topic: str, labels: list[str], *, is_excluding: bool) -> int:
        """Watch a mailbox for a week; when that ends, in milliseconds."""
        if not TOPIC.fullmatch(topic):
            raise invalid("Invalid topicName does not match projects/{project}/topics/*")
        if self._books.row("SELECT 1 FROM topic WHERE name = ?", topic) is None:
            short = topic.rpartition("/")[2]
            message = f"Error sending test message to Cloud PubSub {topic} : Resource not found (resource={short})."
            raise GoogleError(404, "notFound", message)
        until = now_ms() + WATCH_MS
        values = (address, topic, dump(labels), int(is_excluding), until)
        with self._books.transaction():
            self._books.run("INSERT OR REPLACE INTO watch VALUES (?, ?, ?, ?, ?)", *values)
        return until

    def end(self, address: str) -> None:
        """Watch it no longer."""
        with self._books.transaction():
            self._books.run("DELETE FROM watch WHERE mailbox = ?", address)

    def expire(self, address: str) -> bool:
        """Let a watch run out now. False: there was none."""
        with self._books.transaction():
            return self._books.run("UPDATE watch SET expires_ms = 0 WHERE mailbox = ?", address) == 1

    def note(self, address: str, labels: list[str], history_id: int) -> None:
        """Inside a transaction: something happened in a mailbox; whoever watches it is told, after the commit."""
        watch = self._books.row("SELECT * FROM watch WHERE mailbox = ? AND expires_ms > ?", address, now_ms())
        if watch is None:
            return
        wanted = set(load(watch["labels"]))
        if wanted and bool(wanted & set(labels)) == bool(watch["is_excluding"]):
            return
        topic = self._books.row("SELECT * FROM topic WHERE name = ?", watch["topic"])
        assert topic is not None
        body = _body(address, history_id, topic["subscription"])
        for _ in range(topic["copies"]):
            self._books.run("INSERT INTO push (topic, body, due_ms) VALUES (?, ?, ?)", topic["name"], body, now_ms())

    def pushes(self) -> list[dict[str, Any]]:
        """Every push, oldest first."""
        rows = self._books.rows("SELECT topic, body, attempts, status, state FROM push ORDER BY seq")
        return [dict(row) for row in rows]


def _body(address: str, history_id: int, subscription: str) -> str:
    """Pub/Sub's wrapped push of Gmail's notification."""
    data = json.dumps({"emailAddress": address, "historyId": history_id}).encode()
    message_id, at = str(10**15 + secrets.randbelow(9 * 10**15)), now_text()
    message = {
        "data": base64.urlsafe_b64encode(data).decode(),
        "messageId": message_id,
        "message_id": message_id,
        "publishTime": at,
        "publish_time": at,
    }
    return json.dumps({"message": message, "subscription": subscription})
