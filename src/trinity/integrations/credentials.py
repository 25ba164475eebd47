"""Sealing and opening provider credentials: AES-256-GCM (NIST SP 800-38D), associated data = where it belongs."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from trinity.errors import Refused
from trinity.kit.canonical import canonical_bytes, parse_strict
from trinity.kit.ids import uuid7
from trinity.store.database import Tx

KEY_VERSION = 1
NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class MailboxCredential:
    """What opens a mailbox: an OAuth refresh token and the client it was given to. Never logged, never shown."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    token_url: str


@dataclass(frozen=True, slots=True)
class StripeCredential:
    """A secret or restricted key of a Stripe account. Never logged, never shown."""

    api_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SmtpCredential:
    """The whole `smtp://user:password@host:port` address of the server that carries notices. Never shown."""

    url: str = field(repr=False)


type Credential = MailboxCredential | StripeCredential | SmtpCredential
KINDS: Mapping[str, type[Credential]] = {
    "gmail": MailboxCredential,
    "stripe": StripeCredential,
    "smtp": SmtpCredential,
}


async def seal_credential(tx: Tx, key: bytes, integration_id: UUID, credential: Credential, now: datetime) -> None:
    """Store a credential of an integration of this account. Needs the executor's database role."""
    provider = next(name for name, kind in KINDS.items() if kind is type(credential))
    nonce = secrets.token_bytes(NONCE_BYTES)
    plain = canonical_bytes(asdict(credential))
    sealed = AESGCM(key[:32]).encrypt(nonce, plain, _associated(tx.account_id, provider, integration_id))
    await tx.execute(
        "insert into integration_credentials (account_id, id, integration_id, key_version, nonce, sealed, created_at)"
        " values (%(a)s, %(id)s, %(i)s, %(v)s, %(nonce)s, %(sealed)s, %(now)s)",
        {
            "a": tx.account_id,
            "id": uuid7(now),
            "i": integration_id,
            "v": KEY_VERSION,
            "nonce": nonce,
            "sealed": sealed,
            "now": now,
        },
    )


async def open_credential[C: Credential](tx: Tx, key: bytes, integration_id: UUID, kind: type[C]) -> C:
    """Unseal the newest credential. `Refused` if there is none, or it was moved here from another row."""
    row = await tx.one(
        "select nonce, sealed from integration_credentials where integration_id = %(i)s and key_version = %(v)s"
        " order by id desc limit 1",
        {"i": integration_id, "v": KEY_VERSION},
    )
    if row is None:
        raise Refused("credential_missing", "This integration has no credential.")
    provider = next(name for name, one in KINDS.items() if one is kind)
    try:
        associated = _associated(tx.account_id, provider, integration_id)
        plain = AESGCM(key[:32]).decrypt(row["nonce"], row["sealed"], associated)
    except InvalidTag as error:
        raise Refused("credential_invalid", "This integration's credential does not open with our key.") from error
    value = parse_strict(plain)
    assert isinstance(value, dict)
    return kind(**{name: str(item) for name, item in value.items()})


def _associated(account_id: UUID, provider: str, integration_id: UUID) -> bytes:
    return f"trinity/credential/v1|{account_id}|{provider}|{integration_id}|{KEY_VERSION}".encode()
