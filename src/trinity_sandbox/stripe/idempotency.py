"""Idempotency keys with Stripe's semantics.

The first result of a key is kept, a refusal by the state of things and a 500 included, in the transaction of
the effect itself; the same key gives it again, marked `Idempotent-Replayed: true`. Other parameters under
the same key are an `idempotency_error`. What was refused before it was carried out is not kept. After 24
hours a key is forgotten, and **the same key runs again**.
"""

import hashlib
from dataclasses import dataclass

from trinity_sandbox.stripe.books import Books
from trinity_sandbox.stripe.errors import StripeError, invalid

KEY_CHARS_MAX = 255
KEPT_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept result: the request that made it, its status and its body."""

    request_id: str
    status: int
    body: str


def fingerprint(method: str, path: str, body: bytes) -> str:
    """What must be the same for the key to be the same request."""
    return hashlib.sha256(b"\0".join((method.encode(), path.encode(), body))).hexdigest()


def find(books: Books, account: str, key: str, print_: str, now: int) -> Kept | None:
    """The kept result of a key, or an error where it belongs to other parameters."""
    if len(key) > KEY_CHARS_MAX:
        raise invalid(f"Idempotency keys can be at most {KEY_CHARS_MAX} characters long.")
    books.run("DELETE FROM idempotency WHERE created <= ?", now - KEPT_S)
    row = books.row("SELECT * FROM idempotency WHERE account = ? AND key = ?", account, key)
    if row is None:
        return None
    if row["fingerprint"] != print_:
        raise StripeError(
            400,
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try"
            f" using a key other than '{key}' if you meant to execute a different request.",
            kind="idempotency_error",
        )
    return Kept(row["request_id"], row["status"], row["body"])


def keep(books: Books, account: str, key: str, print_: str, now: int, kept: Kept) -> None:
    """Keep a first result."""
    books.run(
        "INSERT INTO idempotency VALUES (?, ?, ?, ?, ?, ?, ?)",
        account,
        key,
        print_,
        kept.request_id,
        kept.status,
        kept.body,
        now,
    )
