"""One chat completion: a request in, an answer out, in OpenAI's wire form, with `"ai": false` in it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from trinity_sandbox.model.judging import judge
from trinity_sandbox.model.package import find_package, steps_so_far, text_of
from trinity_sandbox.model.steps import Call, Situation, next_calls, offered_tools
from trinity_sandbox.model.structured import Unfillable, instance

MODEL_ID = "embedded-rules"
DISCLAIMER = "This answer was made by embedded rules, not by an AI."
MESSAGES_MAX = 200
CHARS_PER_TOKEN = 4


class BadRequest(ValueError):
    """The request cannot be answered; `code` is stable, the message is for a person."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def complete(body: Mapping[str, Any], *, digest: str, created: int) -> dict[str, Any]:
    """Answer a request. The same body gets the same answer but for `created` (Unix time)."""
    messages = _messages(body)
    if body.get("stream"):
        raise BadRequest("stream_unsupported", "embedded-rules does not stream.")
    if body.get("model") != MODEL_ID:
        raise BadRequest("model_not_found", f"The only model here is {MODEL_ID}.", status=404)
    message = _message(body, messages, digest)
    is_call = "tool_calls" in message
    return {
        "id": f"chatcmpl-{digest[:24]}",
        "object": "chat.completion",
        "created": created,
        "model": MODEL_ID,
        "ai": False,
        "choices": [
            {"index": 0, "message": message, "finish_reason": "tool_calls" if is_call else "stop", "logprobs": None}
        ],
        "usage": _usage(messages, message),
    }


def _message(body: Mapping[str, Any], messages: Sequence[Mapping[str, Any]], digest: str) -> dict[str, Any]:
    wanted = _wanted_schema(body)
    if wanted is not None:
        name, schema = wanted
        try:
            value = judge(name, messages)
            if value is None:
                value = instance(schema, "\n".join(text_of(message) for message in messages))
        except Unfillable as error:
            raise BadRequest("schema_unsupported", str(error)) from error
        return {"role": "assistant", "content": json.dumps(value, ensure_ascii=False, sort_keys=True)}
    calls = _calls(body, messages)
    if not calls:
        return {"role": "assistant", "content": DISCLAIMER}
    made = [
        {
            "id": f"call_{digest[:16]}_{number}",
            "type": "function",
            "function": {
                "name": call.tool,
                "arguments": json.dumps(call.arguments, ensure_ascii=False, sort_keys=True),
            },
        }
        for number, call in enumerate(calls)
    ]
    return {"role": "assistant", "content": None, "tool_calls": made}


def _calls(body: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> list[Call]:
    choice = body.get("tool_choice", "auto")
    package = find_package(messages)
    if package is None or choice == "none":
        return []
    offered = offered_tools(body.get("tools"))
    calls = next_calls(Situation(package, steps_so_far(messages), offered))
    if isinstance(choice, dict) and calls:
        function = choice.get("function")
        demanded = function.get("name") if isinstance(function, dict) else None
        if demanded != calls[-1].tool:
            raise BadRequest("tool_choice_unsupported", "The next step of embedded-rules is another tool.")
    return calls[-1:] if body.get("parallel_tool_calls") is False else calls


def _messages(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(item, dict) for item in messages):
        raise BadRequest("invalid_messages", "messages must be a list of objects, and not empty.")
    if len(messages) > MESSAGES_MAX:
        raise BadRequest("too_many_messages", f"More than {MESSAGES_MAX} messages.")
    return messages


def _wanted_schema(body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """The name and the schema of the answer that is wanted, or None for free text."""
    wanted = body.get("response_format")
    if wanted is None or (isinstance(wanted, dict) and wanted.get("type") == "text"):
        return None
    if isinstance(wanted, dict) and wanted.get("type") == "json_schema":
        described = wanted.get("json_schema")
        schema = described.get("schema") if isinstance(described, dict) else None
        if isinstance(described, dict) and isinstance(schema, dict):
            return str(described.get("name", "")), schema
    raise BadRequest("response_format_unsupported", "Only text and json_schema with a schema.")


def _usage(messages: Sequence[Mapping[str, Any]], message: Mapping[str, Any]) -> dict[str, int]:
    """A count in the form of a token count: characters by four, since there are no tokens here."""
    asked = sum(len(text_of(item)) for item in messages) // CHARS_PER_TOKEN
    answered = len(json.dumps(message, ensure_ascii=False)) // CHARS_PER_TOKEN
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
