"""How a Gmail call can fail, beside the plain kinds of `trinity.errors`, and how answers are read as failures.

The rule (I6): a write whose full answer we do not hold may have happened, unless Google itself said no.
Source: Google's API error format, and the Gmail API's pages on errors and on usage limits.
"""

import json
from collections.abc import Mapping
from typing import Any

from trinity.errors import Declined, OutcomeUnknown, ProviderError, Unavailable
from trinity.providers.wire import retry_after_s

LIMIT_REASONS = frozenset(
    {"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded", "limitExceeded"}
)
MESSAGE_CHARS_MAX = 300


class MailboxDisconnected(Declined):
    """Google no longer accepts our grant for this mailbox; its owner has to connect it again."""

    code = "mailbox_disconnected"


class ClientRefused(Declined):
    """Google does not accept our OAuth client; an owner has to mend the settings."""

    code = "oauth_client_refused"


class GmailRefused(Declined):
    """Gmail answered 4xx: nothing happened. `status` is HTTP's, `reason` is Google's word for why."""

    code = "gmail_refused"

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"Gmail refused ({status} {reason}): {message}")
        self.status = status
        self.reason = reason
        self.google_message = message


class DraftConsumed(OutcomeUnknown):
    """The draft is no draft any more: an earlier call may have sent it. To be reconciled, not settled."""

    code = "draft_consumed"


class NotCovered(Unavailable):
    """The permit does not cover the call, or has run out; no byte left us."""

    code = "not_permitted"


class HistoryGone(ProviderError):
    """Gmail no longer keeps the history since the given id, so it cannot tell what happened after it."""

    code = "history_gone"


def failure(status: int, headers: Mapping[str, str], body: bytes, *, is_write: bool) -> ProviderError:
    """What an answer other than 200 means."""
    reason, message = _google_error(body)
    if status == 429 or (status == 403 and reason in LIMIT_REASONS):
        return Unavailable(f"Gmail asks to wait: {message}", retry_after_s=retry_after_s(headers))
    if 400 <= status < 500 and status != 408:
        return GmailRefused(status, reason, message)
    if is_write:
        return OutcomeUnknown(f"Gmail answered {status} to a write: {message}")
    return Unavailable(f"Gmail answered {status}: {message}", retry_after_s=retry_after_s(headers))


def _google_error(body: bytes) -> tuple[str, str]:
    """Google's reason and message; empty where the body is not Google's."""
    try:
        error: Any = json.loads(body)["error"]
        reason = str(error.get("errors", [{}])[0].get("reason") or error.get("status") or "")
        return reason[:MESSAGE_CHARS_MAX], str(error.get("message", ""))[:MESSAGE_CHARS_MAX]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "", ""
