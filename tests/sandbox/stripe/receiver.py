"""A server that receives webhooks, keeps every one, and answers as it is told."""

import hashlib
import hmac
import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "whsec_of_the_test"
TOLERANCE_S = 30


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came."""

    body: bytes
    signature: str
    content_type: str

    @property
    def event(self) -> dict[str, Any]:
        """The event."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    def verify(self, *secrets: str) -> None:
        """Assert that the signature is Stripe's over this body, now, with exactly these secrets."""
        pairs = [pair.split("=", 1) for pair in self.signature.split(",")]
        assert [name for name, _ in pairs] == ["t", *["v1"] * len(secrets)]
        stamp = pairs[0][1]
        assert abs(int(stamp) - time.time()) < TOLERANCE_S
        expected = [hmac.new(one.encode(), f"{stamp}.".encode() + self.body, hashlib.sha256) for one in secrets]
        assert [value for _, value in pairs[1:]] == [one.hexdigest() for one in expected]


class Receiver:
    """Listens on a free port of this machine. `statuses` are answered in turn, then 200."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.statuses: list[int] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = (self.headers["stripe-signature"], self.headers["content-type"])
                outer.received.append(Received(body, *headers))
                self.send_response(outer.statuses.pop(0) if outer.statuses else 200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._handler = Handler
        self._port = 0
        self.open()
        self.url = f"http://127.0.0.1:{self._port}/webhooks/stripe"

    def open(self) -> None:
        """Listen, after `close` on the same port again."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler)
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def types(self) -> list[str]:
        """The types of what came, in the order in which it came."""
        return [one.event["type"] for one in self.received]

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
