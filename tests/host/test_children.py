"""Children that are less than we are, each looked at from within the real child."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.postgres import private_directory
from trinity import host
from trinity.host import Confinement

REPORT = """
import json, os
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "uids": status["Uid"].split(), "gids": status["Gid"].split(), "groups": status["Groups"].split(),
    "no_new_privs": status["NoNewPrivs"].strip(), "env": dict(os.environ), "umask": status["Umask"].strip(),
    "group_leader": os.getpgrp() == os.getpid(), "cwd": os.getcwd(), "fds": os.listdir("/proc/self/fd"),
}))
"""

needs_root = pytest.mark.skipif(not host.is_root(), reason="only root changes to another user")
needs_landlock = pytest.mark.skipif(host.landlock_abi() < 4, reason="this kernel's Landlock can't limit connections")


def python_for(user: host.SystemUser | None) -> str:
    found = host.interpreter_for(user)
    assert found is not None
    return found


def run(code: str, confinement: Confinement, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    child = host.spawn(
        [python_for(confinement.user), "-I", "-c", code],
        env=env or {},
        confinement=confinement,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = child.communicate(timeout=20)
    return child.returncode, out.decode(), err.decode()


def test_a_child_gets_the_environment_that_it_is_given_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRINITY_SECRET_KEY", "never to be seen")
    status, out, err = run(REPORT, Confinement(), {"ONE": "1"})
    assert status == 0, err
    told = json.loads(out)
    # The child's own interpreter adds LC_CTYPE to its environment when it finds no locale.
    assert {name: value for name, value in told["env"].items() if name != "LC_CTYPE"} == {"ONE": "1"}
    assert told["no_new_privs"] == "1"
    assert told["group_leader"] is True
    assert told["cwd"] == "/"
    assert told["umask"] == "0077"


@needs_root
def test_root_gives_its_power_away() -> None:
    agent = host.ensure_user(host.AGENT_USER)
    assert agent is not None
    status, out, err = run(REPORT, Confinement(user=agent))
    assert status == 0, err
    told = json.loads(out)
    assert told["uids"] == [str(agent.uid)] * 4
    assert told["gids"] == [str(agent.gid)] * 4
    assert told["groups"] == []


def test_a_child_inherits_no_open_files() -> None:
    with open("/dev/null", "rb") as ours:
        os.set_inheritable(ours.fileno(), True)
        _, out, _ = run(REPORT, Confinement())
    # 0, 1 and 2, and the one that lists the directory.
    assert len(json.loads(out)["fds"]) == 4


def test_a_child_ends_with_its_parent() -> None:
    code = (
        "import os, signal; from trinity import host\n"
        "child = host.spawn(['/bin/sleep', '60'], env={}, stdout=-3); print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert done.returncode == -signal.SIGKILL
    grandchild = Path("/proc") / done.stdout.decode().strip()
    deadline = time.monotonic() + 10
    while is_alive(grandchild) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_alive(grandchild)


def is_alive(process: Path) -> bool:
    try:
        return "\nState:\tZ" not in (process / "status").read_text()
    except OSError:
        return False


def test_a_child_may_outlive_its_parent_where_that_is_said() -> None:
    code = (
        "import os, signal; from trinity import host; from trinity.host import Confinement\n"
        "held = Confinement(die_with_parent=None)\n"
        "child = host.spawn(['/bin/sleep', '60'], env={}, confinement=held, stdout=-3)\n"
        "print(child.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE)
    pid = int(done.stdout)
    time.sleep(0.2)
    assert is_alive(Path("/proc") / str(pid))
    os.kill(pid, signal.SIGKILL)


def test_a_program_that_is_not_there_is_said() -> None:
    child = host.spawn(["/no/such/program"], env={}, stderr=subprocess.PIPE)
    assert b"cannot run /no/such/program" in child.communicate(timeout=10)[1]
    assert child.returncode == 127


def test_a_relative_program_is_refused() -> None:
    with pytest.raises(ValueError, match="absolute"):
        host.child_command(["sleep", "1"], Confinement(), {})


@needs_landlock
def test_landlock_holds_a_child_to_its_paths() -> None:
    with private_directory() as directory:
        open_, shut, writable = (directory / name for name in ("open", "shut", "writable"))
        for made in (open_, shut, writable):
            made.mkdir()
            (made / "file").write_text("text")
        code = f"""
def tried(act):
    try:
        return act() and "yes"
    except PermissionError:
        return "no"
print(tried(lambda: open({str(open_ / "file")!r}).read()), tried(lambda: open({str(shut / "file")!r}).read()),
      tried(lambda: open({str(open_ / "new")!r}, "w")), tried(lambda: open({str(writable / "new")!r}, "w")))
"""
        system = tuple(Path(path) for path in ("/usr", "/lib", "/lib64", "/etc", "/bin") if Path(path).exists())
        python = Path(sys.base_prefix).resolve()
        venv = Path(sys.prefix)
        held = Confinement(read_paths=(*system, python, venv, open_), write_paths=(writable,))
        status, out, err = run(code, held)
        assert status == 0, err
        assert out.split() == ["yes", "no", "no", "yes"]


@needs_landlock
def test_landlock_holds_a_child_to_its_ports() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as door, socket.create_server(("127.0.0.1", 0)) as other:
        doors = [server.getsockname()[1] for server in (door, other)]
        code = f"""
import socket
for port in {doors!r}:
    try:
        socket.create_connection(("127.0.0.1", port), 5)
        print("yes")
    except PermissionError:
        print("no")
"""
        status, out, err = run(code, Confinement(connect_ports=(doors[0],)))
        assert status == 0, err
        assert out.split() == ["yes", "no"]


def test_a_limit_that_cannot_be_had_stops_the_child() -> None:
    status, out, err = run("print('ran')", Confinement(read_paths=(Path("/no/such/directory"),)))
    assert status == 126
    assert out == ""
    assert "cannot confine" in err
