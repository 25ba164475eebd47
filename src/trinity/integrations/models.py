"""Tables of connected providers and their sealed credentials."""

from sqlalchemy import ARRAY, CheckConstraint, Column, Index, Integer, Text, UniqueConstraint

from trinity.store.schema import blob, key, moment, same_account, tenant_table, text

integrations = tenant_table(
    "integrations",
    text("provider"),
    text("address"),
    text("display_name"),
    Column("aliases", ARRAY(Text()), nullable=False),
    text("endpoint"),
    text("state"),
    moment("created_at"),
    UniqueConstraint("account_id", "provider", "address"),
    CheckConstraint("state in ('ready', 'suspended', 'disconnected')", name="state"),
    CheckConstraint("provider in ('gmail', 'stripe', 'smtp')", name="provider"),
)

integration_credentials = tenant_table(
    "integration_credentials",
    key("integration_id"),
    Column("key_version", Integer(), nullable=False),
    blob("nonce"),
    blob("sealed"),
    moment("created_at"),
    same_account("integration_id", "integrations"),
    Index(None, "account_id", "integration_id", "id"),
)

webhook_secrets = tenant_table(
    "webhook_secrets",
    key("integration_id"),
    blob("nonce"),
    blob("sealed"),
    moment("created_at"),
    moment("retired_at", is_optional=True),
    same_account("integration_id", "integrations"),
    Index(None, "account_id", "integration_id"),
)
"""Sealed under the web process's key: it checks signatures and can do nothing else at the provider."""

cursors = tenant_table(
    "cursors",
    key("integration_id"),
    text("name"),
    text("value"),
    moment("changed_at"),
    same_account("integration_id", "integrations"),
    UniqueConstraint("account_id", "integration_id", "name"),
)
"""How far we have read what a provider tells: a history id, a balance transaction, a watch's end."""

provider_checks = tenant_table(
    "provider_checks",
    key("integration_id"),
    text("name"),
    text("state"),
    text("detail"),
    moment("checked_at"),
    same_account("integration_id", "integrations"),
    UniqueConstraint("account_id", "integration_id", "name"),
    CheckConstraint("state in ('ok', 'failing', 'unknown')", name="state"),
)
"""The newest finding of each check: reachable, credential, webhook, watch."""
