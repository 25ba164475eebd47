"""The wheel: it carries everything that the program reads, and the program runs from it, elsewhere."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import private_directory

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 120


@pytest.fixture(scope="module")
def wheel() -> Iterator[Path]:
    """The built wheel. The builder comes from the lock, like everything else."""
    with private_directory() as directory:
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)],
            cwd=ROOT,
            check=True,
            capture_output=True,
            timeout=TIMEOUT_S,
        )
        (built,) = directory.glob("*.whl")
        yield built


@pytest.fixture(scope="module")
def environment(wheel: Path) -> Iterator[Path]:
    """A virtual environment with the wheel alone; its dependencies are looked up in ours."""
    with private_directory() as directory:
        place = directory / "venv"
        uv = a_working_uv()
        run([uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(place)])
        python = str(place / "bin" / "python")
        run([uv, "pip", "install", "--quiet", "--python", python, "--offline", "--no-deps", str(wheel)])
        (site_packages,) = place.glob("lib/python*/site-packages")
        # A directory named in a .pth file is searched last, and .pth files in it are not read: our own
        # editable installation stays out of sight.
        (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
        yield place


def a_working_uv() -> str:
    """The uv that the bootstrap used."""
    for candidate in (str(ROOT / ".boot/bin/uv"), shutil.which("uv"), str(Path.home() / ".local/bin/uv")):
        if candidate and os.access(candidate, os.X_OK):
            done = subprocess.run([candidate, "--version"], cwd="/", capture_output=True)
            if done.returncode == 0:
                return candidate
    raise AssertionError("no uv: run tools/bootstrap dev")


def run(command: list[str], cwd: str = "/") -> str:
    """Run a command that must succeed, with nothing of our environment but PATH and HOME."""
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_the_wheel_carries_every_file_of_its_packages(wheel: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z", "src"], cwd=ROOT, capture_output=True, check=True)
    tracked = {name.removeprefix("src/") for name in listed.stdout.decode().split("\0") if name}
    with zipfile.ZipFile(wheel) as archive:
        carried = set(archive.namelist())
    assert tracked - carried == set()
    for kind in (".html", ".css", ".js", ".mako"):
        assert any(name.endswith(kind) for name in carried), f"no {kind} in the wheel"
    assert any("/migrations/versions/" in name for name in carried)


def test_the_wheel_carries_the_documents(wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "docs", "README.md", "CHANGELOG.md"], cwd=ROOT, capture_output=True, check=True
    )
    tracked = {name for name in listed.stdout.decode().split("\0") if name}
    assert {"docs/index.md", "docs/images/approval-light.png", "README.md"} <= tracked
    with zipfile.ZipFile(wheel) as archive:
        carried = set(archive.namelist())
    assert {f"trinity/web/manual/{name}" for name in tracked} <= carried


def test_the_installed_package_serves_the_documents(environment: Path) -> None:
    code = (
        "from trinity.web import manual;"
        "print(manual.root());"
        "print(sum('<h1' in manual.document(name).body for name in manual.files()) == len(manual.files()));"
        "print(manual.address_of('../README.md#settings', 'docs/operations.md'));"
        "print(manual.image('approval-light.png')[1])"
    )
    where, *said = run([str(environment / "bin/python"), "-c", code]).split()
    assert Path(where).is_relative_to(environment)
    assert said == ["True", "/docs/readme#settings", "image/png"]


def test_the_wheel_carries_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    allowed = {"trinity", "trinity_sandbox", "trinity_runtime", "trinity_verify"}
    assert {top for top in tops if not top.endswith(".dist-info")} <= allowed


def test_the_installed_package_is_the_wheels_own(environment: Path) -> None:
    where = run([str(environment / "bin/python"), "-c", "import trinity; print(trinity.__file__)"])
    assert Path(where.strip()).is_relative_to(environment)


def test_the_command_runs_from_another_directory(environment: Path) -> None:
    with private_directory() as elsewhere:
        said = run([str(environment / "bin/trinity"), "--help"], cwd=str(elsewhere))
        assert list(elsewhere.iterdir()) == [], "help left files behind"
    for command in ("up", "demo", "verify", "migrate"):
        assert command in said
