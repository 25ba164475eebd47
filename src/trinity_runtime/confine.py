"""Self-confinement, before the first word from outside is read: what was achieved is said, never assumed.

Everything here only takes rights away, and it holds for the rest of the process's life. On a system
without these means the runtime still works, as the user it was started as, and reports that.
"""

import ctypes
import importlib
import os
import resource
import signal
import sys
from dataclasses import dataclass

from trinity_runtime import landlock, limits, seccomp

PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS = 4, 38, 39

MEMORY_BYTES_MAX = 512 * 1024 * 1024
OPEN_FILES_MAX = 32

LATE_MODULES = (
    "encodings.idna",
    "encodings.ascii",
    "encodings.latin_1",
    "email.parser",
    "json.decoder",
    "stringprep",
    "traceback",
)
"""What the standard library imports only when it is needed, loaded while files can still be read."""


@dataclass(frozen=True)
class Confinement:
    """What holds for this process: its user, the Landlock ABI in force (0: none), no new privileges, a filter."""

    uid: int
    landlock_abi: int
    no_new_privs: bool
    has_filter: bool

    def as_dict(self) -> dict[str, object]:
        """The structured form that the door and the parent process are told."""
        return {"uid": self.uid, "landlock_abi": self.landlock_abi, "no_new_privs": self.no_new_privs}

    def sentence(self) -> str:
        """The same for people."""
        files = "no file can be written" if self.landlock_abi else "files are limited by the user's rights only"
        network = (
            "TCP reaches the door's port only"
            if self.landlock_abi >= landlock.NET_FROM_ABI
            else "the network is not limited"
        )
        privileges = "no new privileges" if self.no_new_privs else "privileges could not be fixed"
        calls = "no other process can be started or touched" if self.has_filter else "system calls are not limited"
        return f"Runtime confined: user id {self.uid}, {privileges}, {files}, {network}, {calls}."


def confine(port: int) -> Confinement:
    """Take away what the runtime does not need; `port` is the only one that may still be connected to."""
    for name in LATE_MODULES:
        importlib.import_module(name)
    _limit_resources()
    if sys.platform != "linux":
        return Confinement(os.getuid(), 0, False, False)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    has_no_new_privs = int(libc.prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)) == 1
    abi = landlock.version(libc) if has_no_new_privs else 0
    if abi:
        try:
            landlock.restrict(libc, abi, readable=_python_files(), port=port)
        except OSError:
            abi = 0
    has_filter = has_no_new_privs and seccomp.restrict(libc)
    return Confinement(os.getuid(), abi, has_no_new_privs, has_filter)


def _limit_resources() -> None:
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES_MAX,
        resource.RLIMIT_AS: MEMORY_BYTES_MAX,
        resource.RLIMIT_CPU: limits.RUN_SECONDS_MAX,
    }
    for which, most in wanted.items():
        try:
            resource.setrlimit(which, (most, most))
        except (ValueError, OSError):
            # A limit that is already lower stays as it is.
            continue
    signal.alarm(limits.RUN_SECONDS_MAX + 60)


def _python_files() -> tuple[str, ...]:
    """Where the interpreter's own library and this program lie."""
    library = os.path.dirname(os.path.abspath(os.__file__))
    return (library, os.path.join(library, "lib-dynload"), os.path.abspath(sys.path[0] or "."))
