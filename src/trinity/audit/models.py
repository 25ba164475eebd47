"""Tables of evidence: audit events and incidents, insert-only for the app."""

from sqlalchemy import CheckConstraint, Column, Index
from sqlalchemy.dialects.postgresql import JSONB

from trinity.store.schema import blob, key, moment, tenant_table, text

audit_events = tenant_table(
    "audit_events",
    text("kind"),
    text("actor_kind"),
    text("actor_id"),
    text("subject_kind"),
    key("subject_id", is_optional=True),
    blob("facts"),
    blob("private", is_optional=True),
    blob("salt"),
    moment("created_at"),
    Index(None, "account_id", "subject_id", "id"),
    is_partitioned=True,
)

incidents = tenant_table(
    "incidents",
    text("kind"),
    key("subject_id", is_optional=True),
    Column("facts", JSONB(), nullable=False),
    text("severity"),
    moment("created_at"),
    CheckConstraint("severity in ('warning', 'critical')", name="severity"),
)
