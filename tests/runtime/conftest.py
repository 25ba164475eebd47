"""The real model stand-in, as its own process, once for the tests of the runtime."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def model_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What `NVIDIA_BASE_URL` would be."""
    books: Path = tmp_path_factory.mktemp("model")
    command = [sys.executable, "-m", "trinity_sandbox", "model", "--port", "0", "--data-dir", str(books)]
    with subprocess.Popen([*command, "--die-with-parent"], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["base_url"] + "/v1"
        finally:
            process.terminate()
