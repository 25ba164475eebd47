"""`trinity work`: two processes, each with what it needs and nothing else."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import BIN_DIR, SECRET_KEY, private_directory
from tests.world import ENCRYPTION_KEY
from trinity.proof.keys import generate
from trinity.store.embedded import EmbeddedServer
from trinity.store.migrate import migrate
from trinity.store.roles import ensure_database

pytestmark = [pytest.mark.postgres, pytest.mark.kill]
END_S = 20.0


@pytest.fixture
def owner_url() -> Iterator[str]:
    """A migrated database on a server that keeps its word about commits, as production's must."""
    with private_directory() as directory:
        server = EmbeddedServer(directory / "home", BIN_DIR)
        try:
            url = ensure_database(server.start(), SECRET_KEY)
            migrate(url, SECRET_KEY)
            yield url
        finally:
            server.erase()


def environ_of(pid: int) -> dict[str, str]:
    """The environment that a process was started with."""
    parts = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(part.split("=", 1) for part in parts if "=" in part)


def children_of(pid: int) -> list[int]:
    """The processes that a process started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_each_of_the_two_gets_only_its_own_secrets(owner_url: str, tmp_path: Path) -> None:
    environ = {
        "PATH": os.environ["PATH"],
        "TRINITY_HOME": str(tmp_path),
        "DATABASE_URL": owner_url,
        "TRINITY_SECRET_KEY": SECRET_KEY.hex(),
        "TRINITY_ENCRYPTION_KEY": ENCRYPTION_KEY.hex(),
        "TRINITY_LOG_KEY": generate("trinity.test/log")[0],
        "NVIDIA_BASE_URL": "http://127.0.0.1:9/v1",
        "NVIDIA_API_KEY": "canary",
    }
    argv = [sys.executable, "-m", "trinity", "work"]
    with subprocess.Popen(argv, env=environ, cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"ready": True, "role": "all"}
        commands = {Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[-2]: pid for pid in children_of(process.pid)}
        executor, general = environ_of(commands[b"executor"]), environ_of(commands[b"general"])
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_S) == 0
    for one in (executor, general):
        assert not {"DATABASE_URL", "TRINITY_SECRET_KEY"} & set(one)
    assert "TRINITY_ENCRYPTION_KEY" in executor
    assert not {"TRINITY_LOG_KEY", "NVIDIA_API_KEY"} & set(executor)
    assert {"TRINITY_LOG_KEY", "NVIDIA_API_KEY"} <= set(general)
    assert not {"TRINITY_ENCRYPTION_KEY", "TRINITY_EXECUTOR_DATABASE_URL"} & set(general)
    for pid in commands.values():
        assert not Path(f"/proc/{pid}").exists()
