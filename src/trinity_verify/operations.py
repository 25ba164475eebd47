"""The operations that this verifier knows, in one table: how far each reaches, its bytes, its steps, its receipt."""

from dataclasses import dataclass

TIERS = ("read", "internal", "draft", "external", "money", "extreme")
EXTERNAL, MONEY = TIERS.index("external"), TIERS.index("money")
MAIL, FORM = "message/rfc822", "application/x-www-form-urlencoded"
CHECKOUT = "checkout_session"
REFUND_BY_ONE_MAX = 2_500
"""The most, in minor units, that one person may pay back of one order; above it needs two."""

LOOK = "reconcile"
STEPS = {
    "drafts.create": 1,
    "drafts.send": 2,
    "checkout.sessions.create": 1,
    "refunds.create": 1,
    "smtp.send": 1,
    LOOK: 9,
}
INTENTS = {
    "drafts.create": {"payload_sha256", "token"},
    "drafts.send": {"payload_sha256", "draft_id", "history_id"},
    "checkout.sessions.create": {"payload_sha256", "token"},
    "refunds.create": {"payload_sha256", "token"},
    "smtp.send": {"payload_sha256", "token"},
    LOOK: {"looks"},
}
"""The keys of what is written down before a step."""
RESULTS = {
    "drafts.create": {"draft_id", "message_id", "thread_id"},
    "drafts.send": {"message_id", "thread_id"},
    "checkout.sessions.create": {"session_id", "url", "amount_minor", "currency"},
    "refunds.create": {"refund_id", "status", "amount_minor", "currency"},
    "smtp.send": {"message_id", "payload_sha256", "reply"},
}
"""The keys of what is written down after a step that ended well."""


@dataclass(frozen=True)
class Operation:
    """`floor` is its lowest tier; `steps` are what may be done, in this order, the last one being the effect.

    `receipt` is the kind of the receipt that settles it, and `names` the receipt's key for the provider's id of it.
    """

    provider: str
    floor: str
    payload_type: str
    steps: tuple[str, ...]
    receipt: str
    names: str
    has_record: bool = True

    @property
    def effect(self) -> str:
        """The step that reaches the outside world."""
        return self.steps[-1]


OPERATIONS = {
    "gmail.draft": Operation("gmail", "draft", MAIL, ("drafts.create",), "draft", "message_id"),
    "gmail.send": Operation("gmail", "external", MAIL, ("drafts.create", "drafts.send"), "sent", "message_id"),
    "gmail.reply": Operation("gmail", "external", MAIL, ("drafts.create", "drafts.send"), "sent", "message_id"),
    "stripe.checkout_session": Operation(
        "stripe", "draft", FORM, ("checkout.sessions.create",), CHECKOUT, "session_id"
    ),
    "stripe.refund": Operation("stripe", "money", FORM, ("refunds.create",), "refund", "refund_id"),
    "system.notify": Operation("smtp", "internal", MAIL, ("smtp.send",), "notice", "message_id", has_record=False),
}
SENDS = ("gmail.send", "gmail.reply")
MAILS = ("gmail.draft", *SENDS)
