"""The words and colours for states: one place, so that a state looks and reads the same everywhere."""

WORDS = {
    "awaiting_approval": "waiting for approval",
    "ready": "approved, not yet sent",
    "executing": "sending",
    "in_doubt": "in doubt",
    "succeeded": "sent",
    "pending": "waiting",
    "waiting": "waits for people",
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
    "self_consistent": "self-consistent",
    "ok": "holds",
}
TONES = {
    "good": ("succeeded", "verified", "released", "completed", "ok", "live", "approved", "spent"),
    "wait": ("awaiting_approval", "pending", "quarantined", "pending_receipt", "waiting", "draft_only", "ready"),
    "busy": ("executing", "running", "queued", "proposed", "self_consistent"),
    "bad": (
        "failed",
        "denied",
        "rejected",
        "in_doubt",
        "hold",
        "manual_review_required",
        "revoked",
        "degraded",
        "read_only",
    ),
}
EXPLANATIONS = {
    "proposed": "The agent has proposed it; it is being bound.",
    "awaiting_approval": "A person must decide. Nothing has left.",
    "ready": "Approved. It leaves when the undo window has passed; until then it can be taken back.",
    "executing": "The gateway has claimed it and talks to the provider now.",
    "succeeded": "The provider accepted it, once.",
    "failed": "The provider said no. Nothing was sent.",
    "in_doubt": "The provider may or may not have acted. It is looked up, never blindly repeated.",
    "denied": "A policy said no. Nothing has left.",
    "rejected": "A person said no. Nothing has left.",
    "expired": "Nobody decided in time. Nothing has left.",
    "superseded": "An edited version took its place.",
    "cancelled": "It was taken back before it was claimed.",
}


def word(state: str) -> str:
    """A state as people say it."""
    return WORDS.get(state, state.replace("_", " "))


def tone(state: str) -> str:
    """The colour family of a state: `good`, `wait`, `busy`, `bad` or `still`."""
    return next((name for name, states in TONES.items() if state in states), "still")


def explain(state: str) -> str:
    """One sentence that says what a ToolCall's state means, or an empty string."""
    return EXPLANATIONS.get(state, "")


def event_words(kind: str) -> str:
    """An audit event's kind as a line of the record: `tool_call.proposed` is "Tool call proposed"."""
    return kind.replace("_", " ").replace(".", " ").capitalize()
