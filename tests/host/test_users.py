"""Who we can become and what they can reach, compared with what the kernel lets them do."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.postgres import private_directory
from trinity import host
from trinity.host import users

needs_root = pytest.mark.skipif(not host.is_root(), reason="only root changes to another user")


@pytest.fixture
def agent() -> host.SystemUser:
    made = host.ensure_user(host.AGENT_USER)
    assert made is not None
    return made


@needs_root
def test_the_users_are_made_once_and_have_no_power() -> None:
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(host.ensure_user, [host.AGENT_USER, host.POSTGRES_USER] * 4))
    assert {user.name for user in found if user} == {host.AGENT_USER, host.POSTGRES_USER}
    assert len({user.uid for user in found if user}) == 2
    assert all(user and user.uid > 0 and user.gid > 0 for user in found)


def test_without_root_there_is_nobody_to_become(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert host.ensure_user(host.AGENT_USER) is None
    assert host.current_user().uid == 12345
    with pytest.raises(PermissionError, match="only root"):
        host.child_command(["/bin/true"], host.Confinement(user=host.SystemUser("x", 1, 1)), {})


@needs_root
def test_where_no_user_can_be_made_one_that_exists_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "_useradd", lambda name: False)
    monkeypatch.setitem(users.FALLBACKS, "trinity-unheard-of", ("nobody",))
    found = host.ensure_user("trinity-unheard-of")
    assert found is not None
    assert found.name == "nobody"
    monkeypatch.setitem(users.FALLBACKS, "trinity-unheard-of", ("root", "no-such-user"))
    with pytest.raises(LookupError, match="trinity-unheard-of"):
        host.ensure_user("trinity-unheard-of")


def kernel_lets(user: host.SystemUser, test: str, path: Path) -> bool:
    done = subprocess.run(
        ["/usr/bin/test", test, str(path)], user=user.uid, group=user.gid, extra_groups=list(user.groups), cwd="/"
    )
    return done.returncode == 0


@needs_root
@pytest.mark.parametrize("above", [0o700, 0o711, 0o755, 0o750])
@pytest.mark.parametrize("mode", [0o000, 0o600, 0o640, 0o644, 0o755, 0o711, 0o077, 0o407])
@pytest.mark.parametrize("owner", ["root", "agent", "group"])
def test_reachability_is_what_the_kernel_says(agent: host.SystemUser, above: int, mode: int, owner: str) -> None:
    with private_directory() as directory:
        inner = directory / "inner"
        inner.mkdir()
        file = inner / "file"
        file.write_text("text")
        if owner == "agent":
            os.chown(file, agent.uid, 0)
        if owner == "group":
            os.chown(file, 0, agent.gid)
            os.chown(inner, 0, agent.gid)
        file.chmod(mode)
        inner.chmod(above)
        assert host.is_readable_by(agent, file) == kernel_lets(agent, "-r", file)
        both = kernel_lets(agent, "-r", file) and kernel_lets(agent, "-x", file)
        assert host.is_executable_by(agent, file) == both
        assert host.is_enterable_by(agent, inner) == kernel_lets(agent, "-x", inner)


def test_what_is_not_there_is_not_reachable() -> None:
    user = host.SystemUser("somebody", 54321, 54321)
    assert not host.is_readable_by(user, Path("/no/such/path"))
    assert host.user_of(Path("/no/such/path")) is None
    assert host.user_of(Path("/")) is None


@needs_root
def test_the_owner_of_a_path_is_found(agent: host.SystemUser) -> None:
    with private_directory() as directory:
        os.chown(directory, agent.uid, agent.gid)
        assert host.user_of(directory) == agent


def test_our_own_interpreter_serves_ourselves() -> None:
    assert host.interpreter_for(None) == sys.executable


@needs_root
def test_another_user_gets_an_interpreter_that_it_can_run(agent: host.SystemUser) -> None:
    python = host.interpreter_for(agent)
    assert python is not None
    done = subprocess.run([python, "-I", "-c", "import ssl"], user=agent.uid, group=agent.gid, extra_groups=[], cwd="/")
    assert done.returncode == 0
