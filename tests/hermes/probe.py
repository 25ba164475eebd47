"""What a taken-over runtime would try. Packed in place of the runtime's start, in the very same process.

It confines itself as the runtime does, then tries each way out, and tells the door how each ended: "done",
or the name of the error. `{...}` words are filled in by the test.
"""

import ctypes
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable

from trinity_runtime.__main__ import read_start
from trinity_runtime.confine import confine
from trinity_runtime.door import Door, parse_address

OTHER_PORT: str = "{other_port}"
SECRET_FILE: str = "{secret_file}"
PARENT_PID: str = "{parent_pid}"
CONFINED: str = "{is_confined}"


def connect(port: int) -> None:
    with socket.socket() as made:
        made.settimeout(3)
        made.connect(("127.0.0.1", port))


def connect_by_multipath() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as made:
        made.settimeout(3)
        made.connect(("127.0.0.1", int(OTHER_PORT)))


def connect_by_fast_open() -> None:
    with socket.socket() as made:
        made.settimeout(3)
        made.sendto(b"x", 0x20000000, ("127.0.0.1", int(OTHER_PORT)))


def read(path: str) -> None:
    with open(path, "rb") as file:
        file.read(1)


def write(path: str) -> None:
    with open(path, "wb") as file:
        file.write(b"x")


def trace_parent() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(16, int(PARENT_PID), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def fork() -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()


def listen() -> None:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen()


TRIES: dict[str, Callable[[], object]] = {
    "connect_other_port": lambda: connect(int(OTHER_PORT)),
    "connect_by_multipath": connect_by_multipath,
    "connect_by_fast_open": connect_by_fast_open,
    "datagram": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
    "unix_socket": lambda: socket.socket(socket.AF_UNIX).close(),
    "listen": listen,
    "read_secret": lambda: read(SECRET_FILE),
    "list_root_home": lambda: os.listdir("/root"),
    "read_parent_environment": lambda: read(f"/proc/{PARENT_PID}/environ"),
    "read_parent_memory": lambda: read(f"/proc/{PARENT_PID}/mem"),
    "read_passwd": lambda: read("/etc/passwd"),
    "write_temporary": lambda: write(f"/tmp/trinity-probe-{os.getpid()}"),
    "trace_parent": trace_parent,
    "signal_parent": lambda: os.kill(int(PARENT_PID), 0),
    "fork": fork,
    "run_program": lambda: subprocess.run(["/bin/true"], check=True),
    "become_root": lambda: os.setuid(0),
}


def main() -> int:
    door_url, lease = read_start(sys.stdin.buffer.readline())
    address = parse_address(door_url)
    held = confine(address.port) if CONFINED == "True" else None
    print(json.dumps({"confinement": held.as_dict() if held else {}}), flush=True)
    found = {}
    for name, attempt in TRIES.items():
        try:
            attempt()
            found[name] = "done"
        except Exception as error:
            found[name] = type(error).__name__
    found["environment"] = json.dumps(sorted(set(os.environ) - {"LC_CTYPE"}))
    Door(address, lease, time.monotonic() + 20).post("/events", {"text": "probe", "found": found})
    return 0


if __name__ == "__main__":
    sys.exit(main())
