"""The way to a model: our key and our model go out, bounded answers and typed errors come back."""

import asyncio
import gzip
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.scripted_model import Raw, ScriptedModel, text
from trinity.errors import Declined, OutcomeUnknown, ProviderError, Refused, Unavailable
from trinity.modelrouter import ModelEndpoint, complete, proxy

KEY = "nvapi-a-secret-key"
BODY: dict[str, Any] = {"model": "what the agent asked for", "messages": [{"role": "user", "content": "Hi"}]}


def endpoint(base_url: str = "http://model.example/v1", key: str = KEY) -> ModelEndpoint:
    return ModelEndpoint(base_url, key, "nvidia/nemotron-3-super-120b-a12b", is_sandbox=True)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


async def answered(respond: Callable[[httpx.Request], httpx.Response], body: Any = BODY) -> dict[str, Any]:
    """One completion against a function that plays the provider."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as client:
        return await complete(endpoint(), client, body)


def completion(**message: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello", **message}}]}


async def test_our_key_and_our_model_go_out_and_the_answer_comes_back(http: httpx.AsyncClient) -> None:
    with ScriptedModel([text("Hello")]) as model:
        answer = await complete(endpoint(model.base_url), http, BODY)
    assert answer["choices"][0]["message"]["content"] == "Hello"
    assert model.authorizations == [f"Bearer {KEY}"]
    (asked,) = model.requests
    assert asked["model"] == "nvidia/nemotron-3-super-120b-a12b"
    assert asked["stream"] is False
    assert asked["max_tokens"] == proxy.OUTPUT_TOKENS_MAX
    assert asked["messages"] == BODY["messages"]


async def test_without_a_key_no_header_is_sent(http: httpx.AsyncClient) -> None:
    with ScriptedModel([text("Hello")]) as model:
        await complete(endpoint(model.base_url, key=""), http, BODY)
    assert model.authorizations == [""]


def test_the_key_is_never_shown() -> None:
    assert KEY not in repr(endpoint()) and KEY not in str(endpoint())


@pytest.mark.parametrize(
    "url",
    ["ftp://model.example", "model.example/v1", "http://user:pw@model.example", "https://m.example/v1?x=1", "http://"],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        endpoint(url)


@pytest.mark.parametrize(
    "change",
    [
        {"stream": True},
        {"stream": 1},
        {"stream": None},
        {"n": 2},
        {"messages": []},
        {"messages": "Hi"},
        {"messages": [{"role": "user", "content": "x"}] * (proxy.MESSAGES_MAX + 1)},
        {"tools": [{}] * (proxy.TOOLS_MAX + 1)},
        {"tools": None},
        {"max_tokens": 0},
        {"max_tokens": proxy.OUTPUT_TOKENS_MAX + 1},
        {"max_tokens": True},
        {"temperature": float("nan")},
        {"messages": [{"role": "user", "content": b"bytes"}]},
        {"messages": [{"role": "user", "content": "x" * proxy.REQUEST_BYTES_MAX}]},
        {"extra_body": {}},
        {"nvext": {}},
        {"api_key": "x"},
    ],
)
async def test_a_request_out_of_bounds_is_refused_and_nothing_is_sent(change: dict[str, Any]) -> None:
    sent: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json=completion())

    with pytest.raises(Refused) as refused:
        await answered(respond, {**BODY, **change})
    assert refused.value.code == "invalid_request"
    assert not sent


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, Declined, "model_declined"),
        (401, Declined, "model_key_refused"),
        (403, Declined, "model_key_refused"),
        (404, Declined, "model_not_offered"),
        (410, Declined, "model_not_offered"),
        (422, Declined, "model_declined"),
        (429, Unavailable, "unavailable"),
        (503, Unavailable, "unavailable"),
        (500, OutcomeUnknown, "model_failed"),
        (504, OutcomeUnknown, "model_failed"),
        (302, OutcomeUnknown, "model_failed"),
        (204, OutcomeUnknown, "model_failed"),
    ],
)
async def test_a_status_is_an_error_with_a_code_and_without_the_body(
    status: int, kind: type[ProviderError], code: str
) -> None:
    with pytest.raises(ProviderError) as raised:
        await answered(lambda _: httpx.Response(status, text=f"the key was {KEY}", headers={"location": "/"}))
    assert type(raised.value) is kind
    assert raised.value.code == code
    assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("999999", 3600.0), ("", None), ("soon", None), ("-1", None), ("²", None)]
)
async def test_retry_after_is_told_and_bounded(header: str, seconds: float | None) -> None:
    with pytest.raises(Unavailable) as raised:
        await answered(lambda _: httpx.Response(429, headers=[(b"retry-after", header.encode())]))
    assert raised.value.retry_after_s == seconds


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"choices": []}',
        json.dumps({"choices": completion()["choices"] * 2}).encode(),
        b'{"choices": [{}]}',
        b'{"choices": [{"message": {"role": "user", "content": "x"}}]}',
        b'{"choices": [], "choices": [{"message": {"role": "assistant"}}]}',
        b'{"choices": [{"message": {"role": "assistant", "content": NaN}}]}',
        b"[" * 100_000,
    ],
)
async def test_a_malformed_answer_is_never_repaired(content: bytes) -> None:
    with pytest.raises(OutcomeUnknown) as raised:
        await answered(lambda _: httpx.Response(200, content=content))
    assert raised.value.code == "model_answer_malformed"


async def test_an_answer_that_is_too_large_is_read_up_to_the_limit() -> None:
    with pytest.raises(OutcomeUnknown) as raised:
        await answered(lambda _: httpx.Response(200, content=b" " * (proxy.ANSWER_BYTES_MAX + 1)))
    assert raised.value.code == "model_answer_too_large"


async def test_a_packed_answer_is_not_unpacked() -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    with pytest.raises(OutcomeUnknown, match="packed"):
        await answered(lambda _: httpx.Response(200, content=bomb, headers={"content-encoding": "gzip"}))


async def test_hidden_reasoning_is_removed() -> None:
    answer = await answered(
        lambda _: httpx.Response(200, json=completion(reasoning_content="secret", reasoning="secret"))
    )
    assert "secret" not in json.dumps(answer)


async def test_a_redirect_is_not_followed_even_by_a_client_that_would(http: httpx.AsyncClient) -> None:
    with ScriptedModel([text("Hello")]) as elsewhere:

        def respond(_: httpx.Request) -> httpx.Response:
            return httpx.Response(307, headers={"location": elsewhere.base_url + "/chat/completions"})

        async with httpx.AsyncClient(transport=httpx.MockTransport(respond), follow_redirects=True) as client:
            with pytest.raises(OutcomeUnknown):
                await complete(endpoint(), client, BODY)
    assert not elsewhere.requests


async def test_an_endpoint_that_is_not_there_is_unavailable(http: httpx.AsyncClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unavailable):
        await complete(endpoint(f"http://127.0.0.1:{port}/v1"), http, BODY)


@pytest.fixture
def dropping_port() -> Iterator[int]:
    """A server that reads a request and closes without a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


async def test_an_answer_that_never_comes_is_an_unknown_outcome(http: httpx.AsyncClient, dropping_port: int) -> None:
    with pytest.raises(OutcomeUnknown):
        await complete(endpoint(f"http://127.0.0.1:{dropping_port}/v1"), http, BODY)


async def test_an_answer_that_trickles_for_ever_meets_the_time_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(proxy, "TIMEOUT_S", 0.3)

    class Trickle(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                await asyncio.sleep(0.05)
                yield b" "

    with pytest.raises(OutcomeUnknown):
        await answered(lambda _: httpx.Response(200, stream=Trickle()))


async def test_a_broken_script_item_is_an_error_too(http: httpx.AsyncClient) -> None:
    with ScriptedModel([Raw(b"oops", status=500)]) as model, pytest.raises(OutcomeUnknown):
        await complete(endpoint(model.base_url), http, BODY)
