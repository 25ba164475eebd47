"""Landlock by its three system calls: what this process may read, and the one port it may connect to.

Numbers and structures are those of the kernel's `include/uapi/linux/landlock.h`. The rule set handles every
right that the running kernel knows, so that what is not allowed here is denied. Landlock knows ports, not
addresses: the door's port stays reachable on every address that the machine can reach.
"""

import ctypes
import os
import struct
from collections.abc import Sequence

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_FLAG = 1
RULE_PATH_BENEATH, RULE_NET_PORT = 1, 2

FS_READ_FILE, FS_READ_DIR = 1 << 2, 1 << 3
FS_RIGHTS_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
NET_BIND_TCP, NET_CONNECT_TCP = 1 << 0, 1 << 1
SCOPE_ABSTRACT_UNIX_SOCKET, SCOPE_SIGNAL = 1 << 0, 1 << 1
NET_FROM_ABI, SCOPE_FROM_ABI = 4, 6


def version(libc: ctypes.CDLL) -> int:
    """The kernel's Landlock ABI, 0 where there is none."""
    found = int(libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(VERSION_FLAG)))
    return max(found, 0)


def restrict(libc: ctypes.CDLL, abi: int, *, readable: Sequence[str], port: int) -> None:
    """Deny all but reading beneath `readable` and connecting to `port`. Raises `OSError` when it failed.

    `no_new_privs` must be set before. Paths that do not exist are left out.
    """
    fs_rights = FS_RIGHTS_BY_ABI[max(known for known in FS_RIGHTS_BY_ABI if known <= abi)]
    net_rights = NET_BIND_TCP | NET_CONNECT_TCP if abi >= NET_FROM_ABI else 0
    scopes = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL if abi >= SCOPE_FROM_ABI else 0
    attributes = struct.pack("=QQQ", fs_rights, net_rights, scopes)
    size = 24 if abi >= SCOPE_FROM_ABI else 16 if abi >= NET_FROM_ABI else 8
    ruleset = _checked(libc, CREATE_RULESET, attributes, ctypes.c_size_t(size), ctypes.c_uint(0))
    try:
        for path in readable:
            _allow_reading(libc, ruleset, path)
        if net_rights:
            rule = struct.pack("=QQ", NET_CONNECT_TCP, port)
            _checked(libc, ADD_RULE, ruleset, RULE_NET_PORT, rule, ctypes.c_uint(0))
        _checked(libc, RESTRICT_SELF, ruleset, ctypes.c_uint(0))
    finally:
        os.close(ruleset)


def _allow_reading(libc: ctypes.CDLL, ruleset: int, path: str) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rights = FS_READ_FILE | FS_READ_DIR if os.path.isdir(path) else FS_READ_FILE
        # The structure is packed: a 64-bit mask, then a 32-bit descriptor, 12 bytes.
        _checked(libc, ADD_RULE, ruleset, RULE_PATH_BENEATH, struct.pack("=Qi", rights, beneath), ctypes.c_uint(0))
    finally:
        os.close(beneath)


def _checked(libc: ctypes.CDLL, number: int, *arguments: object) -> int:
    result = int(libc.syscall(number, *arguments))
    if result < 0:
        failure = ctypes.get_errno()
        raise OSError(failure, os.strerror(failure))
    return result
