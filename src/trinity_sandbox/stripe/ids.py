"""Ids in Stripe's form: a prefix that names the kind, then letters and digits that nobody can guess."""

import secrets
import string

ALPHABET = string.ascii_letters + string.digits
LENGTH = 24
SESSION_LENGTH = 58

PREFIXES = {
    "balance_transaction": "txn",
    "charge": "ch",
    "customer": "cus",
    "dispute": "du",
    "event": "evt",
    "item": "li",
    "payment_intent": "pi",
    "payout": "po",
    "price": "price",
    "product": "prod",
    "refund": "re",
    "webhook_endpoint": "we",
}


def new_id(kind: str) -> str:
    """A new id for an object of this kind."""
    if kind == "checkout.session":
        return f"cs_test_{token(SESSION_LENGTH)}"
    return f"{PREFIXES[kind]}_{token(LENGTH)}"


def token(length: int) -> str:
    """Letters and digits from the system's randomness."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
