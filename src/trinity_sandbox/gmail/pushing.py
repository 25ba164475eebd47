"""Posting pushes: a thread that takes what is due from the books and tries again with growing pauses, as Pub/Sub does."""

import http.client
import ssl
import threading
from pathlib import Path
from urllib.parse import urlsplit

from trinity_sandbox.gmail.books import Books, now_ms

ATTEMPTS_MAX = 8
RETRY_BASE_MS = 300
RETRY_FACTOR = 3
TIMEOUT_S = 10.0
BATCH_MAX = 64
IDLE_S = 1.0
NO_ANSWER = 0
ACKNOWLEDGED = (102, 200, 201, 202, 204)
"""The statuses that Pub/Sub takes for an acknowledgement."""


class Pump:
    """The sender. `start` it once; `wake` it when something may be due; `stop` waits for what is under way."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._woken = threading.Event()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="pushes", daemon=True)

    def start(self) -> None:
        """Begin; what a former process left is sent, too."""
        self._thread.start()

    def wake(self) -> None:
        """Look now."""
        self._woken.set()

    def stop(self) -> None:
        """End after the push under way."""
        self._is_stopping = True
        self._woken.set()
        self._thread.join(TIMEOUT_S)

    def _run(self) -> None:
        books = Books(self._data_dir)
        while not self._is_stopping:
            self._woken.clear()
            due = books.rows(
                "SELECT push.seq, push.body, push.attempts, topic.push_url FROM push JOIN topic ON topic.name = push.topic"
                " WHERE state = 'pending' AND due_ms <= ? ORDER BY push.seq LIMIT ?",
                now_ms(),
                BATCH_MAX,
            )
            for row in due:
                _settle(books, row["seq"], row["attempts"] + 1, send(row["push_url"], row["body"].encode()))
            if not due:
                self._woken.wait(_pause_s(books))
        books.close()


def send(url: str, body: bytes) -> int:
    """Post one push; the status, or `NO_ANSWER`."""
    parts = urlsplit(url)
    headers = {"content-type": "application/json", "user-agent": "CloudPubSub-Google"}
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    connection = _connection(parts.scheme, parts.hostname or "", parts.port)
    try:
        connection.request("POST", target, body, headers)
        answer = connection.getresponse()
        answer.read(64 * 1024)
    except (OSError, ValueError, http.client.HTTPException):
        return NO_ANSWER
    else:
        return answer.status
    finally:
        connection.close()


def _settle(books: Books, seq: int, attempts: int, status: int) -> None:
    state = "delivered" if status in ACKNOWLEDGED else "failed" if attempts >= ATTEMPTS_MAX else "pending"
    pause_ms = RETRY_BASE_MS * RETRY_FACTOR ** (attempts - 1)
    with books.transaction():
        books.run(
            "UPDATE push SET attempts = ?, status = ?, state = ?, due_ms = ? WHERE seq = ?",
            attempts,
            status,
            state,
            now_ms() + pause_ms,
            seq,
        )


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)


def _pause_s(books: Books) -> float:
    """Until the next one is due, at most `IDLE_S`."""
    row = books.row("SELECT min(due_ms) AS at FROM push WHERE state = 'pending'")
    if row is None or row["at"] is None:
        return IDLE_S
    return max(0.01, min(IDLE_S, (int(row["at"]) - now_ms()) / 1_000))
