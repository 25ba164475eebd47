"""The stand-in's books: one SQLite file that survives `kill -9`, since a mail is in it before it is said to be taken."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ANSWERS_MAX = 20_000

SCHEMA = """
CREATE TABLE IF NOT EXISTS mail (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, sender TEXT NOT NULL, recipients TEXT NOT NULL, raw BLOB NOT NULL,
    at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answer (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, command TEXT NOT NULL, status INTEGER NOT NULL, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS login (name TEXT PRIMARY KEY, password TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class TakenMail:
    """One mail that was taken, as it came over the wire."""

    seq: int
    sender: str
    recipients: list[str]
    raw: bytes
    at: str


class Books:
    """The file, open. One process at a time; every method is synchronous and short."""

    def __init__(self, data_dir: Path) -> None:
        self._file = sqlite3.connect(data_dir / "smtp.sqlite", isolation_level=None, check_same_thread=False)
        self._file.row_factory = sqlite3.Row
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=FULL")
        self._file.executescript(SCHEMA)

    def take(self, sender: str, recipients: Sequence[str], raw: bytes) -> int:
        """Keep a mail; it is on disk when this returns. Gives its number."""
        cursor = self._file.execute(
            "INSERT INTO mail (sender, recipients, raw, at) VALUES (?, ?, ?, ?)",
            (sender, json.dumps(list(recipients)), raw, now_text()),
        )
        return cursor.lastrowid or 0

    def mails(self, newest: int | None = None) -> list[TakenMail]:
        """Every mail, or the newest ones, oldest first."""
        limit = -1 if newest is None else newest
        rows = self._file.execute("SELECT * FROM mail ORDER BY seq DESC LIMIT ?", (limit,)).fetchall()
        return [
            TakenMail(row["seq"], row["sender"], json.loads(row["recipients"]), row["raw"], row["at"])
            for row in reversed(rows)
        ]

    def count(self) -> int:
        """How many mails were taken."""
        return int(self._file.execute("SELECT count(*) FROM mail").fetchone()[0])

    def note(self, command: str, status: int) -> None:
        """Remember what a command was answered; 0 means that the connection was cut instead."""
        cursor = self._file.execute(
            "INSERT INTO answer (command, status, at) VALUES (?, ?, ?)", (command, status, now_text())
        )
        self._file.execute("DELETE FROM answer WHERE seq <= ?", ((cursor.lastrowid or 0) - ANSWERS_MAX,))

    def answers(self) -> list[dict[str, Any]]:
        """The newest `ANSWERS_MAX` answers, oldest first."""
        return [dict(row) for row in self._file.execute("SELECT command, status, at FROM answer ORDER BY seq")]

    def set_logins(self, logins: dict[str, str]) -> None:
        """Let only these in from now on; nobody has to sign in where there are none."""
        self._file.execute("BEGIN IMMEDIATE")
        self._file.execute("DELETE FROM login")
        self._file.executemany("INSERT INTO login VALUES (?, ?)", list(logins.items()))
        self._file.execute("COMMIT")

    def logins(self) -> dict[str, str]:
        """Who is let in."""
        return {row["name"]: row["password"] for row in self._file.execute("SELECT name, password FROM login")}


def now_text() -> str:
    """The present as RFC 3339 in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
