"""Tables of the people we deal with: companies, contacts, leads, deals, threads and their messages, a timeline."""

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Column, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from trinity.store.schema import key, moment, same_account, tenant_table, text

CONTACT_STATES = ("active", "bounced")
LEAD_STATES = ("new", "qualified", "disqualified", "customer")
STAGES = ("new", "qualified", "proposal", "won", "lost")
THREAD_STATES = ("open", "waiting", "answered", "closed")
DIRECTIONS = ("in", "out")
MESSAGE_KINDS = ("mail", "bounce", "auto_reply")

companies = tenant_table(
    "companies",
    text("name"),
    text("domain", is_optional=True),
    text("website", is_optional=True),
    moment("created_at"),
    UniqueConstraint("account_id", "domain"),
)

contacts = tenant_table(
    "contacts",
    text("email"),
    text("name"),
    key("company_id", is_optional=True),
    text("state", default="active"),
    moment("created_at"),
    same_account("company_id", "companies"),
    UniqueConstraint("account_id", "email"),
    CheckConstraint("email = lower(email)", name="email"),
    CheckConstraint(f"state in {CONTACT_STATES}", name="state"),
    Index(None, "account_id", "company_id"),
)

deals = tenant_table(
    "deals",
    key("project_id"),
    key("contact_id"),
    key("company_id", is_optional=True),
    text("title"),
    text("stage"),
    Column("amount_minor", BigInteger(), nullable=True),
    text("currency", is_optional=True),
    moment("created_at"),
    moment("changed_at"),
    same_account("project_id", "projects"),
    same_account("contact_id", "contacts"),
    same_account("company_id", "companies"),
    CheckConstraint(f"stage in {STAGES}", name="stage"),
    Index(None, "account_id", "contact_id"),
    Index(None, "account_id", "stage", "id"),
)

leads = tenant_table(
    "leads",
    key("project_id"),
    key("contact_id"),
    key("deal_id", is_optional=True),
    key("source_id", is_optional=True),
    text("origin"),
    text("website", default=""),
    text("state"),
    moment("created_at"),
    same_account("project_id", "projects"),
    same_account("contact_id", "contacts"),
    same_account("deal_id", "deals"),
    same_account("source_id", "sources"),
    CheckConstraint(f"state in {LEAD_STATES}", name="state"),
    Index(None, "account_id", "contact_id"),
)

threads = tenant_table(
    "threads",
    key("project_id"),
    key("contact_id", is_optional=True),
    key("integration_id"),
    text("provider_thread_id"),
    text("subject"),
    text("state"),
    moment("created_at"),
    moment("last_at"),
    same_account("project_id", "projects"),
    same_account("contact_id", "contacts"),
    same_account("integration_id", "integrations"),
    UniqueConstraint("account_id", "integration_id", "provider_thread_id"),
    CheckConstraint(f"state in {THREAD_STATES}", name="state"),
    Index(None, "account_id", "contact_id"),
    Index(None, "account_id", "last_at"),
)

thread_messages = tenant_table(
    "thread_messages",
    key("thread_id"),
    text("direction"),
    text("kind"),
    text("provider_message_id"),
    text("wire_message_id"),
    Column("reference_ids", ARRAY(Text()), nullable=False),
    text("subject"),
    text("from_addr"),
    text("from_name", default=""),
    key("source_id", is_optional=True),
    key("tool_call_id", is_optional=True),
    Column("facts", JSONB(), nullable=False, server_default="{}"),
    moment("sent_at"),
    moment("created_at"),
    same_account("thread_id", "threads"),
    same_account("source_id", "sources"),
    same_account("tool_call_id", "tool_calls"),
    UniqueConstraint("account_id", "thread_id", "provider_message_id"),
    CheckConstraint(f"direction in {DIRECTIONS}", name="direction"),
    CheckConstraint(f"kind in {MESSAGE_KINDS}", name="kind"),
    Index(None, "account_id", "source_id"),
    Index(None, "account_id", "tool_call_id"),
    Index(None, "account_id", "provider_message_id"),
    Index(None, "account_id", "wire_message_id"),
)
"""`facts` are for people: size, digest, warnings, the artifacts that came with it, whom a bounce names."""

activities = tenant_table(
    "activities",
    key("contact_id"),
    text("kind"),
    text("subject_kind"),
    key("subject_id", is_optional=True),
    Column("facts", JSONB(), nullable=False),
    moment("created_at"),
    same_account("contact_id", "contacts"),
    Index(None, "account_id", "contact_id", "id"),
)
"""A person's timeline: ids, amounts and enumerations; words stay in the sources they came in."""
