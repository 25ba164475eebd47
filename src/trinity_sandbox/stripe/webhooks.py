"""Sending events: a thread that takes what is due from the books, signs it, posts it, and notes the outcome.

2xx delivers; anything else (redirects are not followed) is tried again after a growing pause, up to
`ATTEMPTS_MAX` times. Several go out at once, so their order is not that of the events, as with Stripe; the
settings make it worse on demand. Signatures carry the real time, whatever the stand-in's clock says.
"""

import http.client
import json
import queue
import random
import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from trinity_sandbox.stripe import signature
from trinity_sandbox.stripe.books import Books, now_ms, now_text
from trinity_sandbox.stripe.present import shown

ATTEMPTS_MAX = 8
RETRY_BASE_MS = 500
RETRY_FACTOR = 3
TIMEOUT_S = 10.0
SENDERS = 4
BATCH_MAX = 64
IDLE_S = 1.0
ANSWER_BYTES_MAX = 64 * 1024
ORDERS = ("oldest", "newest", "shuffled")
NO_ANSWER = 0


@dataclass(frozen=True, slots=True)
class Post:
    """One webhook that is to go out now."""

    delivery: int
    attempts: int
    url: str
    body: bytes
    secrets: list[str]


class Pump:
    """The sender. `start` it once; `wake` it when something may be due; `stop` waits for what is under way."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._woken = threading.Event()
        self._is_stopping = False
        self._jobs: queue.SimpleQueue[Post | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Post, int]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin; what a former process left is sent, too."""
        self._thread.start()

    def wake(self) -> None:
        """Look now."""
        self._woken.set()

    def stop(self) -> None:
        """End after the batch under way."""
        self._is_stopping = True
        self._woken.set()
        self._thread.join()

    def _run(self) -> None:
        books = Books(self._data_dir)
        # Threads of our own, not an executor's: the interpreter would wait for those at its end, and a
        # receiver that hangs would keep a stand-in alive that was told to go.
        for number in range(SENDERS):
            threading.Thread(target=self._send, name=f"webhook-{number}", daemon=True).start()
        while not self._is_stopping:
            self._woken.clear()
            posts = due(books)
            for post in posts:
                self._jobs.put(post)
            for _ in posts:
                settle(books, *self._done.get())
            if not posts:
                self._woken.wait(_pause_s(books))
        for _ in range(SENDERS):
            self._jobs.put(None)
        books.close()

    def _send(self) -> None:
        while (post := self._jobs.get()) is not None:
            self._done.put((post, send(post)))


def due(books: Books) -> list[Post]:
    """What is to go out now, in the order that is set; nothing while webhooks are held."""
    if books.setting("webhook_hold", False):
        return []
    order = books.setting("webhook_order", "oldest")
    sql = f"SELECT seq FROM delivery WHERE state = 'pending' AND due_ms <= ? ORDER BY seq {'DESC' if order == 'newest' else ''}"
    found = [row["seq"] for row in books.rows(sql, now_ms())]
    if order == "shuffled":
        random.Random(books.setting("webhook_seed", 0)).shuffle(found)  # noqa: S311 - an order, no secret
    return [_post(books, delivery) for delivery in found[:BATCH_MAX]]


def send(post: Post) -> int:
    """Sign and post; the status, or `NO_ANSWER`."""
    parts = urlsplit(post.url)
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    headers = {
        "content-type": "application/json; charset=utf-8",
        "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "stripe-signature": signature.header(post.body, post.secrets, int(time.time())),
    }
    connection = _connection(parts.scheme, parts.hostname or "", parts.port)
    try:
        connection.request("POST", target, post.body, headers)
        answer = connection.getresponse()
        answer.read(ANSWER_BYTES_MAX)
    except (OSError, ValueError, http.client.HTTPException):
        return NO_ANSWER
    else:
        return answer.status
    finally:
        connection.close()


def settle(books: Books, post: Post, status: int) -> None:
    """Note the outcome, and when to try again."""
    attempts = post.attempts + 1
    is_delivered = 200 <= status < 300
    state = "delivered" if is_delivered else "failed" if attempts >= ATTEMPTS_MAX else "pending"
    pause_ms = books.setting("webhook_retry_base_ms", RETRY_BASE_MS) * RETRY_FACTOR ** (attempts - 1)
    with books.transaction():
        books.run(
            "UPDATE delivery SET attempts = ?, state = ?, due_ms = ? WHERE seq = ? AND state = 'pending'",
            attempts,
            state,
            now_ms() + pause_ms,
            post.delivery,
        )
        books.run("INSERT INTO attempt (delivery, status, at) VALUES (?, ?, ?)", post.delivery, status, now_text())


def _post(books: Books, delivery: int) -> Post:
    sql = (
        "SELECT d.seq, d.attempts, e.doc AS event, p.doc AS endpoint FROM delivery d"
        " JOIN object e ON e.id = d.event JOIN object p ON p.id = d.endpoint WHERE d.seq = ?"
    )
    row = books.row(sql, delivery)
    assert row is not None
    event, endpoint = json.loads(row["event"]), json.loads(row["endpoint"])
    body = json.dumps(shown(books, event), indent=2).encode()
    return Post(row["seq"], row["attempts"], endpoint["url"], body, endpoint["_secrets"])


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
    return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)


def _pause_s(books: Books) -> float:
    """Until the next one is due, at most `IDLE_S`."""
    row = books.row("SELECT min(due_ms) AS at FROM delivery WHERE state = 'pending'")
    if row is None or row["at"] is None or books.setting("webhook_hold", False):
        return IDLE_S
    return max(0.01, min(IDLE_S, (int(row["at"]) - now_ms()) / 1_000))
