"""The real SMTP stand-in as a process of its own, for tests."""

import base64
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx


class SmtpStandIn:
    """One running stand-in over the books in `data_dir`; both ports stay when it is started again."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.base_url = ""
        self.smtp_url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        command = [sys.executable, "-m", "trinity_sandbox", "smtp", "--data-dir", str(self.data_dir)]
        self._process = subprocess.Popen([*command, "--die-with-parent"], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        line = json.loads(self._process.stdout.readline())
        assert line["ready"] is True
        assert line["name"] == "smtp"
        self.base_url, self.smtp_url = line["base_url"], line["smtp_url"]

    def end(self, signal_number: int = signal.SIGTERM) -> None:
        """End it, by default in order."""
        if self._process is not None:
            self._process.send_signal(signal_number)
            self._process.wait(timeout=10)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def control(self, name: str, **body: Any) -> dict[str, Any]:
        """Call a control endpoint."""
        answer = httpx.post(f"{self.base_url}/_sandbox/{name}", json=body, verify=False)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def fault(self, mode: str, command: str = "DATA", **more: Any) -> None:
        """Let a fault wait."""
        self.control("faults", mode=mode, command=command, **more)

    def books(self) -> dict[str, Any]:
        """Everything that was taken, and every answer."""
        found: dict[str, Any] = httpx.get(f"{self.base_url}/_sandbox/books", verify=False).json()
        return found

    def taken(self) -> list[bytes]:
        """The bytes of every mail that was taken."""
        return [base64.b64decode(mail["raw_b64"]) for mail in self.books()["mails"]]
