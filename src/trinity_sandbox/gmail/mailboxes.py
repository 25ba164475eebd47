"""Mailboxes and who may open them: accounts, aliases, refresh tokens, access tokens."""

import secrets
import sqlite3
import time
from dataclasses import dataclass

from trinity_sandbox.gmail.books import Books

ACCESS_TOKEN_S = 3599
FIRST_HISTORY_ID = 1_000_000


@dataclass(frozen=True, slots=True)
class Alias:
    """An address that a mailbox may send from once it is `accepted`."""

    address: str
    display_name: str
    verification: str


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One Gmail account of the stand-in; `aliases` are those beside the primary address."""

    address: str
    display_name: str
    aliases: tuple[Alias, ...]

    def may_send_from(self, address: str) -> bool:
        """True for the primary address and for accepted aliases; plus-addresses are no aliases."""
        accepted = {alias.address for alias in self.aliases if alias.verification == "accepted"}
        return address.lower() in {self.address, *accepted}


class Mailboxes:
    """The accounts in the books."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def confirm(
        self,
        mailbox: Mailbox,
        *,
        refresh_token: str,
        client_id: str | None,
        client_secret: str | None,
    ) -> None:
        """Create the mailbox, or bring what exists to this state; its mail stays. Also undoes a revocation."""
        with self._books.transaction():
            self._books.run(
                "INSERT INTO mailbox VALUES (?, ?, ?, ?, ?, 0, ?, ?) ON CONFLICT (address) DO UPDATE SET"
                " display_name = excluded.display_name, refresh_token = excluded.refresh_token,"
                " client_id = excluded.client_id, client_secret = excluded.client_secret, is_revoked = 0",
                mailbox.address,
                mailbox.display_name,
                refresh_token,
                client_id,
                client_secret,
                FIRST_HISTORY_ID,
                FIRST_HISTORY_ID,
            )
            self._books.run("DELETE FROM alias WHERE mailbox = ?", mailbox.address)
            for alias in mailbox.aliases:
                self._books.run(
                    "INSERT INTO alias VALUES (?, ?, ?, ?)",
                    mailbox.address,
                    alias.address,
                    alias.display_name,
                    alias.verification,
                )

    def get(self, address: str) -> Mailbox | None:
        """The mailbox of a primary address."""
        row = self._books.row("SELECT * FROM mailbox WHERE address = ?", address.lower())
        return self._mailbox(row) if row else None

    def receiving(self, address: str) -> Mailbox | None:
        """The mailbox that gets mail for an address: primary, alias, or either with a `+tag`."""
        local, _, domain = address.lower().rpartition("@")
        for candidate in (address.lower(), f"{local.split('+')[0]}@{domain}"):
            row = self._books.row(
                "SELECT * FROM mailbox WHERE address = ?1 OR address IN"
                " (SELECT mailbox FROM alias WHERE address = ?1 AND verification = 'accepted')",
                candidate,
            )
            if row:
                return self._mailbox(row)
        return None

    def by_refresh_token(self, token: str) -> sqlite3.Row | None:
        """The row whose refresh token this is, revoked or not."""
        return self._books.row("SELECT * FROM mailbox WHERE refresh_token = ?", token)

    def grant(self, address: str) -> str:
        """A new access token that names the mailbox, good for `ACCESS_TOKEN_S` seconds."""
        token = f"ya29.sandbox.{secrets.token_urlsafe(32)}"
        with self._books.transaction():
            self._books.run("DELETE FROM access_token WHERE expires_at < ?", time.time())
            self._books.run("INSERT INTO access_token VALUES (?, ?, ?)", token, address, time.time() + ACCESS_TOKEN_S)
        return token

    def by_access_token(self, token: str) -> Mailbox | None:
        """Whose access token this is, while it is good."""
        row = self._books.row(
            "SELECT mailbox.* FROM access_token JOIN mailbox ON mailbox.address = access_token.mailbox"
            " WHERE token = ? AND expires_at > ?",
            token,
            time.time(),
        )
        return self._mailbox(row) if row else None

    def revoke(self, address: str) -> bool:
        """End the grant: the refresh token and every access token stop working. False: no such mailbox."""
        with self._books.transaction():
            self._books.run("DELETE FROM access_token WHERE mailbox = ?", address)
            return self._books.run("UPDATE mailbox SET is_revoked = 1 WHERE address = ?", address) == 1

    def _mailbox(self, row: sqlite3.Row) -> Mailbox:
        aliases = self._books.rows("SELECT * FROM alias WHERE mailbox = ? ORDER BY address", row["address"])
        found = tuple(Alias(a["address"], a["display_name"], a["verification"]) for a in aliases)
        return Mailbox(row["address"], row["display_name"], found)
