"""Starting a child process that is less than we are: another user, another environment, no way to gain power.

The hard part is done by `shim.py`, a small program of its own that becomes the child: in it nothing of our
memory, locks and threads exists, which a function run between fork and exec cannot say of itself.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from trinity.host.users import SystemUser, is_root

SHIM = Path(__file__).with_name("shim.py")

LANDLOCK_CREATE_RULESET = 444
LANDLOCK_CREATE_RULESET_VERSION = 1

type Stream = int | IO[bytes] | None


@dataclass(frozen=True, slots=True)
class Confinement:
    """What a child is held to.

    `user`            become this user (only root can), with no groups but its own; None: stay who we are
    `die_with_parent` the signal that the kernel sends it when the *thread* that started it ends (so start
                      it from the main thread: a pool's worker thread ends earlier); None: it lives on
    `no_new_privs`    neither it nor its children can gain power by running a set-uid program
    `read_paths`      Landlock: the only files it can read or run, and it can write none; None: no limit
    `write_paths`     Landlock: directories that it can also write in
    `connect_ports`   Landlock 4: the only TCP ports that it can connect to; None: no limit

    Landlock limits are refused, not dropped, where the kernel lacks them: ask `landlock_abi()` first.
    """

    user: SystemUser | None = None
    die_with_parent: signal.Signals | None = signal.SIGKILL
    no_new_privs: bool = True
    read_paths: tuple[Path, ...] | None = None
    write_paths: tuple[Path, ...] = ()
    connect_ports: tuple[int, ...] | None = None


def child_command(argv: Sequence[str], confinement: Confinement, env: Mapping[str, str]) -> tuple[str, ...]:
    """The command that runs `argv` confined, for `subprocess` and asyncio alike; its program is absolute.

    Start it with exactly this `env`: the shim passes on these names and no other.
    """
    if not os.path.isabs(argv[0]):
        raise ValueError(f"the program must be an absolute path, not {argv[0]!r}")
    user = confinement.user
    if user is not None and not is_root():
        raise PermissionError(f"only root can start a child as {user.name}")
    landlocked = confinement.read_paths is not None or confinement.connect_ports is not None
    spec = {
        "user": None if user is None else [user.uid, user.gid, list(user.groups)],
        "signal": None if confinement.die_with_parent is None else int(confinement.die_with_parent),
        "parent": os.getpid(),
        "no_new_privs": confinement.no_new_privs or landlocked,
        "env": sorted(env),
        "read": None if confinement.read_paths is None else [str(path) for path in confinement.read_paths],
        "write": [str(path) for path in confinement.write_paths],
        "ports": None if confinement.connect_ports is None else list(confinement.connect_ports),
    }
    return (sys.executable, "-I", "-S", str(SHIM), json.dumps(spec, separators=(",", ":")), *argv)


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    confinement: Confinement = Confinement(),
    cwd: str | Path = "/",
    own_group: bool = True,
    stdin: Stream = subprocess.DEVNULL,
    stdout: Stream = None,
    stderr: Stream = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start `argv` with exactly this environment, confined.

    With `own_group` a Ctrl-C at the terminal does not reach it: ending it is its parent's affair.
    A child that could not be confined or started exits with 126 or 127 and says why on its stderr.
    """
    return subprocess.Popen(
        child_command(argv, confinement, env),
        env=dict(env),
        cwd=cwd,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        pass_fds=tuple(pass_fds),
        process_group=0 if own_group else None,
    )


@cache
def landlock_abi() -> int:
    """The version of Landlock that this kernel offers; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_CREATE_RULESET_VERSION)
    return max(int(version), 0)
