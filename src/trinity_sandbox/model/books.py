"""What the stand-in was asked: every request's digest, in SQLite, safe against a killed process."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

BOOKS_NAME = "model.sqlite3"
SHOWN_MAX = 10_000

SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    status INTEGER NOT NULL,
    answer TEXT NOT NULL
) STRICT
"""


@dataclass(frozen=True)
class Entry:
    """One request: when (RFC 3339), where, the SHA-256 and length of its body, the status, what was answered."""

    at: str
    path: str
    sha256: str
    size_bytes: int
    status: int
    answer: str

    def as_dict(self) -> dict[str, object]:
        """The entry as `/_sandbox/books` shows it."""
        return {
            "at": self.at,
            "path": self.path,
            "sha256": self.sha256,
            "bytes": self.size_bytes,
            "status": self.status,
            "answer": self.answer,
        }


class Books:
    """The entries, oldest first. Bodies are not kept, only their digests."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(data_dir / BOOKS_NAME, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute(SCHEMA)

    def write(self, entry: Entry) -> None:
        """Add one entry; it is on the disk when this returns."""
        self._database.execute(
            "INSERT INTO requests (at, path, sha256, bytes, status, answer) VALUES (?, ?, ?, ?, ?, ?)",
            (entry.at, entry.path, entry.sha256, entry.size_bytes, entry.status, entry.answer),
        )

    def entries(self) -> list[Entry]:
        """The newest entries, at most `SHOWN_MAX`, oldest first."""
        rows = self._database.execute(
            "SELECT at, path, sha256, bytes, status, answer FROM requests ORDER BY number DESC LIMIT ?",
            (SHOWN_MAX,),
        ).fetchall()
        return [Entry(*row) for row in reversed(rows)]

    def close(self) -> None:
        """Close the database file."""
        self._database.close()
