"""Integrations: connected providers, their sealed credentials and webhook secrets, how far we have read them.

Owns `integrations`, `integration_credentials`, `webhook_secrets`, `cursors`, `provider_checks`. Promises that a
credential is sealed with AES-256-GCM under a key that only the executor has, bound to its account, provider and row,
and that the app's role cannot even read the ciphertext.
"""

from trinity.integrations.checks import (
    Check,
    Finding,
    ask_for_check,
    checks_needed,
    due,
    is_in_the_way,
    is_ready,
    list_checks,
    readiness,
    record_checks,
)
from trinity.integrations.commands import NewIntegration, connect, move_cursor, reconnect, suspend
from trinity.integrations.credentials import MailboxCredential, SmtpCredential, StripeCredential, open_credential
from trinity.integrations.queries import (
    Integration,
    cursor_moved_at,
    find_integration,
    get_cursor,
    get_integration,
    list_integrations,
)
from trinity.integrations.webhooks import (
    WEBHOOK_PURPOSE,
    add_webhook_secret,
    find_by_token,
    open_webhook_secrets,
    retire_webhook_secrets,
    webhook_key,
)

__all__ = [
    "WEBHOOK_PURPOSE",
    "Check",
    "Finding",
    "Integration",
    "MailboxCredential",
    "NewIntegration",
    "SmtpCredential",
    "StripeCredential",
    "add_webhook_secret",
    "ask_for_check",
    "checks_needed",
    "connect",
    "cursor_moved_at",
    "due",
    "find_by_token",
    "find_integration",
    "get_cursor",
    "get_integration",
    "is_in_the_way",
    "is_ready",
    "list_checks",
    "list_integrations",
    "move_cursor",
    "open_credential",
    "open_webhook_secrets",
    "readiness",
    "reconnect",
    "record_checks",
    "retire_webhook_secrets",
    "suspend",
    "webhook_key",
]
