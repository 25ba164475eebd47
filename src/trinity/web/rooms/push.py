"""The door for Gmail's notices of new mail: whoever knows the mailbox's token may have us look now, and no more.

Nothing that a push says is believed. It is a reason to read the mailbox a little sooner than we would anyway.
"""

from dataclasses import dataclass
from uuid import UUID

from trinity import integrations, revenue
from trinity.gateway import House
from trinity.gateway.house import EXECUTOR_QUEUE
from trinity.integrations import webhook_key
from trinity.store.database import Job, Tx

INGEST_JOB = "trinity.jobs.mail.Ingest"
ATTEMPTS_MAX = 5
TOKEN_CHARS_MAX = 200
BODY_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class GmailDoor:
    """What a push may do: leave a job behind, or a refusal."""

    house: House

    async def take(self, account_id: UUID, token: str, body: bytes) -> bool:
        """Have the token's mailbox read, or note why not. True where the token is good."""
        now = self.house.clock()
        async with self.house.db.transaction(account_id) as tx:
            key = webhook_key(self.house.settings)
            reason = _reason(token, body)
            found = None if reason else await integrations.find_by_token(tx, key, "gmail", token)
            if found is None:
                # An account that does not exist answers like a bad token, and has nowhere to note it.
                if await revenue.is_account(tx):
                    await revenue.record_refusal(tx, "gmail", reason or "wrong_token", body, now)
                return False
            await _look_soon(tx, found)
        return True


def _reason(token: str, body: bytes) -> str:
    """Why a push is refused before its token is compared; empty where it is not."""
    if len(body) > BODY_BYTES_MAX:
        return "too_large"
    if not token:
        return "no_token"
    return "wrong_token" if len(token) > TOKEN_CHARS_MAX else ""


async def _look_soon(tx: Tx, integration_id: UUID) -> None:
    """One waiting job reads whatever comes until it starts, so that a flood of pushes is one look."""
    args = {"account_id": str(tx.account_id), "integration_id": str(integration_id)}
    await tx.enqueue_unless(Job(INGEST_JOB, EXECUTOR_QUEUE, args, None, ATTEMPTS_MAX), ("available",))
