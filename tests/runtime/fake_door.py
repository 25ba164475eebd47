"""A door for the runtime's tests: the real protocol over real HTTP on loopback, every call recorded."""

import http.client
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

LEASE = "lease-for-a-test-0123456789"
PREFIX = "/door/v1"
RUN_ID = "0199aaaa-0000-7000-8000-000000000001"


def package(**changes: Any) -> dict[str, Any]:
    """A whole runtime package; `changes` replace its parts."""
    return {
        "format": "trinity/runtime-package/v1",
        "run": {"id": RUN_ID, "goal": "Write to the contact about a checkout audit for small shops."},
        "project": {
            "id": "0199aaaa-0000-7000-8000-000000000002",
            "name": "Lantern Studio",
            "summary": "Lantern Studio reviews the checkout of small web shops. A review takes five days.",
        },
        "profile": {"name": "outreach", "instructions": "Be brief.", "tools": []},
        "mailbox": {"address": "studio@lantern.example", "aliases": ["hello@lantern.example"]},
        "contact": {"addr": "ada@shop.example", "name": "Ada Byron"},
        "sources": [
            {
                "id": "0199aaaa-0000-7000-8000-000000000003",
                "origin": "public_form",
                "title": "Request",
                "text": "Our checkout loses people on the payment page and we would like an audit.",
            }
        ],
        "withheld": [],
        "approvals": [],
        "skills": [],
        "model": "embedded-rules",
        **changes,
    }


@dataclass
class FakeDoor:
    """The server. `answers` may replace the answer of a path; a function gets the body and the call's number."""

    model_url: str = ""
    package: dict[str, Any] = field(default_factory=package)
    answers: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    revoke_after: int | None = None
    """After this many calls the lease is revoked."""
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    """Method, path (without the prefix) and parsed body of every call."""
    strangers: list[str] = field(default_factory=list)
    """Calls without the lease or out of the door's paths."""

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PREFIX}"

    def bodies(self, path: str) -> list[Any]:
        """The bodies of all calls of a path."""
        return [body for _, called, body in self.calls if called == path]

    def __enter__(self) -> "FakeDoor":
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

    def answer(self, method: str, path: str, body: Any) -> Any:
        self.calls.append((method, path, body))
        if self.revoke_after is not None and len(self.calls) > self.revoke_after:
            return {"ok": False, "code": "lease_revoked", "message": "The lease was revoked."}
        if path in self.answers:
            return self.answers[path](body)
        if path == "/package":
            return {"ok": True, "package": self.package}
        if path == "/chat/completions":
            return self._completion(body)
        if path == "/drafts":
            return {"ok": True, "draft_id": f"draft-{len(self.bodies(path))}"}
        if path == "/intents":
            return {"ok": True, "tool_call_id": f"call-{len(self.bodies(path))}", "state": "awaiting_approval"}
        return {"ok": True}

    def _completion(self, body: Any) -> Any:
        parts = urlsplit(self.model_url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        try:
            connection.request(
                "POST",
                parts.path + "/chat/completions",
                json.dumps(body),
                {"Content-Type": "application/json"},
            )
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        return data if response.status == 200 else {"ok": False, "code": "denied", "message": "model_declined"}


def _handler(door: FakeDoor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve(None)

        def do_POST(self) -> None:
            self._serve(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

        def _serve(self, data: bytes | None) -> None:
            if self.headers.get("Authorization") != f"Bearer {LEASE}" or not self.path.startswith(PREFIX + "/"):
                door.strangers.append(f"{self.command} {self.path}")
                self.send_error(404)
                return
            body = None if data is None else json.loads(data)
            found = door.answer(self.command, self.path.removeprefix(PREFIX), body)
            sent = found if isinstance(found, bytes) else json.dumps(found).encode()
            try:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)
            except ConnectionError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
            pass

    return Handler
