"""A scripted model: an OpenAI-compatible server that says exactly what a test tells it to, hostile things included.

In a test: `with ScriptedModel([tool_call("note", {"text": "hi"}), text("I sent it.")]) as model:` and point
`NVIDIA_BASE_URL` at `model.base_url`. As a process: `python tests/scripted_model.py --script FILE`, where FILE
holds a JSON list of assistant messages; it prints one ready line and serves until it is ended. Standard
library only, so that it can run anywhere.
"""

import argparse
import json
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

MODEL_ID = "scripted"


@dataclass(frozen=True)
class Raw:
    """An answer that is not a completion at all: a status, bytes, and more headers."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


type Item = dict[str, Any] | Raw | Callable[[dict[str, Any]], dict[str, Any] | Raw]
"""An assistant message, a raw answer, or a function from the request to one of them."""


def text(content: str) -> dict[str, Any]:
    """An assistant message that only talks."""
    return {"role": "assistant", "content": content}


def tool_call(name: str, arguments: object, *, content: str | None = None) -> dict[str, Any]:
    """An assistant message with one tool call. A string is taken as the raw text of the arguments."""
    return tool_calls((name, arguments), content=content)


def tool_calls(*calls: tuple[str, object], content: str | None = None) -> dict[str, Any]:
    """An assistant message with several tool calls."""
    made = [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {
                "name": name,
                "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
            },
        }
        for number, (name, arguments) in enumerate(calls)
    ]
    return {"role": "assistant", "content": content, "tool_calls": made}


@dataclass
class ScriptedModel:
    """The server. After the last item it repeats it when `is_looping`, and otherwise only says "Done."."""

    script: Sequence[Item]
    is_looping: bool = False
    port: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)
    """Every request body, in order."""
    authorizations: list[str] = field(default_factory=list)
    """The Authorization header of every request."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def base_url(self) -> str:
        """What `NVIDIA_BASE_URL` is set to."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> "ScriptedModel":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve_forever(self) -> None:
        """Serve in this thread, for the process form."""
        self._server.serve_forever()

    def answer(self, body: dict[str, Any], authorization: str) -> Raw:
        """The next answer of the script."""
        with self._lock:
            number = len(self.requests)
            self.requests.append(body)
            self.authorizations.append(authorization)
        item = self._item(number)
        said = item(body) if callable(item) else item
        if isinstance(said, Raw):
            return said
        reason = "tool_calls" if said.get("tool_calls") else "stop"
        completion = {
            "id": f"chatcmpl-scripted-{number}",
            "object": "chat.completion",
            "created": 0,
            "model": MODEL_ID,
            "choices": [{"index": 0, "message": said, "finish_reason": reason}],
        }
        return Raw(json.dumps(completion).encode())

    def _item(self, number: int) -> Item:
        if number < len(self.script):
            return self.script[number]
        return self.script[-1] if self.is_looping and self.script else text("Done.")


def _handler(model: ScriptedModel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            listed = {"object": "list", "data": [{"id": MODEL_ID, "object": "model"}]}
            self._send(Raw(json.dumps(listed).encode()))

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            body = json.loads(self.rfile.read(length))
            self._send(model.answer(body, self.headers.get("Authorization", "")))

        def _send(self, said: Raw) -> None:
            try:
                self.send_response(said.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(said.body)))
                for name, value in said.headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said.body)
            except ConnectionError:
                # The caller went away, for example because it met one of its limits.
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
            pass

    return Handler


def main() -> int:
    """Serve a script from a file."""
    parser = argparse.ArgumentParser(description="A scripted OpenAI-compatible model.")
    parser.add_argument("--script", type=Path, required=True, help="a JSON list of assistant messages")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--loop", action="store_true", help="repeat the last message for ever")
    given = parser.parse_args()
    model = ScriptedModel(json.loads(given.script.read_text()), is_looping=given.loop, port=given.port)
    print(json.dumps({"ready": True, "name": "scripted", "base_url": model.base_url}), flush=True)
    model.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
