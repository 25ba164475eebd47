"""Starting one embedded runtime, and seeing it end: another user, no environment, a bounded life.

The child gets its start line on standard input and nothing else. What isolates it is read from the kernel
where the kernel says it, and told as one sentence for the run's page. When the call returns, or is
cancelled, the process is gone.
"""

import asyncio
import contextlib
import json
import os
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path

from trinity.errors import Refused
from trinity.hermes.zipapp import runtime_archive
from trinity.host import Confinement, SystemUser, child_command, current_user, interpreter_for, is_readable_by, is_root

STDERR_TAIL_BYTES = 4_096
REPORT_BYTES_MAX = 4_096
CHUNK_BYTES = 4_096
REAP_SECONDS_MAX = 10.0
TAIL_SECONDS_MAX = 2.0
"""How long the error text of an ended runtime is waited for, should something still hold its pipe."""

SECCOMP_FILTER = "2"
"""What /proc/PID/status says when a process is under a filter (proc(5))."""

NOT_STARTED = "the runtime did not start"
"""The sentence for a process that ended before it said what holds it."""

SHARED_DIRECTORIES = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108  (a directory of our own is made there)
"""Where every user can read, when our own places are closed to the agent's."""

EXIT_FINISHED, EXIT_ERROR, EXIT_LEASE_GONE = 0, 1, 3
EXIT_TIMED_OUT = 124
"""What `RuntimeExit.code` says when the time was up and the process was killed."""


@dataclass(frozen=True, slots=True)
class RuntimeExit:
    """How a runtime ended.

    `code` is 0 (finished), 3 (lease gone), 124 (killed at the time limit), negative for a signal, anything
    else an error. `isolation` is one sentence for the page. `stderr_tail` is the end of its error text.
    """

    code: int
    isolation: str
    stderr_tail: str


async def run_runtime(
    *, door_url: str, lease: str, timeout_s: float, agent_user: SystemUser | None, workdir: Path
) -> RuntimeExit:
    """Run one embedded runtime against the door and wait for its end, at most `timeout_s` seconds.

    `agent_user` is who it runs as (`host.ensure_user(AGENT_USER)`); None means our own user, which is
    refused for root (`runtime_not_isolated`). `workdir` is where its archive is kept if that user can read
    it there. Call it from the main thread: the kernel ends the child when the starting thread ends.
    """
    if agent_user is None and is_root():
        raise Refused("runtime_not_isolated", "An agent's runtime is never run as root.", status=503)
    python = await asyncio.to_thread(interpreter_for, agent_user)
    if python is None:
        raise Refused("runtime_not_available", "There is no Python that the agent's user can run.", status=503)
    archive = await asyncio.to_thread(_archive_for, agent_user, workdir)
    command = child_command([python, "-I", "-S", "-B", "-X", "utf8", str(archive)], Confinement(user=agent_user), {})
    process = await asyncio.create_subprocess_exec(
        *command,
        env={},
        cwd="/",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        process_group=0,
    )
    try:
        line = json.dumps({"door_url": door_url, "lease": lease}).encode("ascii") + b"\n"
        return await _see_through(process, line, agent_user, timeout_s)
    finally:
        await _end(process)


async def _see_through(
    process: asyncio.subprocess.Process, line: bytes, user: SystemUser | None, timeout_s: float
) -> RuntimeExit:
    assert process.stdin and process.stdout and process.stderr
    isolation, tail = NOT_STARTED, bytearray()
    reading = asyncio.ensure_future(_keep_tail(process.stderr, tail))
    try:
        async with asyncio.timeout(timeout_s):
            with contextlib.suppress(ConnectionError):
                process.stdin.write(line)
                await process.stdin.drain()
                process.stdin.close()
            report = await _report(process.stdout)
            if report:
                isolation = _sentence(user or current_user(), report, process.pid)
            await _drain(process.stdout)
            code = await process.wait()
    except TimeoutError:
        code = EXIT_TIMED_OUT
    finally:
        _kill(process)
        await asyncio.wait({reading}, timeout=TAIL_SECONDS_MAX)
        reading.cancel()
    return RuntimeExit(code, isolation, tail.decode("utf-8", errors="replace"))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill what is left and collect it, even when this task is being cancelled."""
    _kill(process)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(REAP_SECONDS_MAX):
            await asyncio.shield(asyncio.ensure_future(process.wait()))


def _kill(process: asyncio.subprocess.Process) -> None:
    """SIGKILL to the runtime's whole process group; it leads one of its own."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


async def _report(stdout: asyncio.StreamReader) -> dict[str, object]:
    """The runtime's own word on its confinement: its first line, or nothing."""
    try:
        line = await stdout.readline()
        value = json.loads(line[:REPORT_BYTES_MAX])
    except ValueError:
        return {}
    found = value.get("confinement") if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.read(CHUNK_BYTES):
        pass


async def _keep_tail(stream: asyncio.StreamReader, tail: bytearray) -> None:
    """Keep the last bytes of a stream in `tail`; it is read to its end, so that the child never blocks on it."""
    while chunk := await stream.read(CHUNK_BYTES):
        tail += chunk
        del tail[:-STDERR_TAIL_BYTES]


def _archive_for(user: SystemUser | None, workdir: Path) -> Path:
    """The archive in `workdir`, or in a temporary directory of the system if the user cannot read it there."""
    for base in (workdir.resolve(), Path(tempfile.gettempdir()).resolve(), *SHARED_DIRECTORIES):
        if user is None or is_readable_by(user, base):
            return runtime_archive(base)
    raise Refused("runtime_not_available", "There is no directory that the agent's user can read.", status=503)


def _sentence(wanted: SystemUser, report: dict[str, object], pid: int) -> str:
    """What isolates the process, from the kernel's record of it; Landlock, which is not there, from its own."""
    facts = _kernel_facts(pid)
    uid = facts.get("Uid", "").split("\t")[0] or str(report.get("uid", ""))
    who = f"user {wanted.name}" if uid == str(wanted.uid) else f"user id {uid or 'unknown'}"
    has_fixed = facts["NoNewPrivs"] == "1" if "NoNewPrivs" in facts else report.get("no_new_privs") is True
    abi = report.get("landlock_abi")
    landlock = f"Landlock {abi}" if isinstance(abi, int) and abi > 0 else "no Landlock"
    parts = [who, landlock, "no new privileges" if has_fixed else "privileges not fixed"]
    if facts.get("Seccomp") == SECCOMP_FILTER:
        parts.append("system call filter")
    return ", ".join(parts)


def _kernel_facts(pid: int) -> dict[str, str]:
    """`/proc/PID/status` as names and values; empty where there is none."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
