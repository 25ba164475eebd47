"""Tables of content with an origin."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Uuid

from trinity.store.schema import blob, key, moment, same_account, tenant_table, text

ORIGINS = ("operator", "public_form", "inbound_mail", "attachment", "web", "crm", "agent")
RELEASE_STATES = ("quarantined", "released", "rejected")

sources = tenant_table(
    "sources",
    key("project_id"),
    text("origin"),
    text("title"),
    blob("body"),
    text("sha256"),
    Column("size_bytes", Integer(), nullable=False),
    text("release_state"),
    Column("decided_by", Uuid(), ForeignKey("users.id"), nullable=True),
    moment("decided_at", is_optional=True),
    moment("created_at"),
    same_account("project_id", "projects"),
    CheckConstraint(f"origin in {ORIGINS}", name="origin"),
    CheckConstraint(f"release_state in {RELEASE_STATES}", name="release_state"),
    Index(None, "account_id", "project_id", "id"),
)
