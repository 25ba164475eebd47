"""Start: one JSON line `{"door_url", "lease"}` on standard input, then the run.

Exit codes: 0 the run was finished, 3 the lease is gone, 1 anything else. On standard output one line says
what the confinement achieved; error text on standard error never contains the lease.
"""

import json
import sys
import time

from trinity_runtime import limits
from trinity_runtime.confine import Confinement, confine
from trinity_runtime.door import Denied, Door, DoorBroken, LeaseGone, parse_address
from trinity_runtime.loop import conduct

EXIT_FINISHED, EXIT_ERROR, EXIT_LEASE_GONE = 0, 1, 3


def main() -> int:
    """Do one run and return the exit code."""
    try:
        door_url, lease = read_start(sys.stdin.buffer.readline(limits.START_LINE_BYTES_MAX + 1))
        address = parse_address(door_url)
    except ValueError as error:
        print(f"no valid start line: {error}", file=sys.stderr)
        return EXIT_ERROR
    confinement = confine(address.port)
    print(json.dumps({"confinement": confinement.as_dict()}), flush=True)
    door = Door(address, lease, time.monotonic() + limits.RUN_SECONDS_MAX)
    return run(door, confinement)


def run(door: Door, confinement: Confinement) -> int:
    """Tell the door what holds, conduct the run, and turn its end into an exit code."""
    try:
        _report(door, confinement)
        conduct(door)
    except LeaseGone as gone:
        print(f"the lease is gone: {gone}", file=sys.stderr)
        return EXIT_LEASE_GONE
    except (Denied, DoorBroken) as error:
        print(f"the run broke: {error}", file=sys.stderr)
        return EXIT_ERROR
    return EXIT_FINISHED


def read_start(line: bytes) -> tuple[str, str]:
    """The door's URL and the lease from the start line, or `ValueError`."""
    if len(line) > limits.START_LINE_BYTES_MAX:
        raise ValueError("too long")
    try:
        value = json.loads(line)
    except ValueError:
        # The parser's message would repeat the line, and the line holds the lease.
        raise ValueError("not JSON") from None
    if not isinstance(value, dict) or set(value) != {"door_url", "lease"}:
        raise ValueError("it must have exactly door_url and lease")
    door_url, lease = value["door_url"], value["lease"]
    if not isinstance(door_url, str) or not isinstance(lease, str) or not lease.isascii() or not lease.isprintable():
        raise ValueError("door_url and lease must be plain strings")
    return door_url, lease


def _report(door: Door, confinement: Confinement) -> None:
    text = confinement.sentence()
    try:
        door.post("/events", {"text": text, "confinement": confinement.as_dict()})
    except Denied:
        # A door that takes plain notes only still gets the sentence.
        door.post("/events", {"text": text})


if __name__ == "__main__":
    sys.exit(main())
