"""The verifier as a program: alone in an empty interpreter, without network, database or anything of Trinity."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import trinity_verify
from tests.verify.packets import ACCOUNT, RUN, make_body
from tests.verify.signing import signed, verifier_key
from trinity_verify.__main__ import main

ALLOWED = {"trinity_verify", "rfc8785", "cryptography", "_cffi_backend"}
COMPILED_IN = {"_openssl"}
"""What `cryptography` carries inside its own binary."""

GUARDED = """
import runpy, sys
sys.path.insert(0, sys.argv.pop(1))
allowed = set(sys.argv.pop(1).split(","))
def watch(event, arguments):
    if event.startswith(("socket.", "sqlite3.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "urllib.")):
        raise RuntimeError("the verifier reached out: " + event)
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        raise RuntimeError("the verifier wrote a file")
sys.addaudithook(watch)
try:
    runpy.run_module("trinity_verify", run_name="__main__", alter_sys=True)
finally:
    tops = {name.split(".")[0] for name in sys.modules if not name.startswith("__")}
    strange = {name for name in tops - set(sys.stdlib_module_names) - allowed if not name.startswith("_sysconfigdata")}
    if strange:
        print("STRANGE", sorted(strange), file=sys.stderr)
"""


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """A directory with the verifier and its two libraries, and nothing else that could be imported."""
    place = tmp_path / "site"
    place.mkdir()
    for name in ALLOWED:
        spec = find_spec(name)
        assert spec is not None
        found = Path(spec.submodule_search_locations[0]) if spec.submodule_search_locations else Path(str(spec.origin))
        (place / found.name).symlink_to(found)
    return place


@pytest.fixture
def packet(tmp_path: Path) -> Path:
    """A valid packet as a file."""
    path = tmp_path / "packet.json"
    path.write_bytes(signed(make_body()))
    return path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The verifier key as a file with a newline."""
    path = tmp_path / "log.vkey"
    path.write_text(verifier_key() + "\n")
    return path


def run_alone(alone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the verifier in an interpreter that knows nothing else."""
    command = [sys.executable, "-I", "-S", "-B", "-c", GUARDED, str(alone), ",".join(ALLOWED | COMPILED_IN), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={})


def test_it_verifies_alone(alone: Path, packet: Path, key: Path) -> None:
    ended = run_alone(alone, str(packet), "--key", str(key), "--json")
    assert ended.stderr == ""
    assert ended.returncode == 0
    said = json.loads(ended.stdout)
    assert (said["overall"], said["kind"], said["subject_id"]) == ("verified", "run", RUN)
    assert [one["n"] for one in said["steps"]] == list(range(1, 23))


def test_its_source_imports_nothing_else() -> None:
    import ast

    for path in Path(trinity_verify.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= ALLOWED | set(sys.stdlib_module_names), path


@pytest.mark.parametrize(
    "change", [lambda data: data + b" ", lambda data: data.replace(ACCOUNT.encode(), RUN.encode())]
)
def test_a_changed_packet_exits_1_and_names_the_step(alone: Path, packet: Path, key: Path, change: object) -> None:
    assert callable(change)
    packet.write_bytes(change(packet.read_bytes()))
    ended = run_alone(alone, str(packet), "--key", str(key))
    assert ended.returncode == 1
    assert ended.stdout.splitlines()[-1] == "failed"
    assert any("failed" in line for line in ended.stdout.splitlines()[:-1])


def test_without_a_key_it_is_self_consistent_and_exits_1(packet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(packet)]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == f"self_consistent (run {RUN})"


def test_with_the_key_it_exits_0_and_says_what_is_missing(
    packet: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(packet), "--key", str(key)]) == 0
    said = capsys.readouterr().out
    assert "21  missing  log" in said
    assert "the packet says: There is no transparency log yet." in said
    assert said.splitlines()[-1] == f"verified (run {RUN})"


@pytest.mark.parametrize(
    "arguments", [[], ["--nonsense"], ["a", "b"], ["/nowhere/at/all"], ["{packet}", "--key", "/nowhere/at/all"]]
)
def test_wrong_usage_exits_2(packet: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([one.format(packet=packet) for one in arguments]) == 2
    assert capsys.readouterr().err


def test_what_a_packet_says_cannot_steer_a_terminal(
    tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hostile.json"
    path.write_bytes(signed(make_body(body={"missing": ["\x1b[2Jverified\r\nverified"]})))
    main([str(path), "--key", str(key)])
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\r" not in said
    assert "\\u001b[2Jverified\\u000d\\u000averified" in said


def test_the_docstring_lists_the_steps_that_are_taken() -> None:
    listed = [line.split()[:2] for line in str(trinity_verify.__doc__).splitlines() if line.strip()[:1].isdigit()]
    assert listed == [[str(n), name] for n, name in enumerate(trinity_verify.STEPS, 1)]
