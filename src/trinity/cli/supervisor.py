"""A supervisor of child processes: starts them, waits until they are ready, restarts what dies, ends all.

A child says that it is ready with one line of JSON on its standard output: `{"ready": true, …}`. Every child
dies with the supervisor (PR_SET_PDEATHSIG), so that even `kill -9` leaves nothing behind.
"""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from trinity import host
from trinity.errors import Refused

READY_S_MAX = 60.0
STOP_S_MAX = 8.0
RESTARTS_MAX = 20
RESTART_WAIT_S = 0.5
POLL_S = 0.25
LINE_BYTES_MAX = 8_192


@dataclass(slots=True)
class Child:
    """One supervised process: how to start it, and the one that runs now."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0


class Supervisor:
    """Children in the order they were started; they are ended in the reverse order."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._children: list[Child] = []
        self._say = say
        self._is_ending = False

    def start(self, name: str, argv: tuple[str, ...], env: Mapping[str, str]) -> Child:
        """Start a child and go on; several may be on their way at once."""
        child = Child(name, argv, dict(env))
        self._children.append(child)
        self._launch(child)
        return child

    def ready(self, child: Child) -> dict[str, object]:
        """Wait until a child says that it is ready; returns what it said."""
        return _await_ready(child)

    def watch(self, also: Callable[[], None] = lambda: None) -> None:
        """Restart whatever dies, until `end` is asked for. `also` is called at every look."""
        while not self._is_ending:
            also()
            for child in self._children:
                if child.process is not None and child.process.poll() is not None and not self._is_ending:
                    self._restart(child)
            time.sleep(POLL_S)

    def ask_to_end(self) -> None:
        """Let `watch` return; safe to call from a signal handler."""
        self._is_ending = True

    def end(self) -> None:
        """End every child: a request first, then by force."""
        self._is_ending = True
        running = [child.process for child in reversed(self._children) if child.process]
        for process in running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_S_MAX
        for process in running:
            try:
                process.wait(max(0.05, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()

    def pids(self) -> dict[str, int]:
        """Which process is which."""
        return {child.name: child.process.pid for child in self._children if child.process}

    def _launch(self, child: Child) -> None:
        child.process = host.spawn(child.argv, env=child.env, cwd=os.getcwd(), stdout=subprocess.PIPE)

    def _restart(self, child: Child) -> None:
        assert child.process is not None
        child.restarts += 1
        self._say(f"{child.name} ended with code {child.process.returncode}; starting it again")
        if child.restarts > RESTARTS_MAX:
            raise Refused("child_keeps_ending", f"{child.name} keeps ending.")
        if child.process.stdout:
            child.process.stdout.close()
        time.sleep(RESTART_WAIT_S)
        self._launch(child)
        _await_ready(child)


def _await_ready(child: Child) -> dict[str, object]:
    process = child.process
    assert process is not None
    assert process.stdout is not None
    deadline = time.monotonic() + READY_S_MAX
    line = b""
    while not line.endswith(b"\n") and len(line) < LINE_BYTES_MAX:
        left_s = deadline - time.monotonic()
        readable, _, _ = select.select([process.stdout], [], [], max(0.0, left_s))
        chunk = os.read(process.stdout.fileno(), 1) if readable else b""
        if not chunk:
            raise Refused("child_not_ready", f"{child.name} did not become ready.")
        line += chunk
    try:
        said = json.loads(line)
    except ValueError as error:
        raise Refused("child_not_ready", f"{child.name} said something else than that it is ready.") from error
    if not isinstance(said, dict) or said.get("ready") is not True:
        raise Refused("child_not_ready", f"{child.name} is not ready.")
    return said
