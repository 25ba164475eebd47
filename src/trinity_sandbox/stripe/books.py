"""The stand-in's books: SQLite files that survive `kill -9`.

`stripe.sqlite` (synchronous=FULL, one transaction per request) holds every object as JSON, idempotency keys
and webhooks that are yet to go out. `calls.sqlite` holds the log of requests, which may lose its end when the
machine loses power but not when the process dies.

An object's names that begin with an underscore are the books' own and never shown.
"""

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

CALLS_MAX = 20_000
BUSY_S = 20.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL, kind TEXT NOT NULL,
    created INTEGER NOT NULL, at_ms INTEGER NOT NULL, doc TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS object_by_kind ON object (account, kind, seq);
CREATE INDEX IF NOT EXISTS object_by_kind_alone ON object (kind, seq);
CREATE INDEX IF NOT EXISTS object_by_session ON object (kind, json_extract(doc, '$._session'));
CREATE INDEX IF NOT EXISTS object_by_charge ON object (kind, json_extract(doc, '$.charge'));
CREATE INDEX IF NOT EXISTS open_session ON object (json_extract(doc, '$.expires_at'))
    WHERE kind = 'checkout.session' AND json_extract(doc, '$.status') = 'open';
CREATE TABLE IF NOT EXISTS idempotency (
    account TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, request_id TEXT NOT NULL,
    status INTEGER NOT NULL, body TEXT NOT NULL, created INTEGER NOT NULL, PRIMARY KEY (account, key));
CREATE TABLE IF NOT EXISTS delivery (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL REFERENCES object (id),
    endpoint TEXT NOT NULL REFERENCES object (id), attempts INTEGER NOT NULL DEFAULT 0, due_ms INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')));
CREATE INDEX IF NOT EXISTS delivery_pending ON delivery (seq) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS delivery_by_event ON delivery (event);
CREATE TABLE IF NOT EXISTS attempt (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, delivery INTEGER NOT NULL REFERENCES delivery, status INTEGER NOT NULL,
    at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

CALLS_SCHEMA = """
CREATE TABLE IF NOT EXISTS call (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, method TEXT NOT NULL, path TEXT NOT NULL,
    status INTEGER NOT NULL, idempotency_key TEXT, at TEXT NOT NULL);
"""

type Json = dict[str, Any]


class Books:
    """One connection to the files. Every method is synchronous and short; each thread opens its own."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._main = _open(data_dir / "stripe.sqlite", synchronous="FULL", schema=SCHEMA)
        self._calls = _open(data_dir / "calls.sqlite", synchronous="OFF", schema=CALLS_SCHEMA)

    def close(self) -> None:
        """Let the files go."""
        self._main.close()
        self._calls.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, on disk when the block has ended."""
        with self._block("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"):
            yield

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """All or nothing inside a transaction that goes on either way."""
        with self._block("SAVEPOINT inner", "RELEASE inner", "ROLLBACK TO inner"):
            yield

    def run(self, sql: str, *values: Any) -> int:
        """Execute one statement; returns how many rows it changed."""
        return self._main.execute(sql, values).rowcount

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Every row of a query."""
        return self._main.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query, if there is one."""
        found: sqlite3.Row | None = self._main.execute(sql, values).fetchone()
        return found

    def add(self, doc: Json) -> Json:
        """Keep a new object. It has `id`, `object`, and `_account`; `created` where Stripe has it."""
        self.run(
            "INSERT INTO object (id, account, kind, created, at_ms, doc) VALUES (?, ?, ?, ?, ?, ?)",
            doc["id"],
            doc["_account"],
            doc["object"],
            doc.get("created", 0),
            now_ms(),
            json.dumps(doc),
        )
        return doc

    def save(self, doc: Json) -> Json:
        """Keep an object's new state."""
        changed = self.run("UPDATE object SET doc = ? WHERE id = ?", json.dumps(doc), doc["id"])
        assert changed == 1, doc["id"]
        return doc

    def find(self, object_id: str, *, kind: str | None = None, account: str | None = None) -> Json | None:
        """An object by id, where wanted only of one kind or account."""
        row = self.row("SELECT account, kind, doc FROM object WHERE id = ?", object_id)
        if row is None or kind not in (None, row["kind"]) or account not in (None, row["account"]):
            return None
        return read(row)

    def all(self, kind: str, account: str | None = None, **where: Any) -> list[Json]:
        """Every object of a kind, oldest first, whose fields have these values."""
        sql = "SELECT doc FROM object WHERE kind = ?1 AND (?2 IS NULL OR account = ?2)"
        for number, name in enumerate(where, start=3):
            sql += f" AND json_extract(doc, '$.{name}') = ?{number}"
        return [read(row) for row in self.rows(f"{sql} ORDER BY seq", kind, account, *where.values())]

    def setting(self, name: str, default: Any) -> Any:
        """A setting of the stand-in itself."""
        row = self.row("SELECT value FROM setting WHERE name = ?", name)
        return default if row is None else json.loads(row["value"])

    def set(self, name: str, value: Any) -> None:
        """Keep a setting."""
        self.run("INSERT OR REPLACE INTO setting VALUES (?, ?)", name, json.dumps(value))

    def note_call(self, method: str, path: str, status: int, idempotency_key: str | None) -> None:
        """Remember one request; `status` 0 means that the connection was dropped without an answer."""
        cursor = self._calls.execute(
            "INSERT INTO call (method, path, status, idempotency_key, at) VALUES (?, ?, ?, ?, ?)",
            (method, path, status, idempotency_key, now_text()),
        )
        self._calls.execute("DELETE FROM call WHERE seq <= ?", ((cursor.lastrowid or 0) - CALLS_MAX,))

    def calls(self) -> list[Json]:
        """The newest `CALLS_MAX` requests, oldest first."""
        sql = "SELECT method, path, status, idempotency_key, at FROM call ORDER BY seq"
        return [dict(row) for row in self._calls.execute(sql).fetchall()]

    @contextlib.contextmanager
    def _block(self, begin: str, end: str, undo: str) -> Iterator[None]:
        self._main.execute(begin)
        try:
            yield
        except BaseException:
            self._main.execute(undo)
            raise
        self._main.execute(end)


def read(row: sqlite3.Row) -> Json:
    """The object of a row."""
    doc: Json = json.loads(row["doc"])
    return doc


def now_ms() -> int:
    """The real time, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def now_text() -> str:
    """The present as RFC 3339 in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _open(path: Path, *, synchronous: str, schema: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_S)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.executescript(schema)
    return connection
