"""Finding what a request is about: the runtime package in its messages, and what was called so far."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PACKAGE_FORMAT = "trinity/runtime-package/v1"


@dataclass(frozen=True)
class Step:
    """One tool call that the conversation already holds, with the answer it got (None: no answer yet)."""

    tool: str
    arguments: Mapping[str, Any]
    answer: Mapping[str, Any] | None

    @property
    def is_refused(self) -> bool:
        """Whether the answer was a no."""
        return self.answer is not None and self.answer.get("ok") is False


def find_package(messages: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The newest runtime package in a conversation. Assistant messages are never believed."""
    for message in reversed(messages):
        if message.get("role") == "assistant":
            continue
        for found in _objects(text_of(message)):
            if found.get("format") == PACKAGE_FORMAT:
                return found
            inner = found.get("package")
            if isinstance(inner, dict) and inner.get("format") == PACKAGE_FORMAT:
                return inner
    return None


def steps_so_far(messages: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    """Every tool call of the conversation, in order."""
    answers = {
        str(message.get("tool_call_id")): _first_object(text_of(message))
        for message in messages
        if message.get("role") == "tool"
    }
    found = []
    for message in messages:
        calls = message.get("tool_calls") if message.get("role") == "assistant" else None
        for call in calls if isinstance(calls, list) else ():
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                name = str(function.get("name", ""))
                arguments = _first_object(str(function.get("arguments", "")))
                found.append(Step(name, arguments or {}, answers.get(str(call.get("id")))))
    return tuple(found)


def text_of(message: Mapping[str, Any]) -> str:
    """A message's text, whether it is a string or a list of text parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects that stand at the start of a line of this text, or directly after other text once."""
    decoder = json.JSONDecoder()
    start = text.find("{")
    while start != -1:
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            # Not an object: go on at the next line, so that the look stays linear in the text's length.
            line_end = text.find("\n", start)
            start = -1 if line_end == -1 else text.find("{", line_end)
            continue
        if isinstance(value, dict):
            yield value
        start = text.find("{", end)


def _first_object(text: str) -> dict[str, Any] | None:
    return next(_objects(text), None)
