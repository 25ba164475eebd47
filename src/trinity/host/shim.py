"""Become the confined child: run as `python -I -S shim.py SPEC PROGRAM ARGUMENT…`, never imported.

Takes only the standard library, does its steps in the one order that works, and gives way to the program:
a change of user clears the parent-death signal, so that comes after; Landlock needs no_new_privs before.
Exits 126 when a step of the confinement fails and 127 when the program can't be run: never does it run
the program unconfined.
"""

import ctypes
import json
import os
import sys
from typing import Any, NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
RULE_PATH_BENEATH, RULE_NET_PORT = 1, 2
O_PATH = getattr(os, "O_PATH", 0)

FS_EXECUTE, FS_READ_FILE, FS_READ_DIR = 1 << 0, 1 << 2, 1 << 3
FS_BITS_OF_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many kinds of file access each version knows (linux/landlock.h); later ones as many as the last."""
ACCESS_OF_FILES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
"""The kinds that a rule about a single file may name."""
NET_CONNECT_TCP = 1 << 1
NET_ABI_MIN = 4

CONFINEMENT_FAILED, PROGRAM_FAILED = 126, 127

libc = ctypes.CDLL(None, use_errno=True)


class Ruleset(ctypes.Structure):
    """struct landlock_ruleset_attr, as of version 4."""

    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64))


class PathRule(ctypes.Structure):
    """struct landlock_path_beneath_attr (packed)."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


class PortRule(ctypes.Structure):
    """struct landlock_net_port_attr."""

    _fields_ = (("allowed", ctypes.c_uint64), ("port", ctypes.c_uint64))


def main() -> NoReturn:
    """Confine, then exec."""
    spec, argv = json.loads(sys.argv[1]), sys.argv[2:]
    env = {name: os.environ[name] for name in spec["env"] if name in os.environ}
    try:
        confine(spec)
    except OSError as error:
        give_up(CONFINEMENT_FAILED, f"cannot confine {argv[0]}: {error}")
    try:
        os.execve(argv[0], argv, env)  # noqa: S606  (there is no shell to start it with)
    except OSError as error:
        give_up(PROGRAM_FAILED, f"cannot run {argv[0]}: {error}")


def confine(spec: dict[str, Any]) -> None:
    """All steps, in order; OSError at the first that fails."""
    os.umask(0o077)
    if spec["user"] is not None:
        uid, gid, groups = spec["user"]
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    if spec["no_new_privs"]:
        checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    if spec["read"] is not None or spec["ports"] is not None:
        landlock(spec["read"], spec["write"], spec["ports"])
    if spec["signal"] is not None:
        checked(libc.prctl(PR_SET_PDEATHSIG, spec["signal"], 0, 0, 0), "parent-death signal")
        if os.getppid() != spec["parent"]:
            raise ProcessLookupError("the parent has gone already")


def landlock(read: "list[str] | None", write: "list[str]", ports: "list[int] | None") -> None:
    """Hold this process and all its children to these paths and ports."""
    abi = checked(libc.syscall(CREATE_RULESET, None, 0, 1), "Landlock")
    if ports is not None and abi < NET_ABI_MIN:
        raise OSError(f"Landlock {abi} cannot limit connections")
    everything = (1 << FS_BITS_OF_ABI.get(abi, max(FS_BITS_OF_ABI.values()))) - 1
    wanted = Ruleset(everything if read is not None else 0, NET_CONNECT_TCP if ports is not None else 0)
    size = ctypes.sizeof(Ruleset) if abi >= NET_ABI_MIN else 8
    ruleset = checked(libc.syscall(CREATE_RULESET, ctypes.byref(wanted), size, 0), "ruleset")
    for path in read or ():
        allow_path(ruleset, path, FS_EXECUTE | FS_READ_FILE | FS_READ_DIR)
    for path in write if read is not None else ():
        allow_path(ruleset, path, everything)
    for port in ports or ():
        rule = PortRule(NET_CONNECT_TCP, port)
        checked(libc.syscall(ADD_RULE, ruleset, RULE_NET_PORT, ctypes.byref(rule), 0), f"port {port}")
    checked(libc.syscall(RESTRICT_SELF, ruleset, 0), "restriction")
    os.close(ruleset)


def allow_path(ruleset: int, path: str, allowed: int) -> None:
    """Allow these kinds of access to a file, or to a directory and all beneath it."""
    opened = os.open(path, O_PATH | os.O_CLOEXEC)
    try:
        if not os.path.isdir(path):
            allowed &= ACCESS_OF_FILES
        rule = PathRule(allowed, opened)
        checked(libc.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, ctypes.byref(rule), 0), path)
    finally:
        os.close(opened)


def checked(result: int, what: str) -> int:
    """The result of a C call, or the OSError that it means."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def give_up(status: int, message: str) -> NoReturn:
    """Say why on stderr and end without running anything."""
    os.write(2, f"{message}\n".encode())
    os._exit(status)


if __name__ == "__main__":
    main()
