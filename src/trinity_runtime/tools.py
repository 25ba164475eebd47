"""The tools that a model is offered, and the one door call that each of them stands for.

The catalogue is code: neither the package nor a model can add to it. A profile may narrow it. The runtime
makes the idempotency key of an intent itself, from the run and the content, so that the same proposal
made twice is one proposal.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

OPERATIONS = ("gmail.send", "gmail.reply", "gmail.draft")


@dataclass(frozen=True)
class Tool:
    """One tool: name and schema as the model sees them, the door path, how arguments become its body."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    path: str
    body: Callable[[str, dict[str, Any]], dict[str, Any]]

    def offered(self) -> dict[str, Any]:
        """The tool in the form of a chat completion's `tools` list."""
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": dict(self.parameters),
            },
        }


def _text(chars_max: int, description: str) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": chars_max, "description": description}


def _number(largest: int, description: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": 1, "maximum": largest, "description": description}


def _object(required: tuple[str, ...], properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _addresses(items_min: int, description: str) -> dict[str, Any]:
    address = _object(
        ("addr",),
        {"addr": _text(254, "The address."), "name": {"type": "string", "maxLength": 120}},
    )
    return {
        "type": "array",
        "minItems": items_min,
        "maxItems": 10,
        "items": address,
        "description": description,
    }


MAIL_PAYLOAD = _object(
    ("mailbox", "from_alias", "to", "cc", "bcc", "subject", "text", "attachments"),
    {
        "mailbox": _text(254, "The address of the package's mailbox."),
        "from_alias": _text(254, "The sender: the mailbox's address or one of its aliases."),
        "to": _addresses(1, "Who the mail is for."),
        "cc": _addresses(0, "Usually empty."),
        "bcc": _addresses(0, "Usually empty."),
        "subject": _text(200, "One line."),
        "text": _text(20_000, "The whole mail as plain text."),
        "attachments": {
            "type": "array",
            "maxItems": 10,
            "items": _text(64, "An artifact id."),
            "description": "Ids of artifacts: what make_report answered with, or files of the package; usually empty.",
        },
        "in_reply_to": _text(
            64, "gmail.reply only: the id of the conversation's message, or of the tool call, that is answered."
        ),
    },
)


def _same(_run_id: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return arguments


def _intent(run_id: str, arguments: dict[str, Any]) -> dict[str, Any]:
    content = {"operation": arguments["operation"], "payload": arguments["payload"]}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()
    return {**arguments, "idempotency_key": f"run-{run_id}-{digest[:32]}"}


CATALOGUE = (
    Tool(
        "record_plan",
        "Record the plan of this run, before anything else.",
        _object(
            ("steps",),
            {"steps": {"type": "array", "minItems": 1, "maxItems": 12, "items": _text(400, "One step.")}},
        ),
        "/plan",
        _same,
    ),
    Tool(
        "mark_step",
        "Say that a step of the plan begins, or is done.",
        _object(
            ("step", "state"),
            {
                "step": _number(12, "The number of the step, counted from 1."),
                "state": {"type": "string", "maxLength": 16, "enum": ["started", "done"]},
            },
        ),
        "/steps",
        _same,
    ),
    Tool(
        "use_source",
        "Say that you work with a source of the package, before you do.",
        _object(("source_id",), {"source_id": _text(64, "The id of the source.")}),
        "/sources-used",
        _same,
    ),
    Tool(
        "save_draft",
        "Save a text for people to read. Nothing is sent.",
        _object(("title", "text"), {"title": _text(200, "What it is."), "text": _text(20_000, "The whole text.")}),
        "/drafts",
        _same,
    ),
    Tool(
        "make_report",
        "Have a saved draft made into files, HTML and PDF. A person releases them before they can be sent.",
        _object(("draft_id",), {"draft_id": _text(64, "The draft_id that save_draft answered with.")}),
        "/reports",
        _same,
    ),
    Tool(
        "request_artifact",
        "Ask people for something that is missing: a file, an address, the release of a source.",
        _object(
            ("title", "reason"),
            {"title": _text(200, "What is needed."), "reason": _text(1_000, "What for.")},
        ),
        "/artifact-requests",
        _same,
    ),
    Tool(
        "propose_action",
        "Propose an action with its exact content. A person decides; you cannot act yourself.",
        _object(
            ("operation", "payload", "reason"),
            {
                "operation": {"type": "string", "maxLength": 64, "enum": list(OPERATIONS)},
                "payload": MAIL_PAYLOAD,
                "reason": _text(1_000, "Why this action serves the goal."),
            },
        ),
        "/intents",
        _intent,
    ),
    Tool(
        "note",
        "Leave a short note about the progress of this run.",
        _object(("text",), {"text": _text(1_000, "The note.")}),
        "/events",
        _same,
    ),
    Tool(
        "finish",
        "End the run. The last call.",
        _object(
            ("outcome", "summary"),
            {
                "outcome": {"type": "string", "maxLength": 16, "enum": ["completed", "failed"]},
                "summary": _text(1_000, "What was done, what is waiting for people."),
            },
        ),
        "/finish",
        _same,
    ),
)


def offered_to(profile_tools: object) -> dict[str, Tool]:
    """The tools of the catalogue that a profile leaves. A run can always be finished.

    A profile that names none of the catalogue's tools (it may list operations instead) narrows nothing
    here; what it allows is enforced behind the door in any case.
    """
    names = {name for name in profile_tools if isinstance(name, str)} if isinstance(profile_tools, list) else set()
    is_narrowing = any(tool.name in names for tool in CATALOGUE)
    return {tool.name: tool for tool in CATALOGUE if not is_narrowing or tool.name in names or tool.name == "finish"}
