"""Tables of money: offers, checkouts, customers, orders, what Stripe told us, and the ledger.

An entry of the ledger is a transfer between two accounts of one currency, so an unbalanced one cannot be
written down (I11).
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

from trinity.store.schema import blob, key, moment, same_account, tenant_table, text

OFFER_STATES = ("draft", "published", "archived")
CHECKOUT_STATES = ("preparing", "open", "processing", "completed", "expired", "failed")
ORDER_STATES = ("paid", "fulfilled", "partially_refunded", "refunded", "disputed", "dispute_lost")
FULFILMENT_STATES = ("awaiting", "prepared", "delivered", "cancelled")
REFUND_STATES = ("pending", "requires_action", "succeeded", "failed", "canceled")
LEDGER_CODES = ("stripe", "bank", "sales", "refunds", "disputes", "fees", "adjustments")
EVENT_OUTCOMES = ("received", "processed", "ignored", "failed")


def amount(name: str = "amount_minor", *, is_optional: bool = False) -> Column[int]:
    """Integer minor units of the row's currency."""
    return Column(name, BigInteger(), nullable=is_optional)


offers = tenant_table(
    "offers",
    key("project_id"),
    text("slug"),
    text("title"),
    text("summary"),
    amount(),
    text("currency"),
    text("state"),
    moment("created_at"),
    same_account("project_id", "projects"),
    UniqueConstraint("account_id", "slug"),
    CheckConstraint("amount_minor > 0", name="amount_minor"),
    CheckConstraint(f"state in {OFFER_STATES}", name="state"),
)

checkout_sessions = tenant_table(
    "checkout_sessions",
    key("project_id"),
    key("offer_id"),
    key("contact_id"),
    key("deal_id", is_optional=True),
    key("tool_call_id", is_optional=True),
    blob("token_sha256"),
    text("intake_text"),
    text("website", default=""),
    amount(),
    text("currency"),
    text("provider_session_id", is_optional=True),
    text("url", is_optional=True),
    text("state"),
    moment("created_at"),
    moment("changed_at"),
    same_account("project_id", "projects"),
    same_account("offer_id", "offers"),
    same_account("contact_id", "contacts"),
    same_account("deal_id", "deals"),
    UniqueConstraint("account_id", "provider_session_id"),
    UniqueConstraint("token_sha256"),
    CheckConstraint(f"state in {CHECKOUT_STATES}", name="state"),
    Index(None, "account_id", "contact_id"),
)

customers = tenant_table(
    "customers",
    key("contact_id"),
    text("provider_customer_id", is_optional=True),
    moment("created_at"),
    same_account("contact_id", "contacts"),
    UniqueConstraint("account_id", "contact_id"),
)

orders = tenant_table(
    "orders",
    Column("number", Integer(), nullable=False),
    key("project_id"),
    key("offer_id"),
    key("customer_id"),
    key("contact_id"),
    key("deal_id", is_optional=True),
    key("checkout_id"),
    text("payment_intent_id", is_optional=True),
    text("charge_id", is_optional=True),
    text("state"),
    amount(),
    text("currency"),
    amount("refunded_minor"),
    moment("paid_at"),
    moment("created_at"),
    same_account("project_id", "projects"),
    same_account("offer_id", "offers"),
    same_account("customer_id", "customers"),
    same_account("contact_id", "contacts"),
    same_account("deal_id", "deals"),
    same_account("checkout_id", "checkout_sessions"),
    UniqueConstraint("account_id", "number"),
    UniqueConstraint("account_id", "checkout_id"),
    UniqueConstraint("account_id", "payment_intent_id"),
    CheckConstraint("refunded_minor between 0 and amount_minor", name="refunded_minor"),
    CheckConstraint(f"state in {ORDER_STATES}", name="state"),
    Index(None, "account_id", "contact_id"),
    Index(None, "account_id", "charge_id"),
)

order_intakes = tenant_table(
    "order_intakes",
    key("order_id"),
    key("source_id", is_optional=True),
    text("website", default=""),
    moment("created_at"),
    same_account("order_id", "orders"),
    same_account("source_id", "sources"),
    UniqueConstraint("account_id", "order_id"),
)

fulfilments = tenant_table(
    "fulfilments",
    key("order_id"),
    key("run_id", is_optional=True),
    key("artifact_id", is_optional=True),
    key("tool_call_id", is_optional=True),
    text("state"),
    moment("created_at"),
    moment("delivered_at", is_optional=True),
    same_account("order_id", "orders"),
    UniqueConstraint("account_id", "order_id"),
    CheckConstraint(f"state in {FULFILMENT_STATES}", name="state"),
)

revenue_events = tenant_table(
    "revenue_events",
    key("order_id", is_optional=True),
    text("kind"),
    text("provider_id"),
    amount(),
    text("currency"),
    Column("facts", JSONB(), nullable=False),
    moment("created_at"),
    same_account("order_id", "orders"),
    UniqueConstraint("account_id", "kind", "provider_id"),
    Index(None, "account_id", "order_id", "id"),
)

refunds = tenant_table(
    "refunds",
    key("order_id"),
    text("provider_refund_id"),
    key("tool_call_id", is_optional=True),
    amount(),
    text("currency"),
    text("state"),
    moment("created_at"),
    moment("changed_at"),
    same_account("order_id", "orders"),
    UniqueConstraint("account_id", "provider_refund_id"),
    CheckConstraint("amount_minor > 0", name="amount_minor"),
    CheckConstraint(f"state in {REFUND_STATES}", name="state"),
    Index(None, "account_id", "order_id"),
)

disputes = tenant_table(
    "disputes",
    key("order_id", is_optional=True),
    text("provider_dispute_id"),
    text("charge_id"),
    amount(),
    text("currency"),
    text("reason"),
    text("state"),
    moment("created_at"),
    moment("changed_at"),
    same_account("order_id", "orders"),
    UniqueConstraint("account_id", "provider_dispute_id"),
    Index(None, "account_id", "order_id"),
)

payouts = tenant_table(
    "payouts",
    text("provider_payout_id"),
    amount(),
    text("currency"),
    text("state"),
    moment("arrives_at", is_optional=True),
    moment("created_at"),
    moment("changed_at"),
    UniqueConstraint("account_id", "provider_payout_id"),
)

ledger_accounts = tenant_table(
    "ledger_accounts",
    text("code"),
    text("currency"),
    moment("created_at"),
    UniqueConstraint("account_id", "code", "currency"),
    UniqueConstraint("account_id", "id", "currency"),
    CheckConstraint(f"code in {LEDGER_CODES}", name="code"),
)

ledger_transfers = tenant_table(
    "ledger_transfers",
    key("debit_id"),
    key("credit_id"),
    amount(),
    text("currency"),
    text("kind"),
    text("txn_id"),
    text("source_id"),
    key("order_id", is_optional=True),
    moment("happened_at"),
    moment("created_at"),
    ForeignKeyConstraint(
        ["account_id", "debit_id", "currency"],
        ["ledger_accounts.account_id", "ledger_accounts.id", "ledger_accounts.currency"],
    ),
    ForeignKeyConstraint(
        ["account_id", "credit_id", "currency"],
        ["ledger_accounts.account_id", "ledger_accounts.id", "ledger_accounts.currency"],
    ),
    same_account("order_id", "orders"),
    UniqueConstraint("account_id", "txn_id", "kind"),
    CheckConstraint("amount_minor > 0", name="amount_minor"),
    CheckConstraint("debit_id <> credit_id", name="debit_id"),
    Index(None, "account_id", "order_id"),
)
"""`txn_id` is the provider's balance transaction, `kind` the leg of it, `source_id` what it is about (`ch_`, `re_` …)."""

stripe_events = tenant_table(
    "stripe_events",
    text("provider_event_id"),
    text("type"),
    text("api_version", default=""),
    text("object_id", default=""),
    blob("raw"),
    text("outcome"),
    text("detail", default=""),
    moment("happened_at"),
    moment("received_at"),
    moment("processed_at", is_optional=True),
    UniqueConstraint("account_id", "provider_event_id"),
    CheckConstraint(f"outcome in {EVENT_OUTCOMES}", name="outcome"),
    Index(None, "account_id", "outcome", "id"),
)

stripe_syncs = tenant_table(
    "stripe_syncs",
    text("object_id"),
    Column("n", BigInteger(), nullable=False),
    moment("changed_at"),
    UniqueConstraint("account_id", "object_id"),
)
"""How often an object's current state was applied: who fetched before the last time must fetch again."""

webhook_refusals = tenant_table(
    "webhook_refusals",
    text("provider"),
    text("reason"),
    text("body_sha256"),
    Column("size_bytes", Integer(), nullable=False),
    moment("created_at"),
)
"""What was refused at a webhook's door: a digest and a reason, never the body."""
