"""The scripted model as a process of its own, as an end-to-end test would start it."""

import json
import subprocess
import sys
from pathlib import Path

from tests.runtime.fake_door import FakeDoor
from tests.runtime.process import run_process
from tests.scripted_model import tool_call

PROGRAM = Path(__file__).parents[1] / "scripted_model.py"


def test_a_script_from_a_file_drives_a_run(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps([tool_call("finish", {"outcome": "completed", "summary": "From a file."})]))
    with subprocess.Popen([sys.executable, str(PROGRAM), "--script", str(script)], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            with FakeDoor(ready["base_url"]) as door:
                assert run_process(door.url).returncode == 0
        finally:
            process.terminate()
    assert door.bodies("/finish") == [{"outcome": "completed", "summary": "From a file."}]
