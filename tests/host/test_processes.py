"""Processes are known by where they stand."""

import socket
import subprocess

from tests.postgres import private_directory
from trinity import host


def test_processes_are_found_by_directory_and_the_dead_are_not() -> None:
    with private_directory() as directory:
        link = directory.with_name(directory.name + "-link")
        link.symlink_to(directory)
        try:
            assert host.processes_in(directory) == frozenset()
            child = subprocess.Popen(["/bin/sleep", "60"], cwd=directory)
            assert host.processes_in(directory) == {child.pid}
            assert host.processes_in(link) == {child.pid}
            child.kill()
            child.wait()
            assert host.processes_in(directory) == frozenset()
        finally:
            link.unlink()
    assert host.processes_in(directory) == frozenset()


def test_a_free_port_can_be_bound() -> None:
    with socket.create_server(("127.0.0.1", host.free_port())) as server:
        assert server.getsockname()[1] > 0
