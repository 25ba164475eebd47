"""Which processes there are: by what they are, never by a number read from a file alone."""

import os
from pathlib import Path

PROC = Path("/proc")


def processes_in(directory: Path) -> frozenset[int]:
    """The live processes whose working directory is this one (Linux; those of other users only as root).

    Directories are compared by device and inode, so symbolic links and bind mounts do not matter, and a
    process number that was given to somebody else meanwhile is not taken for ours. Zombies do not count.
    """
    try:
        wanted = directory.stat()
    except OSError:
        return frozenset()
    return frozenset(pid for pid in _pids() if _stands_in(pid, wanted))


def _pids() -> list[int]:
    return [int(name) for name in os.listdir(PROC) if name.isdigit()]


def _stands_in(pid: int, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(PROC / str(pid) / "cwd"), wanted)
    except OSError:
        return False
