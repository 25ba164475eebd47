"""The commands of docs/verify.md, run as they stand there: what they print must be what the page says."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.verify.packets import mail_bytes, make_body
from tests.verify.signing import sha256, signed, verifier_key

PAGE = Path(__file__).parents[2] / "docs" / "verify.md"
TOOLS = ("sh", "jq", "base64", "sha256sum", "openssl")

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason=f"the page's commands need {', '.join(TOOLS)}"
)


def run_page(directory: Path, packet: bytes) -> subprocess.CompletedProcess[str]:
    """Run every command of the page, in order, in one shell."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.S | re.M)
    assert len(blocks) == 4
    (directory / "packet.json").write_bytes(packet)
    (directory / "log.vkey").write_text(verifier_key() + "\n")
    command = ["sh", "-euc", "\n".join(blocks)]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60)


def test_the_commands_check_a_valid_packet(tmp_path: Path) -> None:
    body = make_body()
    ended = run_page(tmp_path, signed(body))
    assert ended.returncode == 0, ended.stderr
    lines = [line.removesuffix("  -") for line in ended.stdout.splitlines()]
    digest = lines[0]
    assert lines[:3] == [digest, "trinity/packet/v2", digest]
    assert "Verified Successfully" in lines[3]
    assert lines[4] == lines[5]
    envelope = sha256((tmp_path / "envelope.json").read_bytes())
    assert lines[6:9] == [envelope, envelope, "approve"]
    assert (tmp_path / "mail.eml").read_bytes() == mail_bytes()
    assert (tmp_path / "kept.eml").read_bytes().endswith(mail_bytes())
    tokens = [line.partition(":")[2] for line in lines[-2:]]
    assert tokens[0] == tokens[1]


def test_the_commands_see_a_body_that_was_changed(tmp_path: Path) -> None:
    packet = signed(make_body()).replace(b"Write to Ada.", b"Write to Eve.")
    lines = [line.removesuffix("  -") for line in run_page(tmp_path, packet).stdout.splitlines()]
    assert lines[0] != lines[2]


def test_the_commands_see_a_note_that_was_changed(tmp_path: Path) -> None:
    ended = run_page(tmp_path, signed(make_body()).replace(b'"note":"trinity/packet/v2', b'"note":"trinity/packet/v1'))
    assert ended.returncode != 0
    assert "Verified Successfully" not in ended.stdout
