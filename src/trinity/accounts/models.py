"""Tables of accounts, people, their memberships and sessions, and projects."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    Uuid,
)

from trinity.store.schema import blob, key, metadata, moment, same_account, tenant_table, text

ROLES = ("owner", "approver", "operator", "auditor")

accounts = Table(
    "accounts",
    metadata,
    key("id", is_primary=True),
    text("name"),
    text("slug"),
    moment("created_at"),
    UniqueConstraint("slug"),
    CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]{1,62}$'", name="slug"),
)

users = Table(
    "users",
    metadata,
    key("id", is_primary=True),
    text("email"),
    text("name"),
    text("password_hash"),
    moment("created_at"),
    moment("disabled_at", is_optional=True),
    UniqueConstraint("email"),
    CheckConstraint("email = lower(email)", name="email_lower"),
)

memberships = Table(
    "memberships",
    metadata,
    Column("account_id", Uuid(), ForeignKey("accounts.id"), primary_key=True),
    Column("user_id", Uuid(), ForeignKey("users.id"), primary_key=True),
    text("role"),
    moment("created_at"),
    CheckConstraint(f"role in {ROLES}", name="role"),
    Index(None, "user_id"),
)

sessions = tenant_table(
    "sessions",
    key("user_id"),
    blob("token_sha256"),
    moment("created_at"),
    moment("expires_at"),
    moment("revoked_at", is_optional=True),
    UniqueConstraint("token_sha256"),
    ForeignKeyConstraint(["account_id", "user_id"], ["memberships.account_id", "memberships.user_id"]),
)

projects = tenant_table(
    "projects",
    text("name"),
    text("summary"),
    Column("undo_window_s", Integer(), nullable=False),
    key("integration_id", is_optional=True),
    moment("created_at"),
    same_account("integration_id", "integrations"),
    CheckConstraint("undo_window_s between 0 and 3600", name="undo_window"),
)

sponsor_domains = tenant_table(
    "sponsor_domains",
    key("project_id"),
    text("domain"),
    moment("created_at"),
    moment("revoked_at", is_optional=True),
    same_account("project_id", "projects"),
    UniqueConstraint("account_id", "project_id", "domain"),
)
"""Whose people may look at one project as guests."""

guests = tenant_table(
    "guests",
    key("project_id"),
    text("email"),
    blob("token_sha256"),
    moment("created_at"),
    moment("expires_at"),
    moment("revoked_at", is_optional=True),
    same_account("project_id", "projects"),
    UniqueConstraint("token_sha256"),
)
