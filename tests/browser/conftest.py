"""The whole of Trinity as `trinity up` runs it, and a browser page in which every complaint is a failure."""

import inspect
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.served import TOKEN, Served, serving
from trinity.host import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

READY_S = 120.0
END_S = 20.0
STEP_MS = 45_000
"""How long the browser waits for one thing to appear: two shared cores run all of Trinity and Chromium."""
PAGE_CHARS_MAX = 3_000
HARMLESS = re.compile(r"ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET")
"""What Chromium says of a server that was killed: only allowed where a test kills one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests run last: while Playwright's loop runs in this thread, no asyncio test can, with a browser or without."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None and not _is_asyncio(item))


def _is_asyncio(item: pytest.Item) -> bool:
    return inspect.iscoroutinefunction(getattr(item, "function", None))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Where a browser test fails, say what stood on its pages."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    funcargs = getattr(item, "funcargs", {})
    watched = funcargs.get("anonymous") or funcargs.get("view")
    if report.when == "call" and report.failed and isinstance(watched, Watched):
        for page in watched.page.context.pages:
            report.sections.append((f"page {page.url}", page.inner_text("body")[:PAGE_CHARS_MAX]))


@dataclass
class Stack:
    """A running `trinity up`."""

    process: subprocess.Popen[str]
    base_url: str
    email: str
    password: str
    gmail_url: str

    def web_pid(self) -> int:
        """The process id of the web server."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and _is_child(entry, self.process.pid) and _command(entry).endswith("trinity web"):
                return int(entry.name)
        raise AssertionError("no web process")

    def sent(self) -> list[dict[str, Any]]:
        """What the stand-in really sent."""
        with urllib.request.urlopen(f"{self.gmail_url}/_sandbox/books", timeout=10) as answer:
            return list(json.load(answer)["sent"])


def _is_child(entry: Path, parent: int) -> bool:
    try:
        return f"\nPPid:\t{parent}\n" in (entry / "status").read_text()
    except OSError:
        return False


def _command(entry: Path) -> str:
    return (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Everything on this machine in a fresh home, for all browser tests."""
    home = Path(tempfile.mkdtemp(prefix="trinity-browser-"))
    home.chmod(0o711)
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("TRINITY_", "DATABASE_"))}
    environ |= {"TRINITY_HOME": str(home / "home"), "TRINITY_BIND": f"127.0.0.1:{port}", "PYTHONUNBUFFERED": "1"}
    argv = [sys.executable, "-m", "trinity", "up"]
    with (home / "log").open("w+") as log:
        process = subprocess.Popen(argv, env=environ, stdout=log, stderr=subprocess.STDOUT, text=True)
        try:
            yield _ready(process, home / "log", f"http://localhost:{port}")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(END_S)
            shutil.rmtree(home, ignore_errors=True)


def _ready(process: subprocess.Popen[str], log: Path, base_url: str) -> Stack:
    end = time.monotonic() + READY_S
    while time.monotonic() < end and process.poll() is None:
        said = log.read_text()
        if "Ctrl-C ends everything" in said:
            found = re.search(r"mail address +(\S+)\s+password +(\S+)\s+SANDBOX: .* at (\S+),", said)
            assert found, said
            return Stack(process, base_url, *found.groups())
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@dataclass
class Watched:
    """A page and what its console said."""

    page: "Page"
    base_url: str
    complaints: list[str] = field(default_factory=list)
    is_server_killed: bool = False

    def hear(self, message: "ConsoleMessage") -> None:
        """Write errors and warnings down."""
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def go(self, path: str) -> None:
        """Open a page of ours."""
        self.page.goto(self.base_url + path)

    def wait_until_live(self) -> None:
        """Until the page's stream is open."""
        self.page.wait_for_selector("html[data-live=on]")

    def until(self, expression: str) -> None:
        """Until a script's expression is true. The page's own policy refuses Playwright's way of waiting for one."""
        for _ in range(STEP_MS // 50):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never became true: {expression}")

    def assert_silent(self) -> None:
        """No error, no warning, no violation of the policy."""
        left = [text for text in self.complaints if not (self.is_server_killed and HARMLESS.search(text))]
        assert left == []


@pytest.fixture
def anonymous(browser: "Browser", stack: Stack) -> Iterator[Watched]:
    """A fresh browser profile in which nobody is signed in."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    context.set_default_timeout(STEP_MS)
    watched = Watched(context.new_page(), stack.base_url)
    watched.page.on("console", watched.hear)
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    yield watched
    context.close()
    watched.assert_silent()


@pytest.fixture
def watched(anonymous: Watched, stack: Stack) -> Watched:
    """The same with the first owner signed in."""
    anonymous.go("/sign-in")
    anonymous.page.fill("input[name=email]", stack.email)
    anonymous.page.fill("input[name=password]", stack.password)
    anonymous.page.click("button.primary")
    anonymous.wait_until_live()
    return anonymous


@pytest.fixture
def served() -> Iterator[Served]:
    """The app on a desk in memory, for one test."""
    with serving() as served:
        yield served


@pytest.fixture
def view(browser: "Browser", served: Served) -> Iterator[Watched]:
    """A page of it with a session."""
    context = browser.new_context(viewport={"width": 1100, "height": 500})
    context.set_default_timeout(STEP_MS)
    context.add_cookies([{"name": "trinity_session", "value": TOKEN, "url": served.base_url}])
    watched = Watched(context.new_page(), served.base_url)
    watched.page.on("console", watched.hear)
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    yield watched
    context.close()
    watched.assert_silent()
