"""Webhook secrets: sealed under the web process's key, since checking a signature is all that they are good for."""

import secrets
from datetime import datetime
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from trinity.errors import Refused
from trinity.kit.ids import uuid7
from trinity.settings import Settings
from trinity.store.database import Row, Tx
from trinity.store.urls import derived_key

NONCE_BYTES = 12
WEBHOOK_PURPOSE = "webhook-secrets"
SECRETS_MAX = 5


def webhook_key(settings: Settings) -> bytes:
    """The key that seals webhook secrets: given to the web process, or derived where the secret key is at hand."""
    return settings.webhook_key or derived_key(settings.demand_secret_key(), WEBHOOK_PURPOSE)


async def add_webhook_secret(tx: Tx, key: bytes, integration_id: UUID, secret: str, now: datetime) -> None:
    """Accept webhooks signed with one more secret; the older ones stay good until they are retired."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, secret.encode(), _associated(tx.account_id, integration_id))
    await tx.execute(
        "insert into webhook_secrets (account_id, id, integration_id, nonce, sealed, created_at)"
        " values (%(a)s, %(id)s, %(i)s, %(nonce)s, %(sealed)s, %(now)s)",
        {
            "a": tx.account_id,
            "id": uuid7(now),
            "i": integration_id,
            "nonce": nonce,
            "sealed": sealed,
            "now": now,
        },
    )


async def retire_webhook_secrets(tx: Tx, integration_id: UUID, now: datetime) -> None:
    """Accept no secret any more that was added before now."""
    await tx.execute(
        "update webhook_secrets set retired_at = %(now)s"
        " where integration_id = %(i)s and retired_at is null and created_at < %(now)s",
        {"i": integration_id, "now": now},
    )


async def open_webhook_secrets(tx: Tx, key: bytes, provider: str) -> list[str]:
    """The account's good secrets for a provider, newest first. `Refused` if one was moved here from another row."""
    return [secret for _, secret in await _opened(tx, key, provider)]


async def find_by_token(tx: Tx, key: bytes, provider: str, token: str) -> UUID | None:
    """The integration whose secret this is, or None; every one is compared, in constant time."""
    given = token.encode("utf-8", "replace")
    found = None
    for integration_id, secret in await _opened(tx, key, provider):
        if secrets.compare_digest(secret.encode(), given):
            found = integration_id
    return found


async def _opened(tx: Tx, key: bytes, provider: str) -> list[tuple[UUID, str]]:
    rows = await tx.all(
        "select w.integration_id, w.nonce, w.sealed from webhook_secrets w"
        " join integrations i on i.account_id = w.account_id and i.id = w.integration_id"
        f" where i.provider = %(provider)s and w.retired_at is null order by w.id desc limit {SECRETS_MAX}",
        {"provider": provider},
    )
    try:
        return [(row["integration_id"], _open(tx, key, row)) for row in rows]
    except InvalidTag as error:
        raise Refused("credential_invalid", "A webhook secret does not open with our key.") from error


def _open(tx: Tx, key: bytes, row: Row) -> str:
    associated = _associated(tx.account_id, row["integration_id"])
    return AESGCM(key).decrypt(row["nonce"], row["sealed"], associated).decode()


def _associated(account_id: UUID, integration_id: UUID) -> bytes:
    return f"trinity/webhook-secret/v1|{account_id}|{integration_id}".encode()
