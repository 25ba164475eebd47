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
