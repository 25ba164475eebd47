"""One chat completion through our key: what goes out is checked, what comes back is bounded and parsed.

The wire is OpenAI's chat completions as NVIDIA serves it (docs.api.nvidia.com, "nvidia/nemotron"): errors
are told apart by status only, because their bodies come in several forms and 410 comes with none.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx

from trinity.errors import Declined, OutcomeUnknown, ProviderError, Refused, Unavailable
from trinity.modelrouter.endpoint import ModelEndpoint
from trinity.providers.wire import retry_after_s

REQUEST_BYTES_MAX = 1_000_000
ANSWER_BYTES_MAX = 400_000
MESSAGES_MAX = 200
TOOLS_MAX = 64
OUTPUT_TOKENS_MAX = 8_192
TIMEOUT_S = 110.0
CONNECT_TIMEOUT_S = 10.0
TIMED_OUT = "model_timed_out"
TOO_LARGE = "model_answer_too_large"

ALLOWED_FIELDS = frozenset(
    {
        "model",
        "messages",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "temperature",
        "top_p",
        "max_tokens",
        "seed",
        "stop",
        "stream",
        "n",
    }
)


async def complete(endpoint: ModelEndpoint, http: httpx.AsyncClient, body: Mapping[str, Any]) -> dict[str, Any]:
    """Ask the endpoint for one chat completion and return its parsed answer (OpenAI's object).

    Raises `Refused` (`invalid_request`: nothing was sent), `Declined` (the provider said no), `Unavailable`
    (not reached, or told to come back later) or `OutcomeUnknown` (sent, but no usable answer came).
    A model's hidden reasoning (`reasoning_content`) is removed: it is never stored.
    """
    return parsed_completion(await exchange(endpoint, http, request_bytes(endpoint, body)))


async def exchange(endpoint: ModelEndpoint, http: httpx.AsyncClient, content: bytes) -> bytes:
    """Send a request made by `request_bytes`; the answer's bounded bytes. Raises what `complete` raises."""
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Content-Type": "application/json"}
    if endpoint.api_key:
        headers["Authorization"] = f"Bearer {endpoint.api_key}"
    timeout = httpx.Timeout(TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    request = http.build_request("POST", endpoint.completions_url, content=content, headers=headers, timeout=timeout)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await _exchange(http, request)
    except TimeoutError as error:
        raise _coded(OutcomeUnknown("The model endpoint took too long."), TIMED_OUT) from error


async def _exchange(http: httpx.AsyncClient, request: httpx.Request) -> bytes:
    try:
        response = await http.send(request, stream=True, follow_redirects=False)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise Unavailable("The model endpoint could not be reached.") from error
    except httpx.TimeoutException as error:
        raise _coded(OutcomeUnknown("The model endpoint took too long."), TIMED_OUT) from error
    except httpx.HTTPError as error:
        raise OutcomeUnknown("The model endpoint gave no answer.") from error
    try:
        if response.status_code != 200:
            raise _failure(response)
        return await _bounded(response)
    finally:
        await response.aclose()


def request_bytes(endpoint: ModelEndpoint, body: Mapping[str, Any], *, ours: Mapping[str, Any] | None = None) -> bytes:
    """The request's bytes with our model in it, or `Refused`. `ours` are fields that only we may add, never an agent."""
    if unknown := set(body) - ALLOWED_FIELDS:
        raise _invalid(f"unknown field {sorted(map(str, unknown))[0]!r}")
    if body.get("stream", False) is not False:
        raise _invalid("streaming is not offered")
    if body.get("n", 1) != 1:
        raise _invalid("one completion at a time")
    messages, tools = body.get("messages"), body.get("tools", [])
    if not isinstance(messages, list) or not 0 < len(messages) <= MESSAGES_MAX:
        raise _invalid(f"messages must be a list of 1 to {MESSAGES_MAX}")
    if not isinstance(tools, list) or len(tools) > TOOLS_MAX:
        raise _invalid(f"tools must be a list of at most {TOOLS_MAX}")
    asked = body.get("max_tokens", OUTPUT_TOKENS_MAX)
    if type(asked) is not int or not 0 < asked <= OUTPUT_TOKENS_MAX:
        raise _invalid(f"max_tokens must be 1 to {OUTPUT_TOKENS_MAX}")
    sent = {**body, **(ours or {}), "model": endpoint.model, "stream": False, "max_tokens": asked}
    try:
        content = json.dumps(sent, allow_nan=False).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise _invalid("the body is not JSON") from error
    if len(content) > REQUEST_BYTES_MAX:
        raise _invalid(f"more than {REQUEST_BYTES_MAX} bytes")
    return content


async def _bounded(response: httpx.Response) -> bytes:
    """The answer's bytes up to the limit. It must come unpacked, since a small packed one can unpack to any size."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise _malformed("it is packed")
    found = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            found += chunk
            if len(found) > ANSWER_BYTES_MAX:
                raise _coded(
                    OutcomeUnknown(f"The model endpoint's answer has more than {ANSWER_BYTES_MAX} bytes."), TOO_LARGE
                )
    except httpx.TimeoutException as error:
        raise _coded(OutcomeUnknown("The model endpoint took too long."), TIMED_OUT) from error
    except httpx.HTTPError as error:
        raise OutcomeUnknown("The model endpoint's answer broke off.") from error
    return bytes(found)


def parsed_completion(data: bytes) -> dict[str, Any]:
    """An answer's bytes as one completion of an assistant, without its reasoning; never repaired."""
    try:
        value = json.loads(data, object_pairs_hook=_pairs, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise _malformed("it is not JSON") from error
    choices = value.get("choices") if isinstance(value, dict) else None
    if not isinstance(choices, list) or len(choices) != 1:
        raise _malformed("it does not have one choice")
    message = choices[0].get("message") if isinstance(choices[0], dict) else None
    if not isinstance(message, dict) or message.get("role") != "assistant":
        raise _malformed("its choice is not an assistant's message")
    message.pop("reasoning_content", None)
    message.pop("reasoning", None)
    found: dict[str, Any] = value
    return found


def _failure(response: httpx.Response) -> ProviderError:
    """The error that a status means. The body is not read: it can hold anything, our key included."""
    status = response.status_code
    if status in (429, 503):
        return Unavailable(
            f"The model endpoint is busy (status {status}).", retry_after_s=retry_after_s(response.headers)
        )
    if status in (401, 403):
        return _coded(Declined("The model endpoint refused our key."), "model_key_refused")
    if status in (404, 410):
        return _coded(Declined("The model is not offered to us there."), "model_not_offered")
    if 400 <= status < 500:
        return _coded(Declined(f"The model endpoint declined the request (status {status})."), "model_declined")
    return _coded(OutcomeUnknown(f"The model endpoint failed (status {status})."), "model_failed")


def _invalid(why: str) -> Refused:
    return Refused("invalid_request", f"The model request was refused: {why}.", status=422)


def _malformed(why: str) -> ProviderError:
    return _coded(OutcomeUnknown(f"The model endpoint's answer is malformed: {why}."), "model_answer_malformed")


def _coded(error: ProviderError, code: str) -> ProviderError:
    error.code = code
    return error


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a duplicate key")
    return found


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON number")
