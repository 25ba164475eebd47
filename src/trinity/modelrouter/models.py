"""Table of what models decided: one row an attempt, the failed ones too."""

from sqlalchemy import CheckConstraint, Column, Index
from sqlalchemy.dialects.postgresql import JSONB

from trinity.store.schema import blob, key, moment, same_account, tenant_table, text

OUTCOMES = ("passed", "blocked", "failed")

model_decisions = tenant_table(
    "model_decisions",
    key("run_id", is_optional=True),
    key("tool_call_id", is_optional=True),
    key("subject_id", is_optional=True),
    text("route"),
    text("provider"),
    text("model"),
    text("input_sha256"),
    text("request_sha256"),
    blob("response"),
    Column("verdict", JSONB(), nullable=True),
    text("outcome"),
    text("failure", is_optional=True),
    moment("created_at"),
    same_account("run_id", "runs"),
    same_account("tool_call_id", "tool_calls"),
    CheckConstraint("route ~ '^[a-z_]{1,40}$'", name="route"),
    CheckConstraint(f"outcome in {OUTCOMES}", name="outcome"),
    CheckConstraint("(outcome = 'failed') = (failure is not null)", name="failure"),
    Index(None, "account_id", "run_id", "id"),
    Index(None, "account_id", "tool_call_id", "id"),
    Index(None, "account_id", "subject_id", "id"),
)
"""`input_sha256` is what was judged (a mail's payload, a text), `response` the provider's own bytes without reasoning.

A route that is not in the table of routes can be asked for by mistake; that is a failed decision, so it has a row too.
"""
