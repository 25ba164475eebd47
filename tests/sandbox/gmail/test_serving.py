"""The launcher: the ready line, chosen ports, an end in order, an end with the parent, nothing of Trinity."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.sandbox.gmail.standin import StandIn

WAIT_S = 10


def test_it_ends_on_sigterm_and_frees_its_port(tmp_path: Path) -> None:
    standin = StandIn(tmp_path / "not" / "there" / "yet")
    standin.start()
    assert httpx.get(f"{standin.base_url}/").status_code == 200
    standin.end()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{standin.base_url}/")


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "trinity_sandbox", "gmail", "--data-dir", str(tmp_path), "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr


def test_an_unknown_name_is_a_usage_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "trinity_sandbox", "fax", "--data-dir", str(tmp_path)]
    assert subprocess.run(command, capture_output=True, timeout=WAIT_S).returncode == 2


@pytest.mark.kill
def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    parent_code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'trinity_sandbox', 'gmail', '--die-with-parent',"
        f" '--data-dir', {str(tmp_path)!r}], stdout=subprocess.PIPE)\n"
        "sys.stdout.write(child.stdout.readline().decode())\n"
        "sys.stdout.flush()\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent_code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        base_url = json.loads(parent.stdout.readline())["base_url"]
        assert httpx.get(f"{base_url}/").status_code == 200
        os.kill(parent.pid, signal.SIGKILL)
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        try:
            httpx.get(f"{base_url}/")
        except httpx.TransportError:
            return
        time.sleep(0.05)
    pytest.fail("the stand-in outlived its parent")


def test_it_imports_nothing_of_trinity() -> None:
    code = (
        "import sys, trinity_sandbox.__main__, trinity_sandbox.serving, trinity_sandbox.gmail.app\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'trinity'])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], timeout=WAIT_S).strip() == b"[]"
