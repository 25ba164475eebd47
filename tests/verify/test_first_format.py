"""Packets of the first format, as they were exported before there were orders: they verify still, and say what they lack."""

from pathlib import Path

import pytest

from tests.verify.signing import verifier_key
from trinity_verify import verify

KEPT = Path(__file__).parent / "data"


@pytest.mark.parametrize("name", ["run-v1.json", "tool-call-v1.json"])
def test_a_packet_of_the_first_format_verifies_still(name: str) -> None:
    verdict = verify((KEPT / name).read_bytes(), verifier_key())
    assert verdict.overall == "verified"
    assert [one.name for one in verdict.steps if one.verdict != "passed"] == ["models", "log", "passkeys"]


@pytest.mark.parametrize("name", ["run-v1.json", "tool-call-v1.json"])
def test_a_packet_of_the_first_format_cannot_be_called_one_of_the_second(name: str) -> None:
    changed = (KEPT / name).read_bytes().replace(b"trinity/packet/v1", b"trinity/packet/v2")
    verdict = verify(changed, verifier_key())
    assert verdict.overall == "failed"
    assert [one.name for one in verdict.steps if one.verdict == "failed"] == ["format"]
