"""Sending events: a thread that takes what is due from the books, signs it, posts it, and notes the outcome.

2xx delivers; anything else (redirects are not followed) is tried again after a growing pause, up to
`ATTEMPTS_MAX` times. Several go out at once, so their order is not that of the events, as with Stripe; the
settings make it worse on demand. Signatures carry the real time, whatever the stand-in's clock says.
"""

import http.client
import json
import random
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
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
        with ThreadPoolExecutor(SENDERS) as senders:
            while not self._is_stopping:
                self._woken.clear()
                posts = due(books)
                for post, status in zip(posts, senders.map(send, posts), strict=True):
                    settle(books, post, status)
                if not posts:
                    self._woken.wait(_pause_s(books))
        books.close()


def due(books: Books) -> list[Post]:
    """What is to go out now, in the order that is set; nothing while webhooks are held."""
    if books.setting("webhook_hold", False):
        return []
    sql = (
        "SELECT d.seq, d.attempts, e.doc AS event, p.doc AS endpoint FROM delivery d"
        " JOIN object e ON e.id = d.event JOIN object p ON p.id = d.endpoint"
        " WHERE d.state = 'pending' AND d.due_ms <= ? ORDER BY d.seq"
    )
    rows = books.rows(sql, now_ms())
    order = books.setting("webhook_order", "oldest")
    if order == "newest":
        rows.reverse()
    elif order == "shuffled":
        random.Random(books.setting("webhook_seed", 0)).shuffle(rows)  # noqa: S311 - an order, no secret
    return [_post(books, row) for row in rows[:BATCH_MAX]]


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
    except (OSError, http.client.HTTPException):
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


def _post(books: Books, row: Any) -> Post:
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
