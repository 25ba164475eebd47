"""Running the runtime as a plain process of our own user, with an empty environment."""

import json
import subprocess
import sys
from pathlib import Path

from tests.runtime.fake_door import LEASE

SOURCES = Path(__file__).parents[2] / "src"
START = f"import sys; sys.path.insert(0, {str(SOURCES)!r}); from trinity_runtime.__main__ import main; sys.exit(main())"


def run_process(door_url: str, *, line: bytes | None = None, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    """One run to its end: exit code, standard output and standard error."""
    start = json.dumps({"door_url": door_url, "lease": LEASE}).encode() if line is None else line
    return subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", START],
        input=(start + b"\n").decode(),
        env={},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
