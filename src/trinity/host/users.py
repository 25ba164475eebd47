"""Users of the operating system, and what they can reach.

Where Trinity is root it does not stay root for what needs no power: Postgres and the agents' runtime get
system users of their own. Where it cannot make them it takes ones that exist on every system.
"""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

POSTGRES_USER = "trinity-postgres"
AGENT_USER = "trinity-agent"

FALLBACKS = {POSTGRES_USER: ("postgres", "nobody"), AGENT_USER: ("nobody",)}
"""Who is taken, in this order, where a system user can't be made."""

USERADD_TRIES = 5
USERADD_TIMEOUT_S = 20.0
USERADD_PAUSE_S = 0.2
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
RUNTIME_PYTHON_MIN = (3, 11)
PYTHON_PROBE_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class SystemUser:
    """A user of the operating system. `groups` are the supplementary ones that a child of ours will have."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()


def is_root() -> bool:
    """Whether this process may become another user."""
    return os.geteuid() == 0


def current_user() -> SystemUser:
    """Who this process is; a user without a name is called by its number."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return SystemUser(name, uid, os.getegid(), tuple(os.getgroups()))


def ensure_user(name: str) -> SystemUser | None:
    """The unprivileged system user to run a part as, made if need be; None unless we are root.

    Returns the named user, or one of `FALLBACKS` where it can't be made; `LookupError` when there is no
    unprivileged user at all. Safe to call from several processes at once.
    """
    if not is_root():
        return None
    for _ in range(USERADD_TRIES):
        if found := _look_up(name):
            return found
        if not _useradd(name):
            break
        time.sleep(USERADD_PAUSE_S)
    for candidate in (name, *FALLBACKS.get(name, ("nobody",))):
        if found := _look_up(candidate):
            return found
    raise LookupError(f"no unprivileged system user: neither {name} nor a fallback exists")


def is_readable_by(user: SystemUser, path: Path) -> bool:
    """Whether this user can read the path, by the permission bits of it and of every directory above it.

    For a directory "read" includes entering it. Access control lists are not looked at.
    """
    wanted = 0o5 if path.is_dir() else 0o4
    return _is_reachable(user, path, wanted)


def is_executable_by(user: SystemUser, path: Path) -> bool:
    """Whether this user can run the program at this path (read and execute), by the permission bits."""
    return _is_reachable(user, path, 0o5)


def is_enterable_by(user: SystemUser, directory: Path) -> bool:
    """Whether this user can walk through the directory, which does not mean listing it."""
    return _is_reachable(user, directory, 0o1)


def user_of(path: Path) -> SystemUser | None:
    """The unprivileged user that owns a path; None for root's and for what isn't there."""
    try:
        owner = path.stat().st_uid
        entry = pwd.getpwuid(owner)
    except (OSError, KeyError):
        return None
    return None if owner == 0 else SystemUser(entry.pw_name, owner, entry.pw_gid)


def home_of(uid: int) -> Path | None:
    """The home directory of a user of the system."""
    try:
        return Path(pwd.getpwuid(uid).pw_dir)
    except KeyError:
        return None


def interpreter_for(user: SystemUser | None) -> str | None:
    """A Python (3.11 or newer, standard library only) that this user can run; None if there is none.

    Ours when it can be reached; under a private home directory it can't, and then the system's own is taken.
    """
    if user is None or _is_usable_python(user, sys.executable):
        return sys.executable
    names = ("python3", *(f"python3.{minor}" for minor in range(15, 10, -1)))
    for name in names:
        found = shutil.which(name, path=SYSTEM_PATH)
        if found and _is_usable_python(user, found):
            return found
    return None


def _is_usable_python(user: SystemUser, python: str) -> bool:
    """Ask the interpreter itself, as that user: permission bits can't speak for its standard library."""
    if not is_executable_by(user, Path(python)):
        return False
    probe = "import ssl, json, urllib.request, sys; sys.exit(sys.version_info[:2] < (%d, %d))"
    identity: dict[str, int | Sequence[int]] = {}
    if is_root():
        identity = {"user": user.uid, "group": user.gid, "extra_groups": list(user.groups)}
    try:
        done = subprocess.run(
            [python, "-I", "-c", probe % RUNTIME_PYTHON_MIN],
            cwd="/",
            env={},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PYTHON_PROBE_TIMEOUT_S,
            check=False,
            **identity,  # type: ignore[call-overload]
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return bool(done.returncode == 0)


def _look_up(name: str) -> SystemUser | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return SystemUser(entry.pw_name, entry.pw_uid, entry.pw_gid) if entry.pw_uid != 0 else None


def _useradd(name: str) -> bool:
    """Try once; False without a useradd. A failure may be another process making the same user."""
    useradd = shutil.which("useradd", path=SYSTEM_PATH)
    if useradd is None:
        return False
    command = [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    shell = shutil.which("nologin", path=SYSTEM_PATH) or "/bin/false"
    try:
        subprocess.run(
            [*command, "--shell", shell, name],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=USERADD_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _is_reachable(user: SystemUser, path: Path, wanted: int) -> bool:
    if user.uid == 0:
        return path.exists()
    try:
        real = path.resolve(strict=True)
        return _has_bits(user, real, wanted) and all(_has_bits(user, above, 0o1) for above in real.parents)
    except OSError:
        return False


def _has_bits(user: SystemUser, path: Path, wanted: int) -> bool:
    facts = path.stat()
    mode = stat.S_IMODE(facts.st_mode)
    if facts.st_uid == user.uid:
        granted = mode >> 6
    elif facts.st_gid in {user.gid, *user.groups}:
        granted = mode >> 3
    else:
        granted = mode
    return granted & wanted == wanted
