"""The stand-in's books: SQLite files that survive `kill -9`.

`gmail.sqlite` (synchronous=FULL, one transaction per request) holds mailboxes and mail; `calls.sqlite`
holds the log of requests, which may lose its end when the machine loses power but not when the process dies.
"""

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

CALLS_MAX = 20_000

SCHEMA = """
CREATE TABLE IF NOT EXISTS mailbox (
    address TEXT PRIMARY KEY, display_name TEXT NOT NULL, refresh_token TEXT NOT NULL UNIQUE,
    client_id TEXT, client_secret TEXT, is_revoked INTEGER NOT NULL DEFAULT 0,
    history_id INTEGER NOT NULL, history_floor INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS alias (
    mailbox TEXT NOT NULL REFERENCES mailbox, address TEXT NOT NULL, display_name TEXT NOT NULL,
    verification TEXT NOT NULL CHECK (verification IN ('accepted', 'pending')),
    PRIMARY KEY (mailbox, address));
CREATE TABLE IF NOT EXISTS access_token (
    token TEXT PRIMARY KEY, mailbox TEXT NOT NULL REFERENCES mailbox, expires_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS message (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, mailbox TEXT NOT NULL REFERENCES mailbox,
    thread_id TEXT NOT NULL, labels TEXT NOT NULL, raw BLOB NOT NULL, wire_message_id TEXT NOT NULL,
    subject_key TEXT NOT NULL, internal_ms INTEGER NOT NULL, history_id INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS message_by_thread ON message (mailbox, thread_id);
CREATE INDEX IF NOT EXISTS message_by_wire_id ON message (mailbox, wire_message_id);
CREATE TABLE IF NOT EXISTS draft (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, mailbox TEXT NOT NULL REFERENCES mailbox,
    message_id TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('open', 'sent', 'deleted')));
CREATE TABLE IF NOT EXISTS history (
    mailbox TEXT NOT NULL REFERENCES mailbox, id INTEGER NOT NULL, kind TEXT NOT NULL,
    message_id TEXT NOT NULL, thread_id TEXT NOT NULL, labels TEXT NOT NULL, changed TEXT NOT NULL,
    at_ms INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (mailbox, id));
CREATE TABLE IF NOT EXISTS sent (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, mailbox TEXT NOT NULL REFERENCES mailbox, message_id TEXT NOT NULL,
    thread_id TEXT NOT NULL, wire_message_id TEXT NOT NULL, submitted BLOB NOT NULL, raw BLOB NOT NULL,
    recipients TEXT NOT NULL, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS bounce (
    address TEXT PRIMARY KEY, status TEXT NOT NULL, diagnostic TEXT NOT NULL, action TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS topic (
    name TEXT PRIMARY KEY, subscription TEXT NOT NULL, push_url TEXT NOT NULL, copies INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS watch (
    mailbox TEXT PRIMARY KEY REFERENCES mailbox, topic TEXT NOT NULL, labels TEXT NOT NULL,
    is_excluding INTEGER NOT NULL, expires_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS push (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, body TEXT NOT NULL, due_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, status INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')));
"""

ADDED = {"history": ("at_ms", "INTEGER NOT NULL DEFAULT 0")}
"""Columns that books of an earlier version lack."""

CALLS_SCHEMA = """
CREATE TABLE IF NOT EXISTS call (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, method TEXT NOT NULL, path TEXT NOT NULL,
    status INTEGER NOT NULL, at TEXT NOT NULL);
"""


class Books:
    """The two files, open. One process at a time; every method is synchronous and short."""

    def __init__(self, data_dir: Path) -> None:
        self._mail = _open(data_dir / "gmail.sqlite", synchronous="FULL", schema=SCHEMA)
        self._calls = _open(data_dir / "calls.sqlite", synchronous="OFF", schema=CALLS_SCHEMA)
        self.on_commit: Callable[[], None] | None = None
        """Called after each commit: what a commit made due goes out at once."""

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, on disk when the block has ended."""
        self._mail.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._mail.execute("ROLLBACK")
            raise
        self._mail.execute("COMMIT")
        if self.on_commit is not None:
            self.on_commit()

    def close(self) -> None:
        """Close both files."""
        self._mail.close()
        self._calls.close()

    def run(self, sql: str, *values: Any) -> int:
        """Execute one statement; returns how many rows it changed."""
        return self._mail.execute(sql, values).rowcount

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Every row of a query."""
        return self._mail.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query, if there is one."""
        found: sqlite3.Row | None = self._mail.execute(sql, values).fetchone()
        return found

    def note_call(self, method: str, path: str, status: int) -> None:
        """Remember one request; `status` 0 means that the connection was dropped without an answer."""
        cursor = self._calls.execute(
            "INSERT INTO call (method, path, status, at) VALUES (?, ?, ?, ?)", (method, path, status, now_text())
        )
        self._calls.execute("DELETE FROM call WHERE seq <= ?", ((cursor.lastrowid or 0) - CALLS_MAX,))

    def calls(self) -> list[dict[str, Any]]:
        """The newest `CALLS_MAX` requests, oldest first."""
        found = self._calls.execute("SELECT method, path, status, at FROM call ORDER BY seq").fetchall()
        return [dict(row) for row in found]


def now_ms() -> int:
    """The present in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def now_text() -> str:
    """The present as RFC 3339 in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def dump(value: list[str]) -> str:
    """A list of strings as it is kept in a column."""
    return json.dumps(value)


def load(text: str) -> list[str]:
    """A column's list of strings."""
    value: list[str] = json.loads(text)
    return value


def _open(path: Path, *, synchronous: str, schema: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA busy_timeout=10000")
    connection.executescript(schema)
    for table, (column, kind) in ADDED.items():
        held = {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}
        if held and column not in held:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
    return connection
