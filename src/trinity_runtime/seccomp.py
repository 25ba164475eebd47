"""A system call filter: no new process, no socket but TCP, no look into other processes.

It adds to Landlock what that cannot say: other address families and protocols (UDP, unix sockets, netlink,
MPTCP), TCP Fast Open (a connection without `connect`), programs, signals. Numbers are those of the kernel's
tables for x86_64 and aarch64; elsewhere there is no filter, and that is reported.
"""

import ctypes
import errno
import platform
import struct

PR_SET_SECCOMP, MODE_FILTER = 22, 2
RET_ALLOW, RET_KILL, RET_ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
LOAD, AND, JUMP_EQUAL, JUMP_AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
NUMBER_AT, ARCH_AT, ARGUMENTS_AT = 0, 4, 16
X32_BIT = 0x40000000

AF_INET, AF_INET6, SOCK_STREAM, TYPE_MASK, IPPROTO_TCP = 2, 10, 1, 0xF, 6

ARCHES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""`platform.machine()` → the kernel's name of the architecture, and the column in the tables below."""

SOCKET, SENDTO = (41, 198), (44, 206)

DENIED: dict[str, tuple[int | None, int | None]] = {
    "clone": (56, 220),
    "fork": (57, None),
    "vfork": (58, None),
    "clone3": (435, 435),
    "execve": (59, 221),
    "execveat": (322, 281),
    "socketpair": (53, 199),
    "bind": (49, 200),
    "listen": (50, 201),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
}


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def restrict(libc: ctypes.CDLL) -> bool:
    """Install the filter for this process and for ever; False where it could not be. Needs no_new_privs."""
    known = ARCHES.get(platform.machine())
    if known is None:
        return False
    instructions = _instructions(*known)
    code = b"".join(instructions)
    program = _Program(len(instructions), code)
    return int(libc.prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.byref(program), 0, 0)) == 0


def _instructions(arch: int, column: int) -> list[bytes]:
    deny = _step(RETURN, RET_ERRNO | errno.EPERM)
    found = [_step(LOAD, ARCH_AT), _step(JUMP_EQUAL, arch, 1, 0), _step(RETURN, RET_KILL), _step(LOAD, NUMBER_AT)]
    if column == 0:
        found += [_step(JUMP_AT_LEAST, X32_BIT, 0, 1), deny]
    for numbers in DENIED.values():
        number = numbers[column]
        if number is not None:
            found += [_step(JUMP_EQUAL, number, 0, 1), deny]
    found += _only_tcp(SOCKET[column], deny)
    found += _only_connected(SENDTO[column], deny)
    return [*found, _step(RETURN, RET_ALLOW)]


def _only_tcp(number: int, deny: bytes) -> list[bytes]:
    """`socket(family, type, protocol)`: the internet families, streams, TCP or the default."""
    checks = [
        _step(LOAD, _argument(0)),
        _step(JUMP_EQUAL, AF_INET, 2, 0),
        _step(JUMP_EQUAL, AF_INET6, 1, 0),
        deny,
        _step(LOAD, _argument(1)),
        _step(AND, TYPE_MASK),
        _step(JUMP_EQUAL, SOCK_STREAM, 1, 0),
        deny,
        _step(LOAD, _argument(2)),
        _step(JUMP_EQUAL, 0, 2, 0),
        _step(JUMP_EQUAL, IPPROTO_TCP, 1, 0),
        deny,
        _step(RETURN, RET_ALLOW),
    ]
    return [_step(JUMP_EQUAL, number, 0, len(checks)), *checks]


def _only_connected(number: int, deny: bytes) -> list[bytes]:
    """`sendto(…, address, …)`: no address, so that nothing is reached that was not connected to."""
    checks = [
        _step(LOAD, _argument(4)),
        _step(JUMP_EQUAL, 0, 1, 0),
        deny,
        _step(LOAD, _argument(4) + 4),
        _step(JUMP_EQUAL, 0, 1, 0),
        deny,
        _step(RETURN, RET_ALLOW),
    ]
    return [_step(JUMP_EQUAL, number, 0, len(checks)), *checks]


def _argument(number: int) -> int:
    """Where the low half of an argument lies (both architectures are little-endian)."""
    return ARGUMENTS_AT + 8 * number


def _step(code: int, value: int, when_true: int = 0, when_false: int = 0) -> bytes:
    """One struct sock_filter."""
    return struct.pack("=HBBI", code, when_true, when_false, value)
