"""The locks: hashed, without addresses, one beneath the other, and in step with what pyproject.toml asks for."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.tidy.source import ROOT, name_of, tracked

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME, DEV = "requirements.lock", "requirements-dev.lock"


def pins(lock: str) -> dict[str, str]:
    """Names and versions of a lock."""
    found = re.findall(r"^([a-z0-9][^ =]*)==([^ ;]+)", (ROOT / lock).read_text(), re.M)
    return {canonicalize_name(name): version for name, version in found}


@pytest.mark.parametrize("lock", [RUNTIME, DEV, "tools/uv.txt"])
def test_every_line_is_hashed_and_none_says_where_from(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    hashed = re.findall(r"^[a-z0-9][^\n]*\\\n    --hash=sha256:", text, re.M)
    assert pins(lock)
    assert len(hashed) == len(pins(lock))


def test_no_lock_with_addresses_is_kept() -> None:
    assert "uv.lock" not in {name_of(path) for path in tracked()}


@pytest.mark.parametrize(
    ("lock", "asked"),
    [
        (RUNTIME, [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["build"]]),
        (DEV, [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]),
    ],
)
def test_what_is_asked_for_is_locked(lock: str, asked: list[str]) -> None:
    locked = pins(lock)
    for line in asked:
        wanted = Requirement(line)
        version = locked.get(canonicalize_name(wanted.name))
        assert version is not None, f"{wanted.name} is not in {lock}: run make lock"
        assert wanted.specifier.contains(version, prereleases=True), f"{lock} has {wanted.name} {version}"


def test_developers_run_the_versions_that_users_run() -> None:
    assert pins(RUNTIME).items() <= pins(DEV).items()


def test_only_what_has_a_reason_is_left_out() -> None:
    left_out = [line for line in (ROOT / "tools/lock-excludes.txt").read_text().split("\n") if line and line[0] != "#"]
    assert left_out == ["erlpack", "fastcore", "fastspec", "nbdev"], "each has its reason in the file"
    assert not set(left_out) & set(pins(DEV))
