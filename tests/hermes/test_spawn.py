"""The runtime as a process: what holds it, how it ends, and that it never stays."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.runtime.fake_door import LEASE, FakeDoor
from tests.scripted_model import ScriptedModel, tool_call
from trinity.errors import Refused
from trinity.hermes import run_runtime, spawn, zipapp
from trinity.host import AGENT_USER, SystemUser, ensure_user, landlock_abi

PROBE = Path(__file__).with_name("probe.py")
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start another user's process")
NEEDS_LANDLOCK = pytest.mark.skipif(landlock_abi() < 4, reason="this kernel has no Landlock with TCP rules")

FINISHES = [tool_call("finish", {"outcome": "completed", "summary": "Nothing to do."})]


@pytest.fixture
def agent_user() -> SystemUser | None:
    """Who a runtime runs as here: another user where we are root."""
    return ensure_user(AGENT_USER)


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that every user can read (pytest's own is closed to others)."""
    with tempfile.TemporaryDirectory(prefix="trinity-spawn-") as made:
        path = Path(made)
        path.chmod(0o755)
        yield path


async def test_a_run_in_its_own_process_finishes(agent_user: SystemUser | None, tmp_path: Path) -> None:
    with ScriptedModel(FINISHES) as model, FakeDoor(model.base_url) as door:
        ended = await run_runtime(door_url=door.url, lease=LEASE, timeout_s=30, agent_user=agent_user, workdir=tmp_path)
    assert ended.code == 0, ended.stderr_tail
    assert door.bodies("/finish") == [{"outcome": "completed", "summary": "Nothing to do."}]


@NEEDS_ROOT
async def test_as_root_it_is_another_user_and_the_sentence_says_so(agent_user: SystemUser, tmp_path: Path) -> None:
    with ScriptedModel(FINISHES) as model, FakeDoor(model.base_url) as door:
        ended = await run_runtime(door_url=door.url, lease=LEASE, timeout_s=30, agent_user=agent_user, workdir=tmp_path)
    told = door.bodies("/events")[0]["confinement"]
    assert told["uid"] == agent_user.uid != 0
    assert ended.isolation.startswith(f"user {agent_user.name}, ")
    assert "no new privileges" in ended.isolation
    assert ("no Landlock" in ended.isolation) == (landlock_abi() == 0)


@NEEDS_ROOT
async def test_root_without_an_agent_user_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        await run_runtime(door_url="http://127.0.0.1:1/d", lease=LEASE, timeout_s=5, agent_user=None, workdir=tmp_path)
    assert refused.value.code == "runtime_not_isolated"


async def test_at_the_time_limit_it_is_killed(agent_user: SystemUser | None, tmp_path: Path) -> None:
    with FakeDoor(answers={"/package": _slow}) as door:
        started = time.monotonic()
        ended = await run_runtime(
            door_url=door.url, lease=LEASE, timeout_s=1.5, agent_user=agent_user, workdir=tmp_path
        )
    assert ended.code == spawn.EXIT_TIMED_OUT
    assert time.monotonic() - started < 5
    assert "no new privileges" in ended.isolation, "what was known before the end is kept"
    assert not _children(os.getpid())


async def test_a_cancelled_call_leaves_no_process(agent_user: SystemUser | None, tmp_path: Path) -> None:
    with FakeDoor(answers={"/package": _slow}) as door:
        task = asyncio.create_task(
            run_runtime(door_url=door.url, lease=LEASE, timeout_s=30, agent_user=agent_user, workdir=tmp_path)
        )
        await _until(lambda: bool(door.bodies("/package")))
        assert len(_children(os.getpid())) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not _children(os.getpid())


@pytest.mark.kill
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal")
async def test_it_dies_with_a_killed_parent(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path\n"
        "from trinity.hermes import run_runtime; from trinity.host import AGENT_USER, ensure_user\n"
        f"asyncio.run(run_runtime(door_url=sys.argv[1], lease={LEASE!r}, timeout_s=30,"
        f" agent_user=ensure_user(AGENT_USER), workdir=Path({str(tmp_path)!r})))"
    )
    with FakeDoor(answers={"/package": _slow}) as door:
        with subprocess.Popen([sys.executable, "-c", program, door.url]) as parent:
            await _until(lambda: bool(door.bodies("/package")))
            (child,) = _children(parent.pid)
            parent.send_signal(signal.SIGKILL)
        await _until(lambda: not _is_alive(child))


async def test_a_crashing_runtime_is_an_exit_and_the_tail_of_its_words(
    agent_user: SystemUser | None, open_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash = "import sys; sys.stderr.write('x' * 100_000 + 'the end'); sys.stdout.write('y' * 100_000); sys.exit(7)"
    _replace_program(monkeypatch, open_directory, crash)
    ended = await run_runtime(
        door_url="http://127.0.0.1:1/d",
        lease=LEASE,
        timeout_s=20,
        agent_user=agent_user,
        workdir=open_directory,
    )
    assert ended.code == 7
    assert ended.isolation == spawn.NOT_STARTED
    assert ended.stderr_tail.endswith("the end")
    assert len(ended.stderr_tail) == spawn.STDERR_TAIL_BYTES


@NEEDS_LANDLOCK
@NEEDS_ROOT
async def test_a_taken_over_runtime_reaches_the_door_and_nothing_else(
    agent_user: SystemUser | None, open_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRINITY_PROBE_SECRET", "in the parent's environment")
    found = await _probe(monkeypatch, open_directory, agent_user, is_confined=True)
    assert found.pop("environment") == "[]"
    assert found.pop("signal_parent") in ("PermissionError", "ProcessLookupError")
    assert {name for name, how in found.items() if how == "done"} == set()


@NEEDS_LANDLOCK
async def test_the_same_user_is_held_by_the_kernel_alone(open_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As for somebody who is not root: our own user, which could read all of this without the confinement.
    monkeypatch.setattr(spawn, "is_root", lambda: False)
    found = await _probe(monkeypatch, open_directory, None, is_confined=True)
    assert found.pop("environment") == "[]"
    if os.geteuid() == 0:
        assert found.pop("become_root") == "done", "it is the same user"
    assert {name for name, how in found.items() if how == "done"} == set()


@NEEDS_ROOT
async def test_the_other_user_alone_already_keeps_it_from_what_is_ours(
    agent_user: SystemUser | None, open_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await _probe(monkeypatch, open_directory, agent_user, is_confined=False)
    ours = ("read_secret", "list_root_home", "read_parent_environment", "read_parent_memory", "trace_parent")
    assert {name: found[name] for name in (*ours, "signal_parent", "become_root")} == dict.fromkeys(
        (*ours, "signal_parent", "become_root"), "PermissionError"
    )
    # The probe itself is able to do these things, so the refusals above and in the other test mean something.
    assert [found[name] for name in ("connect_other_port", "fork", "run_program", "datagram", "listen")] == ["done"] * 5


def test_the_archive_is_the_same_for_the_same_sources_and_readable_by_all(open_directory: Path) -> None:
    path = zipapp.runtime_archive(open_directory)
    assert path.read_bytes() == zipapp.archive_bytes()
    assert path.stat().st_mode & 0o777 == 0o444
    assert path.parent.stat().st_mode & 0o777 == 0o755
    with zipfile.ZipFile(path) as archive:
        assert "trinity_runtime/door.py" in archive.namelist()


def test_a_directory_that_others_can_write_to_is_not_used(open_directory: Path) -> None:
    first = zipapp.runtime_archive(open_directory)
    first.parent.chmod(0o777)
    second = zipapp.runtime_archive(open_directory)
    assert second.parent != first.parent


def test_an_archive_that_was_changed_is_written_again(open_directory: Path) -> None:
    path = zipapp.runtime_archive(open_directory)
    path.chmod(0o644)
    path.write_bytes(b"something else")
    assert zipapp.runtime_archive(open_directory).read_bytes() == zipapp.archive_bytes()


async def _probe(
    monkeypatch: pytest.MonkeyPatch, directory: Path, user: SystemUser | None, *, is_confined: bool
) -> dict[str, str]:
    """Run the probe as a runtime, and what it told the door."""
    secret = directory / "secret"
    secret.write_text("ours")
    secret.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as other, FakeDoor() as door:
        filled = {
            "{other_port}": str(other.getsockname()[1]),
            "{secret_file}": str(secret),
            "{parent_pid}": str(os.getpid()),
            "{is_confined}": str(is_confined),
        }
        program = PROBE.read_text()
        for word, value in filled.items():
            program = program.replace(word, value)
        _replace_program(monkeypatch, directory, program)
        ended = await run_runtime(door_url=door.url, lease=LEASE, timeout_s=30, agent_user=user, workdir=directory)
        assert ended.code == 0, ended.stderr_tail
        found: dict[str, str] = door.bodies("/events")[-1]["found"]
    return found


def _replace_program(monkeypatch: pytest.MonkeyPatch, directory: Path, program: str) -> None:
    """Let another program be started in exactly the place of the runtime's."""
    monkeypatch.setattr(zipapp, "START", program.encode())
    path = zipapp.runtime_archive(directory)
    monkeypatch.setattr(spawn, "runtime_archive", lambda _: path)


def _children(parent_pid: int) -> list[int]:
    """The runtime processes that this process started and that still live."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # The program's name may hold anything, so the fields are counted from its closing bracket.
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(parent) == parent_pid and state != "Z" and b"runtime.pyz" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


def _is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _slow(_: object) -> dict[str, bool]:
    time.sleep(6)
    return {"ok": True}


async def _until(is_so: Callable[[], bool], *, seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.05)
