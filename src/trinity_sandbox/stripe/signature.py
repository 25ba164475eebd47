"""`Stripe-Signature`: HMAC-SHA256 over `t.payload`, one `v1` for each secret (source: Stripe's webhook guide)."""

import hashlib
import hmac


def header(payload: bytes, secrets: list[str], timestamp: int) -> str:
    """The header's value; several secrets while one is being replaced."""
    signed = f"{timestamp}.".encode() + payload
    values = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={timestamp}", *(f"v1={value}" for value in values)])
