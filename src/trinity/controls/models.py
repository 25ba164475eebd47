"""Table of postures: how much an account may do at the moment."""

from sqlalchemy import CheckConstraint

from trinity.store.schema import moment, tenant_table, text

MODES = ("live", "draft_only", "read_only", "hold")

postures = tenant_table(
    "postures",
    text("scope"),
    text("mode"),
    text("reason"),
    text("set_by"),
    moment("created_at"),
    CheckConstraint(f"mode in {MODES}", name="mode"),
    CheckConstraint("scope = 'account'", name="scope"),
)
