"""`trinity up` as a newcomer has it: started, ended, started again, and hurt in between."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.postgres import private_directory
from trinity.host import free_port, processes_in
from trinity.store.embedded import EmbeddedServer

READY_S = 60.0
END_S = 20.0
pytestmark = [pytest.mark.kill]


ARGV = (sys.executable, "-m", "trinity", "up")


def environ_of(home: Path, port: int) -> dict[str, str]:
    """All that `up` is told."""
    return {
        "PATH": os.environ["PATH"],
        "TRINITY_HOME": str(home),
        "TRINITY_BIND": f"127.0.0.1:{port}",
        "PYTHONUNBUFFERED": "1",
    }


def launch(home: Path, port: int, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """`trinity up` as a process of its own group; what it says is in `up.log`."""
    with (home / "up.log").open("wb") as log:
        return subprocess.Popen(
            ARGV, env=environ_of(home, port), cwd=home, stdin=stdin, stdout=log, stderr=log, start_new_session=True
        )


def refusal(home: Path, port: int) -> str:
    """What an `up` says that must not start."""
    done = subprocess.run(
        ARGV, env=environ_of(home, port), cwd="/", capture_output=True, text=True, timeout=END_S, check=False
    )
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    return done.stderr


@contextmanager
def up(home: Path, port: int, stdin: int = subprocess.DEVNULL) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`trinity up` once it has said that it is ready; gives what it said."""
    process = launch(home, port, stdin)
    try:
        said = ""
        until(lambda: "Ctrl-C" in (home / "up.log").read_text() or process.poll() is not None, "up to be ready")
        said = (home / "up.log").read_text()
        assert process.poll() is None, said
        yield process, said
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(END_S)


def until(condition: Callable[[], bool], what: str, seconds: float = READY_S) -> None:
    """Poll."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def of_home(home: Path) -> dict[int, str]:
    """Every process that was started for this home, by its environment, its command or its directory."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environ, command = (entry / "environ").read_bytes(), (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if str(home).encode() in environ + command:
            found[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace")
    return found


def login(said: str, port: int) -> int:
    """Sign in over HTTP with what `up` printed."""
    email, password = re.findall(r"(?:mail address|password)\s+(\S+)", said)
    body = json.dumps({"email": email, "password": password}).encode()
    origin = f"http://localhost:{port}"
    request = Request(f"{origin}/api/v1/login", body, {"Content-Type": "application/json", "Origin": origin})
    with urlopen(request, timeout=20) as answer:
        return int(answer.status)


@pytest.fixture
def home() -> Iterator[Path]:
    """A fresh home."""
    with private_directory() as directory:
        made = directory / "home"
        made.mkdir(mode=0o711)
        yield made
        EmbeddedServer(made).erase()


def test_it_starts_ends_and_starts_again_with_its_data(home: Path) -> None:
    port = free_port()
    with up(home, port) as (process, said):
        assert login(said, port) == 200 or login(said, port) == 201
        process.send_signal(signal.SIGINT)
        assert process.wait(END_S) == 0
    until(lambda: not of_home(home), f"nothing to be left: {of_home(home)}", END_S)
    with up(home, port) as (_, again):
        assert re.findall(r"password\s+(\S+)", said) == re.findall(r"password\s+(\S+)", again)
        assert login(again, port) in (200, 201)
    until(lambda: not of_home(home), f"nothing to be left: {of_home(home)}", END_S)


def test_a_second_one_on_the_same_home_is_refused_and_the_first_goes_on(home: Path) -> None:
    port = free_port()
    with up(home, port) as (_, said):
        server = EmbeddedServer(home).postmaster_pid()
        assert "[already_running]" in refusal(home, free_port())
        assert EmbeddedServer(home).postmaster_pid() == server is not None
        assert login(said, port) in (200, 201)


def test_a_closed_terminal_ends_it(home: Path) -> None:
    """Where make leads the terminal's session, only make gets SIGHUP, and make waits for us."""
    ours, its = pty.openpty()
    try:
        with up(home, free_port(), stdin=its) as (process, _):
            os.close(ours)
            assert process.wait(END_S) == 0
    finally:
        os.close(its)
    until(lambda: not of_home(home), f"nothing to be left: {of_home(home)}", END_S)


@pytest.mark.parametrize("said", ["starting PostgreSQL", "starting web and workers"])
def test_asked_to_end_while_starting_it_leaves_nothing(home: Path, said: str) -> None:
    process = launch(home, free_port())
    until(lambda: said in (home / "up.log").read_text(), said)
    process.send_signal(signal.SIGINT)
    assert process.wait(END_S) == 0, (home / "up.log").read_text()
    until(lambda: not of_home(home), f"nothing to be left: {of_home(home)}", END_S)


def test_a_taken_port_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "[port_taken]" in refusal(tmp_path / "home", taken.getsockname()[1])
    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    assert "[home_not_usable]" in refusal(tmp_path / "file", free_port())
    assert str(tmp_path / "file") in refusal(tmp_path / "file" / "home", free_port())


def test_whatever_dies_is_started_again_and_kill_9_of_up_leaves_nothing(home: Path) -> None:
    port = free_port()
    with up(home, port) as (process, said):
        for part in ("trinity web", "--role executor", "--role general", "trinity_sandbox gmail"):
            (victim,) = [pid for pid, command in of_home(home).items() if part in command]
            os.kill(victim, signal.SIGKILL)
            until(lambda: any(part in c for p, c in of_home(home).items() if p != victim), f"{part} again")  # noqa: B023
        data = home / "postgres" / "data"
        for pid in processes_in(data):
            # The first one's death ends the others, some of them before it is their turn.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: _is_signed_in(said, port), "people to be able to sign in again")
        process.kill()
        process.wait(END_S)
        until(lambda: not of_home(home), f"nothing to be left: {of_home(home)}", END_S)


def _is_signed_in(said: str, port: int) -> bool:
    try:
        return login(said, port) in (200, 201)
    except OSError:
        return False
