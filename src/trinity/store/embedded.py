"""The embedded Postgres: a real server under `TRINITY_HOME`, for one machine, without an installation.

Promises: it survives what machines do to it (kill -9, power, a half-done first start, a recycled process
number, two starts at once), it never runs as root, nobody gets in without the password (SCRAM, on a socket in a
private directory, no trusted connection of any kind), and `stop` leaves no process behind. Linux only: it
knows its processes by /proc. Elsewhere, set DATABASE_URL.

`home/postgres`          the server's place: data, socket, log, copied binaries. Where the server's own user can't
                         get there (root, home below a private directory) it is a symbolic link to the real one.
`home/postgres-secrets`  the administrator's password, 0600
`home/postgres.lock`     held while the server is started or stopped
"""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from psycopg.pq import PGconn, Ping

from trinity import host
from trinity.errors import TrinityError
from trinity.store.embedded_place import ADMIN_ROLE, Binaries, Place, PlaceError, prepare

START_TIMEOUT_S = 60.0
"""Crash recovery of a large database takes its time; a healthy start takes 0.1 s."""
STOP_TIMEOUT_S = 30.0
ORPHANS_TIMEOUT_S = 5.0
KILLED_TIMEOUT_S = 60.0
"""A killed process is gone only when the disk has answered it: on a busy disk that takes a while."""
INITDB_TIMEOUT_S = 120.0
LOCK_TIMEOUT_S = 180.0
"""Longer than another process's whole first start."""
POLL_S = 0.005
PORT_TRIES = 5
LOG_BYTES_MAX = 10_000_000
LOG_TAIL_CHARS = 2_000

SOCKET_PATH_BYTES_MAX = 107
"""The longest path that fits into sockaddr_un on Linux; a longer one makes the server listen on loopback."""
SOCKET_PORT = 5432

DEFAULT_SETTINGS: Mapping[str, str] = {
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
}

_children: dict[int, "subprocess.Popen[bytes]"] = {}
"""Servers that this process started, so that it can reap them."""


class EmbeddedServerError(TrinityError):
    """The embedded server could not be set up, started or stopped; the message says why."""

    code = "embedded_postgres"


@dataclass(frozen=True)
class EmbeddedServer:
    """The server of one home. `bin_dir` names other binaries than the ones that Trinity is installed with."""

    home: Path
    bin_dir: Path | None = None

    def start(self, settings: Mapping[str, str] | None = None, *, die_with_parent: bool = False) -> str:
        """Start the server unless it runs already, and return the administrator's URL.

        `settings` are server settings (they don't change a server that runs already). With `die_with_parent`
        the kernel asks the server to stop when the *thread* that called this ends. Raises `EmbeddedServerError`.
        """
        with self._locked():
            try:
                binaries, place = prepare(self.home, self.bin_dir)
                if not self._answers(place):
                    self._clear_away_the_dead(place)
                    place.make_directories()
                    if not place.data.exists():
                        _initialise(binaries, place, is_durable=(settings or {}).get("fsync") != "off")
                    place.check_version(binaries)
                    _launch(binaries, place, {**DEFAULT_SETTINGS, **(settings or {})}, die_with_parent)
                return _url(place)
            except (PlaceError, OSError, subprocess.SubprocessError) as error:
                raise EmbeddedServerError(f"the embedded Postgres did not start: {error}") from error

    def stop(self) -> None:
        """Stop the server if it runs; on return none of its processes is left. Connections are cut."""
        with self._locked():
            place = Place.existing(self.home)
            if place is None:
                return
            for step in (signal.SIGINT, signal.SIGQUIT):
                pid = self._running(place)
                if pid is None:
                    break
                _signal(pid, step)
                _wait_until_gone(place.data, STOP_TIMEOUT_S)
            self._clear_away_the_dead(place)

    def erase(self) -> None:
        """Danger: stop the server and delete its data, its password and its place."""
        self.stop()
        with self._locked():
            if place := Place.existing(self.home):
                place.erase()

    @property
    def is_running(self) -> bool:
        """Whether a server runs on this home's data."""
        return self.postmaster_pid() is not None

    def postmaster_pid(self) -> int | None:
        """The server's process id; None unless it runs. Never somebody else's process."""
        place = Place.existing(self.home)
        return None if place is None else self._running(place)

    @staticmethod
    def _running(place: Place) -> int | None:
        pid = place.recorded_pid()
        if pid in _children:
            _reap()
        return pid if pid is not None and pid in host.processes_in(place.data) else None

    def _answers(self, place: Place) -> bool:
        """Whether a server runs and takes connections; one that is going down is waited for."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._running(place) is not None:
            if place.is_ready() and PGconn.ping(_url(place).encode()) == Ping.OK:
                return True
            if time.monotonic() > deadline:
                raise EmbeddedServerError(f"a server runs but took no connections for {START_TIMEOUT_S:.0f} s")
            time.sleep(POLL_S)
        return False

    def _clear_away_the_dead(self, place: Place) -> None:
        """After a killed server: wait for its orphans, end those that hang, and remove what it left lying."""
        for directory in (place.data, place.unfinished):
            _wait_until_gone(directory, ORPHANS_TIMEOUT_S)
            for pid in host.processes_in(directory):
                _signal(pid, signal.SIGQUIT)
            _wait_until_gone(directory, ORPHANS_TIMEOUT_S)
            _kill_until_gone(directory, KILLED_TIMEOUT_S)
            if host.processes_in(directory):
                raise EmbeddedServerError(f"processes of an earlier server still hold {directory}")
        place.remove_leftovers()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.home / "postgres.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(descriptor)
            yield
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> None:
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise EmbeddedServerError("another process holds the embedded server's lock") from error
            time.sleep(POLL_S)


def _initialise(binaries: Binaries, place: Place, *, is_durable: bool) -> None:
    """initdb aside, then rename: `data` is whole or absent."""
    with place.password_file() as password_file:
        command = [
            str(binaries.program("initdb")),
            *("-D", str(place.unfinished), "-U", ADMIN_ROLE, "-A", "scram-sha-256"),
            *("-E", "UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-instructions"),
            f"--pwfile={password_file}",
            *(() if is_durable else ("--no-sync",)),
        ]
        env = place.child_env()
        # An initdb that outlived us would go on writing below the feet of the next start.
        confined = host.child_command(command, host.Confinement(user=place.user), env)
        done = subprocess.run(
            confined,
            cwd="/",
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=INITDB_TIMEOUT_S,
            check=False,
        )
    if done.returncode != 0:
        raise EmbeddedServerError(f"initdb failed: {done.stdout.decode(errors='replace')[-LOG_TAIL_CHARS:]}")
    place.adopt_unfinished()


def _launch(binaries: Binaries, place: Place, settings: Mapping[str, str], die_with_parent: bool) -> None:
    """Start the server and wait until it takes connections."""
    for _ in range(PORT_TRIES):
        if _launch_once(binaries, place, {**settings, **_address(place)}, die_with_parent):
            return
    raise EmbeddedServerError(f"the server ended while starting; its log says: {_log_tail(place)}")


def _launch_once(binaries: Binaries, place: Place, settings: Mapping[str, str], die_with_parent: bool) -> bool:
    if place.log.exists() and place.log.stat().st_size > LOG_BYTES_MAX:
        place.log.replace(place.log.with_suffix(".log.1"))
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    log = os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        child = host.spawn(
            [str(binaries.program("postgres")), "-D", str(place.data), *options],
            env=place.child_env(),
            confinement=host.Confinement(user=place.user, die_with_parent=signal.SIGINT if die_with_parent else None),
            stdout=log,
            stderr=log,
        )
    finally:
        os.close(log)
    _children[child.pid] = child
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            _reap()
            if settings["listen_addresses"]:
                return False
            raise EmbeddedServerError(f"the server ended while starting: {_log_tail(place)}")
        if place.recorded_pid() == child.pid and place.is_ready():
            return True
        time.sleep(POLL_S)
    _signal(child.pid, signal.SIGQUIT)
    raise EmbeddedServerError(f"the server took no connections for {START_TIMEOUT_S:.0f} s")


def _address(place: Place) -> dict[str, str]:
    """Where to listen: a socket in the private directory, or a loopback port where its path is too long."""
    path = place.sockets / f".s.PGSQL.{SOCKET_PORT}"
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX:
        return {
            "listen_addresses": "",
            "unix_socket_directories": str(place.sockets),
            "port": str(SOCKET_PORT),
        }
    return {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "port": str(host.free_port()),
    }


def _url(place: Place) -> str:
    """The administrator's URL, from what the running server says about itself."""
    address = place.recorded_address()
    who = f"{ADMIN_ROLE}:{quote(place.password(), safe='')}"
    return f"postgresql://{who}@/postgres?host={quote(address.host, safe='')}&port={address.port}"


def _wait_until_gone(directory: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while host.processes_in(directory) and time.monotonic() < deadline:
        _reap()
        time.sleep(POLL_S)
    _reap()


def _kill_until_gone(directory: Path, timeout_s: float) -> None:
    """Kill again and again: an orphaned initdb starts the next of its helpers when one of them dies."""
    deadline = time.monotonic() + timeout_s
    while (pids := host.processes_in(directory)) and time.monotonic() < deadline:
        for pid in pids:
            _signal(pid, signal.SIGKILL)
        _reap()
        time.sleep(POLL_S)
    _reap()


def _reap() -> None:
    for pid, child in list(_children.items()):
        if child.poll() is not None:
            del _children[pid]


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _log_tail(place: Place) -> str:
    try:
        return place.log.read_text(errors="replace")[-LOG_TAIL_CHARS:]
    except OSError as error:
        return str(error)
