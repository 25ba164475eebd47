"""Tables of runs: what an agent was asked to do, what it did, and the lease it did it under."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, UniqueConstraint, Uuid
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB

from trinity.store.schema import blob, key, moment, same_account, tenant_table, text

RUN_KINDS = ("outreach", "acquisition", "reply")
RUN_STATES = ("held", "queued", "running", "waiting", "completed", "failed", "stopped")

runs = tenant_table(
    "runs",
    key("project_id"),
    text("kind", default="outreach"),
    key("contact_id", is_optional=True),
    key("order_id", is_optional=True),
    key("thread_id", is_optional=True),
    key("held_for_id", is_optional=True),
    text("goal"),
    text("contact_addr", is_optional=True),
    text("contact_name", is_optional=True),
    text("state"),
    text("outcome", is_optional=True),
    text("isolation", is_optional=True),
    text("package_sha256", is_optional=True),
    Column("started_by", Uuid(), ForeignKey("users.id"), nullable=True),
    moment("created_at"),
    moment("started_at", is_optional=True),
    moment("finished_at", is_optional=True),
    same_account("project_id", "projects"),
    same_account("contact_id", "contacts"),
    same_account("order_id", "orders"),
    same_account("thread_id", "threads"),
    same_account("held_for_id", "sources"),
    CheckConstraint(f"state in {RUN_STATES}", name="state"),
    CheckConstraint(f"kind in {RUN_KINDS}", name="kind"),
    Index(None, "account_id", "project_id", "id"),
    Index(None, "account_id", "state"),
    Index(None, "account_id", "order_id"),
    Index(
        "runs_one_an_order_idx",
        "account_id",
        "order_id",
        unique=True,
        postgresql_where=sql("kind = 'acquisition'"),
    ),
    Index(
        "runs_one_a_thread_idx",
        "account_id",
        "thread_id",
        unique=True,
        postgresql_where=sql("kind = 'reply' and state in ('held', 'queued', 'running', 'waiting')"),
    ),
    Index(None, "account_id", "held_for_id"),
)
"""`started_by` is None for a run that followed from a payment; `held_for_id` is the source that it waits for.

An order is worked on by one run, and a thread is answered by one at a time, whoever asks for it how often.
"""

run_leases = tenant_table(
    "run_leases",
    key("run_id"),
    blob("token_sha256"),
    moment("created_at"),
    moment("expires_at"),
    moment("revoked_at", is_optional=True),
    same_account("run_id", "runs"),
    UniqueConstraint("token_sha256"),
    Index(None, "account_id", "run_id"),
)

run_events = tenant_table(
    "run_events",
    key("run_id"),
    text("kind"),
    Column("body", JSONB(), nullable=False),
    moment("created_at"),
    same_account("run_id", "runs"),
    Index(None, "account_id", "run_id", "id"),
    is_partitioned=True,
)

drafts = tenant_table(
    "drafts",
    key("run_id"),
    text("title"),
    text("body"),
    text("sha256"),
    moment("created_at"),
    same_account("run_id", "runs"),
    Index(None, "account_id", "run_id", "id"),
)
