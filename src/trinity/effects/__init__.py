"""Effects: the ToolCall, its envelope, the steps taken and what the provider said about them.

Owns `tool_calls`, `envelopes`, `idempotency_keys`, `attempts`, `receipts`. Promises that an idempotency key
means one content for ever (I7), that a step is written down before it is taken (I5), and that a step or a
settlement of a past lease epoch is refused. The claim and the settlement are the gateway's statements.
"""

from trinity.effects.commands import (
    RAW_BYTES_MAX,
    Bound,
    Ended,
    StaleLease,
    allow_look,
    begin_attempt,
    end_call,
    finish_attempt,
    insert_bound,
    lock_call,
    make_ready,
    pass_review,
    reserve_key,
    set_proof_state,
    touch,
    write_receipt,
)
from trinity.effects.queries import (
    Attempt,
    EnvelopeText,
    Receipt,
    StoredEnvelope,
    ToolCall,
    call_of_sent,
    get_envelope,
    get_tool_call,
    list_attempts,
    list_envelopes,
    list_receipts,
    list_tool_calls,
    used_keys,
)

__all__ = [
    "RAW_BYTES_MAX",
    "Attempt",
    "Bound",
    "Ended",
    "EnvelopeText",
    "Receipt",
    "StaleLease",
    "StoredEnvelope",
    "ToolCall",
    "allow_look",
    "begin_attempt",
    "call_of_sent",
    "end_call",
    "finish_attempt",
    "get_envelope",
    "get_tool_call",
    "insert_bound",
    "list_attempts",
    "list_envelopes",
    "list_receipts",
    "list_tool_calls",
    "lock_call",
    "make_ready",
    "pass_review",
    "reserve_key",
    "set_proof_state",
    "touch",
    "used_keys",
    "write_receipt",
]
