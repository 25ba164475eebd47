"""Content stores: on this disk, and on a real S3 server (SeaweedFS), which runs once for all of these tests."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from trinity.host import free_port
from trinity.providers.storage.content import ContentStore

START_S = 60.0
ACCESS, SECRET = "trinity-test-key", "trinity-test-secret"


@dataclass(frozen=True)
class S3Server:
    """A running server with one bucket."""

    endpoint: str
    bucket: str = "trinity"

    def aws(self, **changes: str) -> dict[str, str]:
        """What the settings hold for it."""
        return {
            "aws_access_key_id": ACCESS,
            "aws_secret_access_key": SECRET,
            "aws_region": "us-east-1",
            "aws_endpoint_url": self.endpoint,
            "aws_allow_http": "true",
        } | changes


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """SeaweedFS, in one process, on ports of its own, with one identity; its wheel is a dependency of the tests."""
    weed = Path(sys.executable).parent / "weed"
    if sys.platform != "linux":
        pytest.skip("the S3 server of the tests comes for Linux alone")
    home = tmp_path_factory.mktemp("s3")
    may = ["Admin", "Read", "Write", "List"]
    identity = {"name": "tests", "credentials": [{"accessKey": ACCESS, "secretKey": SECRET}], "actions": may}
    (home / "s3.json").write_text(json.dumps({"identities": [identity]}))
    ports = {f"-{name}.port": free_port() for name in ("master", "volume", "filer", "s3")}
    grpc = {f"-{name}.port.grpc": free_port() for name in ("master", "volume", "filer", "s3")}
    argv = [str(weed), "server", f"-dir={home}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]
    argv += [f"-s3.config={home / 's3.json'}", "-volume.max=8", "-master.volumeSizeLimitMB=32"]
    argv += ["-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    argv += [f"{name}={port}" for name, port in (ports | grpc).items()]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT, cwd=home)
    try:
        server = S3Server(f"http://127.0.0.1:{ports['-s3.port']}")
        _make_bucket(process, f"http://127.0.0.1:{ports['-filer.port']}", server, home / "log")
        yield server
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(home, ignore_errors=True)
        for port in (ports | grpc).values():
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)


def _make_bucket(process: "subprocess.Popen[bytes]", filer: str, server: S3Server, log: Path) -> None:
    """A bucket is a directory of the filer; then wait until the S3 side answers for it."""
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            answers = httpx.get(server.endpoint, timeout=2.0)
            made = httpx.post(f"{filer}/buckets/{server.bucket}/", timeout=2.0)
            if answers.status_code < 500 and made.status_code < 500:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text(errors="replace")[-3000:])


@pytest.fixture(params=["file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ContentStore:
    """The same promises on both kinds of store; each test has a directory or a prefix of its own."""
    if request.param == "file":
        return ContentStore((tmp_path / "artifacts").as_uri(), {})
    server: S3Server = request.getfixturevalue("s3_server")
    return ContentStore(f"s3://{server.bucket}/tests/{uuid4()}", server.aws())
