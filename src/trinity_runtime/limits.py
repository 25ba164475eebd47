"""Every bound of the runtime, in one place. They hold against a hostile model; the door has its own."""

START_LINE_BYTES_MAX = 4_096
"""The one line on standard input."""

RUN_SECONDS_MAX = 300
"""A run ends by itself after this long, whatever anybody answers."""

DOOR_CALL_SECONDS_MAX = 30.0
"""One call to the door that does not involve the model."""

MODEL_CALL_SECONDS_MAX = 120.0
"""One chat completion."""

REQUEST_BYTES_MAX = 768_000
"""One request body to the door, the conversation with the model included."""

ANSWER_BYTES_MAX = 512_000
"""One answer of the door."""

DOOR_CALLS_MAX = 96
"""All calls of one run; the last one is kept for the finish."""

TURNS_MAX = 20
"""Chat completions in one run."""

TOOL_CALLS_PER_TURN_MAX = 4
"""What one model answer may ask for; the rest of it is refused."""

TOOL_CALLS_MAX = 60
"""Tool calls in one run, the refused ones included."""

FAULTS_IN_A_ROW_MAX = 4
"""Useless model answers (no tool call, unknown tool, malformed arguments) before the run is given up."""

ARGUMENTS_BYTES_MAX = 64_000
"""The arguments of one tool call."""

ASSISTANT_TEXT_CHARS_MAX = 4_000
"""What is kept of a model's free text in the conversation. It goes nowhere else."""

CALLS_PER_TOOL_MAX = {
    "record_plan": 2,
    "mark_step": 24,
    "use_source": 12,
    "make_report": 2,
    "save_draft": 4,
    "request_artifact": 4,
    "propose_action": 3,
    "note": 8,
    "finish": 1,
}
"""How often one run may use each tool."""
