"""What a model is sent and what counts as its answer. Pure: no network, no database."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from trinity.kit.canonical import NotCanonical, parse_strict
from trinity.modelrouter.answers import UNSAFE, Answer
from trinity.modelrouter.endpoint import ModelEndpoint
from trinity.modelrouter.proxy import parsed_completion, request_bytes
from trinity.modelrouter.routes import Route

OPENING, CLOSING = "<data>", "</data>"
CONTENT_BYTES_MAX = 20_000
MESSAGE_FIELDS = frozenset({"role", "content", "refusal", "tool_calls"})
CHOICE_FIELDS = frozenset({"index", "finish_reason", "message"})
TOP_FIELDS = frozenset({"id", "object", "created", "model", "ai", "choices", "usage"})
USAGE_FIELDS = frozenset({"prompt_tokens", "completion_tokens", "total_tokens"})
THINKING = "<think"
"""How a model that was told not to think aloud still begins to."""


class NotAnAnswer(Exception):
    """The bytes are no answer of the route's schema; `failure` is a stable code."""

    def __init__(self, failure: str) -> None:
        super().__init__(failure)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it is stored: without anything in which a model could have reasoned, and parsed."""

    raw: bytes
    completion: Mapping[str, Any]


def framed(text: str) -> str:
    """A text as data that cannot end its own frame: in JSON's ASCII, with the signs of markup escaped too."""
    inner = json.dumps({"text": text}, ensure_ascii=True).replace("<", "\\u003c").replace(">", "\\u003e")
    return f"{OPENING}{inner}{CLOSING}"


def request_of(route: Route, endpoint: ModelEndpoint, text: str) -> bytes:
    """The bytes of a request: our prompt, the text as data, the one schema that is accepted."""
    body = {
        "messages": [{"role": "system", "content": route.system}, {"role": "user", "content": framed(text)}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": route.name, "strict": True, "schema": route.answer.model_json_schema()},
        },
        "temperature": 0,
        "max_tokens": route.output_tokens_max,
    }
    ours = {"chat_template_kwargs": {"enable_thinking": False}} if endpoint.is_nvidia else None
    return request_bytes(endpoint, body, ours=ours)


def kept(data: bytes) -> Kept:
    """What is stored of an answer's bytes: themselves if they hold nothing but known fields, else the known fields."""
    whole = json.loads(data)
    completion = parsed_completion(data)
    allowed = {name: value for name, value in completion.items() if name in TOP_FIELDS}
    choice = {name: value for name, value in completion["choices"][0].items() if name in CHOICE_FIELDS}
    message = {name: value for name, value in choice["message"].items() if name in MESSAGE_FIELDS}
    content = message.get("content")
    if not isinstance(content, str) or THINKING in content:
        message["content"] = None
    usage = completion.get("usage")
    if "usage" in allowed:
        allowed["usage"] = {k: v for k, v in usage.items() if k in USAGE_FIELDS} if isinstance(usage, dict) else None
    allowed["choices"] = [choice | {"message": message}]
    raw = data if allowed == whole else json.dumps(allowed, ensure_ascii=True, sort_keys=True).encode()
    return Kept(raw, allowed)


def verdict_of(route: Route, completion: Mapping[str, Any]) -> Answer:
    """The route's answer in a completion, or `NotAnAnswer` with the reason why it is none."""
    choice = completion["choices"][0]
    message = choice["message"]
    if message.get("refusal") or choice.get("finish_reason") == "content_filter":
        raise NotAnAnswer("refusal")
    if choice.get("finish_reason") == "length":
        raise NotAnAnswer("cut_off")
    if message.get("tool_calls"):
        raise NotAnAnswer("unexpected_tool_call")
    content = message.get("content")
    if not isinstance(content, str) or not content.strip():
        raise NotAnAnswer("no_content")
    return _read(route.answer, content)


def _read(model: type[Answer], content: str) -> Answer:
    try:
        value = parse_strict(content.encode("utf-8", errors="surrogatepass"), bytes_max=CONTENT_BYTES_MAX)
    except NotCanonical as error:
        text = str(error)
        if "duplicate" in text:
            raise NotAnAnswer("duplicate_key") from None
        raise NotAnAnswer("answer_too_large" if "larger" in text else "malformed_json") from None
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise NotAnAnswer(_failure(error)) from None


def _failure(error: ValidationError) -> str:
    """The gravest thing that is wrong with an answer: what it lacks, what it adds, what it hides, anything else."""
    found = error.errors(include_url=False, include_input=False)
    if any(one["type"] == "missing" and one["loc"][0] in ("verdict", "score") for one in found):
        return "missing_verdict"
    if any(one["type"] == "extra_forbidden" for one in found):
        return "extra_field"
    if any(UNSAFE in one["msg"] for one in found):
        return "unsafe_output"
    return "schema_violation"
