"""Integrations: connected mailboxes and their sealed credentials.

Owns those tables. Promises that a credential is sealed with AES-256-GCM under a key that only the executor
has, bound to its account, provider and row, and that the app's role cannot even read the ciphertext.
"""

from trinity.integrations.commands import NewMailbox, connect_mailbox, reconnect_mailbox, suspend
from trinity.integrations.credentials import MailboxCredential, open_credential
from trinity.integrations.queries import Mailbox, get_mailbox, list_mailboxes

__all__ = [
    "Mailbox",
    "MailboxCredential",
    "NewMailbox",
    "connect_mailbox",
    "get_mailbox",
    "list_mailboxes",
    "open_credential",
    "reconnect_mailbox",
    "suspend",
]
