"""The real Gmail stand-in as a process of its own, for tests."""

import base64
import itertools
import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.sandbox.gmail import discovery

_counter = itertools.count(1)


class StandIn:
    """One running stand-in over the books in `data_dir`."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.base_url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it on a free port and wait until it says that it is ready."""
        command = [sys.executable, "-m", "trinity_sandbox", "gmail", "--data-dir", str(self.data_dir)]
        self._process = subprocess.Popen([*command, "--die-with-parent"], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        line = json.loads(self._process.stdout.readline())
        assert line["ready"] is True
        assert line["name"] == "gmail"
        self.base_url = line["base_url"]

    def end(self, signal_number: int = signal.SIGTERM) -> None:
        """End it, by default in order."""
        if self._process is not None:
            self._process.send_signal(signal_number)
            self._process.wait(timeout=10)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def kill(self) -> None:
        """End it as a crash would."""
        self.end(signal.SIGKILL)

    def control(self, name: str, **body: Any) -> dict[str, Any]:
        """Call a control endpoint."""
        answer = httpx.post(f"{self.base_url}/_sandbox/{name}", json=body, verify=False)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def books(self) -> dict[str, Any]:
        """Everything that was really sent, the drafts, the calls."""
        found: dict[str, Any] = httpx.get(f"{self.base_url}/_sandbox/books", verify=False).json()
        return found

    def sent_from(self, address: str) -> list[dict[str, Any]]:
        """What one mailbox really sent."""
        return [one for one in self.books()["sent"] if one["mailbox"] == address]

    def fault(self, path_contains: str, mode: str, **more: Any) -> None:
        """Let a fault wait."""
        self.control("faults", path_contains=path_contains, mode=mode, **{"times": 1, **more})

    def mailbox(self, **more: Any) -> "Mailbox":
        """A mailbox that no other test knows."""
        number = next(_counter)
        address = more.pop("address", f"ops{number}@agency.example")
        given = {"display_name": "The Agency", "aliases": [], "refresh_token": f"refresh-{address}", **more}
        self.control("mailboxes", address=address, **given)
        return Mailbox(self, address, given["refresh_token"])


@dataclass(slots=True)
class Mailbox:
    """A caller that holds a refresh token. Every call and every answer is held against Google's document."""

    standin: StandIn
    address: str
    refresh_token: str
    _token: str = ""

    def token(self) -> str:
        """A fresh access token."""
        form = {"grant_type": "refresh_token", "refresh_token": self.refresh_token, "client_id": "a-client"}
        found = httpx.post(f"{self.standin.base_url}/token", data=form, verify=False).json()
        return str(found["access_token"])

    def call(self, http_method: str, path: str, body: Any = None, **params: Any) -> Any:
        """A call that must succeed; returns the answer, checked."""
        answer = self.try_call(http_method, path, body, **params)
        assert answer.is_success, answer.text
        method = discovery.method_for(http_method, answer.request.url.path)
        return discovery.check_response(method, answer.content)

    def try_call(
        self, http_method: str, path: str, body: Any = None, *, timeout_s: float = 10, **params: Any
    ) -> httpx.Response:
        """A call that may be refused."""
        self._token = self._token or self.token()
        url = f"{self.standin.base_url}/gmail/v1/users/me/{path}"
        headers = {"authorization": f"Bearer {self._token}"}
        with httpx.Client(headers=headers, verify=False, timeout=timeout_s) as http:
            request = http.build_request(http_method, url, json=body, params=params)
            discovery.check_request(http_method, str(request.url), request.content)
            return http.send(request)

    def draft(self, raw: bytes, thread_id: str | None = None) -> Any:
        """users.drafts.create"""
        return self.call("POST", "drafts", {"message": message(raw, thread_id)})

    def send(self, raw: bytes, thread_id: str | None = None) -> Any:
        """A draft with this content, created and sent."""
        return self.call("POST", "drafts/send", {"id": self.draft(raw, thread_id)["id"]})

    def raw_of(self, message_id: str) -> bytes:
        """The bytes that the mailbox keeps."""
        found = self.call("GET", f"messages/{message_id}", format="raw")
        return base64.urlsafe_b64decode(found["raw"])


def message(raw: bytes, thread_id: str | None = None) -> dict[str, str]:
    """A Message body."""
    body = {"raw": base64.urlsafe_b64encode(raw).decode()}
    return body if thread_id is None else {**body, "threadId": thread_id}


def mail(subject: str = "Hello", *, to: str = "x@customer.example", **headers: str) -> bytes:
    """A small mail. Header names are given with underscores."""
    fields = {"From": "ops@agency.example", "To": to, "Subject": subject}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\nThe text.\r\n"
