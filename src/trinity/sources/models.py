"""Tables of content with an origin."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, Uuid

from trinity.store.schema import blob, key, moment, same_account, tenant_table, text

ORIGINS = ("operator", "public_form", "inbound_mail", "attachment", "web", "crm", "agent")
SCAN_STATES = ("not_scanned", "clean", "infected")
RELEASE_STATES = ("quarantined", "released", "rejected")

sources = tenant_table(
    "sources",
    key("project_id"),
    key("contact_id", is_optional=True),
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
    same_account("contact_id", "contacts"),
    CheckConstraint(f"origin in {ORIGINS}", name="origin"),
    CheckConstraint(f"release_state in {RELEASE_STATES}", name="release_state"),
    Index(None, "account_id", "project_id", "id"),
)
"""`contact_id` is the person whose content it is: an agent that works for another one never sees it."""

artifacts = tenant_table(
    "artifacts",
    key("project_id"),
    key("contact_id", is_optional=True),
    key("run_id", is_optional=True),
    key("source_id", is_optional=True),
    text("origin"),
    text("name"),
    text("media_type"),
    text("sha256"),
    Column("size_bytes", BigInteger(), nullable=False),
    text("scan_state"),
    text("release_state"),
    Column("decided_by", Uuid(), ForeignKey("users.id"), nullable=True),
    moment("decided_at", is_optional=True),
    moment("created_at"),
    same_account("project_id", "projects"),
    same_account("contact_id", "contacts"),
    same_account("run_id", "runs"),
    same_account("source_id", "sources"),
    CheckConstraint(f"origin in {ORIGINS}", name="origin"),
    CheckConstraint(f"scan_state in {SCAN_STATES}", name="scan_state"),
    CheckConstraint(f"release_state in {RELEASE_STATES}", name="release_state"),
    Index(None, "account_id", "project_id", "id"),
    Index(None, "account_id", "run_id"),
)
"""Files by the digest of their content; the bytes lie in the object store."""
