"""Table of exported proof packets."""

from sqlalchemy import CheckConstraint, Index

from trinity.store.schema import blob, key, moment, tenant_table, text

packets = tenant_table(
    "packets",
    text("kind"),
    key("subject_id"),
    blob("body"),
    text("verdict"),
    moment("created_at"),
    CheckConstraint("kind in ('run', 'tool_call', 'order')", name="kind"),
    Index(None, "account_id", "kind", "subject_id", "id"),
)
