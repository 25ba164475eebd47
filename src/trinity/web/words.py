"""The words and colours for states: one place, so that a state looks and reads the same everywhere."""

WORDS = {
    "awaiting_approval": "waiting for approval",
    "ready": "approved, not yet sent",
    "executing": "sending",
    "in_doubt": "in doubt",
    "succeeded": "sent",
    "pending": "waiting",
    "waiting": "waits for people",
    "held": "held: waits for a release",
    "started": "in work",
    "left": "not done",
    "outreach": "Outreach",
    "acquisition": "Order",
    "reply": "Reply",
    "score": "Score",
    "copy_safety": "Copy safety",
    "qa": "Quality",
    "approved": "approved",
    "spent": "approved and used",
    "pending_receipt": "receipt pending",
    "manual_review_required": "needs a person",
    "draft_only": "drafts only",
    "read_only": "read only",
    "hold": "on hold",
    "live": "live",
    "gmail.send": "Send mail",
    "gmail.reply": "Reply by mail",
    "gmail.draft": "Save a draft",
    "stripe.checkout_session": "Open a checkout",
    "stripe.refund": "Refund",
    "system.notify": "Notice to members",
    "self_consistent": "self-consistent",
    "ok": "holds",
    "thread.open": "to answer",
    "thread.waiting": "we wrote",
    "thread.answered": "answered",
    "thread.closed": "closed",
}
TONES = {
    "good": (
        "done",
        "passed",
        "won",
        "paid",
        "fulfilled",
        "succeeded",
        "verified",
        "released",
        "completed",
        "ok",
        "live",
        "approved",
        "spent",
        "published",
        "delivered",
    ),
    "wait": (
        "awaiting_approval",
        "held",
        "pending",
        "quarantined",
        "thread.open",
        "pending_receipt",
        "waiting",
        "draft_only",
        "ready",
        "warning",
        "partially_refunded",
        "awaiting",
        "prepared",
        "in_transit",
    ),
    "busy": ("executing", "running", "queued", "started", "proposed", "self_consistent"),
    "bad": (
        "blocked",
        "failed",
        "denied",
        "rejected",
        "in_doubt",
        "hold",
        "manual_review_required",
        "revoked",
        "degraded",
        "read_only",
        "critical",
        "disputed",
        "dispute_lost",
        "needs_response",
        "lost",
    ),
}
EXPLANATIONS = {
    "proposed": "Models look at what the agent wrote before a person is asked. Nothing has left.",
    "awaiting_approval": "A person must decide. Nothing has left.",
    "ready": "Approved. It leaves when the undo window has passed; until then it can be taken back.",
    "executing": "The gateway has claimed it and talks to the provider now.",
    "succeeded": "The provider accepted it, once.",
    "failed": "The provider said no. Nothing happened there.",
    "in_doubt": "The provider may or may not have acted. It is looked up, never blindly repeated.",
    "denied": "A policy said no. Nothing has left.",
    "rejected": "A person said no. Nothing has left.",
    "expired": "Nobody decided in time. Nothing has left.",
    "superseded": "An edited version took its place.",
    "cancelled": "It was taken back before it was claimed.",
}

POSTURES = {
    "draft_only": "Only drafts are saved. Mail that falls due ends as denied, approved or not.",
    "read_only": "Nothing goes out, not even into a mailbox’s drafts. What falls due ends as denied, approved or not.",
    "hold": "Nothing is claimed. What falls due ends as denied, approved or not.",
}
"""What each tighter posture does to calls that fall due under it."""
INCIDENTS = {
    "tampering": (
        "Stored bytes were changed",
        "What was to be sent was no longer what people had approved. Nothing was sent; the call is denied. Somebody or"
        " something changed rows of the database.",
    ),
    "spent_register_collision": (
        "The database has lost an act",
        "The spent register knows an act that the database does not: a restored backup, or rows that were changed by"
        " hand. It was not sent again, and everything went on hold.",
    ),
    "effect_doubled": (
        "One approval, more than one mail",
        "The mailbox holds more than one sent mail with the token of one call: something acted without authority."
        " Everything went on hold.",
    ),
    "mail_bounced": (
        "A mail came back",
        "The other side’s mail server says that a mail did not arrive. The conversation shows for whom. A report that is"
        " about no mail of ours marks nobody.",
    ),
    "mail_not_taken": (
        "A mail could not be taken in",
        "It lies in the mailbox, and the mails behind it were read. Look at it there.",
    ),
    "mailbox_suspended": (
        "A mailbox has to be connected again",
        "Google no longer accepts our grant for it: it was withdrawn, or has run out. Nothing is read or sent through it"
        " until an owner connects it again.",
    ),
    "artifact_corrupted": (
        "A stored file was changed",
        "What lies in the file store under a digest was not what was taken in: a broken disk, a lost object, or somebody’s"
        " hand. It is not given out; where the right file came in again, it was put in its place.",
    ),
    "payment_mismatch": (
        "Another amount was paid than was asked for",
        "Stripe says that a checkout of ours was paid with another amount or currency than its offer has. No order was"
        " made of it. The money is there: look at the payment at Stripe, and give it back or make it good.",
    ),
    "verification_failed": (
        "The provider’s record is not what was approved",
        "What the provider keeps differs from what was approved, or it keeps no such mail. The proof says what differs."
        " Often somebody has deleted the mail from the mailbox.",
    ),
}
"""Each kind of incident in words: what happened, and what it means."""


def word(state: str) -> str:
    """A state as people say it."""
    return WORDS.get(state, state.replace("_", " "))


def tone(state: str) -> str:
    """The colour family of a state: `good`, `wait`, `busy`, `bad` or `still`."""
    return next((name for name, states in TONES.items() if state in states), "still")


def explain(state: str) -> str:
    """One sentence that says what a ToolCall's state means, or an empty string."""
    return EXPLANATIONS.get(state, "")


def posture_means(mode: str) -> str:
    """What a posture does to calls that fall due under it; an empty string for `live`."""
    return POSTURES.get(mode, "")


def incident_title(kind: str) -> str:
    """A kind of incident in a few words; an unknown kind as its own name."""
    return INCIDENTS[kind][0] if kind in INCIDENTS else event_words(kind)


def incident_meaning(kind: str) -> str:
    """What a kind of incident means, or an empty string."""
    return INCIDENTS[kind][1] if kind in INCIDENTS else ""


def event_words(kind: str) -> str:
    """An audit event's kind as a line of the record: `tool_call.proposed` is "Tool call proposed"."""
    return kind.replace("_", " ").replace(".", " ").capitalize()
