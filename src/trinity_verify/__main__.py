"""`python -m trinity_verify FILE [--key FILE] [--json]`: exit 0 verified, 1 anything else, 2 wrong usage."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from trinity_verify import Verdict, verify
from trinity_verify.form import FILE_BYTES_MAX

KEY_BYTES_MAX = 4_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Check one packet and say what was found. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="trinity_verify",
        description="Check a proof packet, offline. Without --key the best verdict is `self_consistent`, and exit 1.",
    )
    parser.add_argument("file", type=Path, help="the packet")
    parser.add_argument("--key", type=Path, help="a file with the verifier key to pin: name+id+base64")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    try:
        given = parser.parse_args(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    try:
        packet = _read(given.file, FILE_BYTES_MAX + 1)
        key = _read(given.key, KEY_BYTES_MAX).decode("utf-8").strip() if given.key else None
    except (OSError, UnicodeDecodeError) as error:
        print(f"trinity_verify: cannot read: {error}", file=sys.stderr)
        return 2
    verdict = verify(packet, key)
    print(json.dumps(verdict.as_dict()) if given.json else _lines(verdict))
    return verdict.exit_code


def _read(path: Path, bytes_max: int) -> bytes:
    with path.open("rb") as file:
        return file.read(bytes_max)


def _lines(verdict: Verdict) -> str:
    lines = [f"{step.n:2}  {step.verdict:7}  {step.name:12} {_plain(step.reason)}" for step in verdict.steps]
    lines += [f"    the packet says: {_plain(one)}" for one in verdict.says_missing]
    about = f" ({verdict.kind} {verdict.subject_id})" if verdict.overall != "failed" else ""
    return "\n".join([*lines, f"{verdict.overall}{about}"])


def _plain(text: str) -> str:
    """Text of the packet's, with what could steer a terminal written out."""
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)


if __name__ == "__main__":
    sys.exit(main())
