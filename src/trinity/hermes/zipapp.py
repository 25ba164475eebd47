"""The embedded runtime as one file that another user can read: a zip that Python runs.

The agent's user often cannot read our installation, so the runtime's sources are packed into one archive
in a directory that everybody can read and only we can write. Its name is made of its content, so that a
killed process leaves nothing that the next one does not use again.
"""

import atexit
import hashlib
import importlib.util
import io
import os
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "trinity_runtime"
START = b"import sys\nfrom trinity_runtime.__main__ import main\nsys.exit(main())\n"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member, so that the same sources give the same bytes."""


def archive_bytes() -> bytes:
    """The runtime's archive: same sources, same bytes."""
    spec = importlib.util.find_spec(PACKAGE)
    assert spec is not None and spec.submodule_search_locations, "the runtime is part of the installation"
    sources = Path(spec.submodule_search_locations[0])
    members = {f"{PACKAGE}/{path.name}": path.read_bytes() for path in sorted(sources.glob("*.py"))}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, data in {"__main__.py": START, **members}.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data)
    return packed.getvalue()


def runtime_archive(base: Path) -> Path:
    """The path of the archive under `base`, readable by every user; written only where it is not there already.

    Looked at anew for every run, because systems clear their temporary directories while we are running.
    """
    data = archive_bytes()
    digest = hashlib.sha256(data).hexdigest()
    directory = _own_directory(base / f"trinity-runtime-{os.getuid()}-{digest[:16]}", base)
    path = directory / "runtime.pyz"
    if not path.exists() or path.read_bytes() != data:
        fresh = directory / f"runtime.{os.getpid()}.new"
        fresh.write_bytes(data)
        fresh.chmod(0o444)
        fresh.rename(path)
    return path


def _own_directory(wanted: Path, base: Path) -> Path:
    """`wanted`, if it is ours and only we can write there; a new directory otherwise."""
    try:
        wanted.mkdir(mode=0o755)
    except FileExistsError:
        facts = wanted.lstat()
        is_ours = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid() and not facts.st_mode & 0o022
        if not is_ours:
            # Somebody else made a directory of this name in a place that all can write to.
            wanted = Path(tempfile.mkdtemp(prefix="trinity-runtime-", dir=base))
            atexit.register(shutil.rmtree, wanted, ignore_errors=True)
    wanted.chmod(0o755)
    return wanted
