"""Every package stands on a floor of the import contract, and the contract has no floor that was torn down."""

import re
import tomllib

from tests.tidy.source import ROOT

EXPECTED_LATER = {"firewall", "__main__", "cli"}
"""Floors of the design that may be missing; the contract marks them as optional."""


def floors() -> dict[str, bool]:
    """The floors of the contract, and whether each may be missing."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = {contract["id"]: contract for contract in config["tool"]["importlinter"]["contracts"]}
    layers = contracts["floors"]
    assert layers["exhaustive"] is True
    assert layers["containers"] == ["trinity"]
    names = [name.strip() for layer in layers["layers"] for name in re.split(r"[|:]", layer)]
    return {name.strip("()"): name.startswith("(") for name in names}


def packages() -> set[str]:
    """What lies directly below `trinity`."""
    found = set()
    for path in (ROOT / "src/trinity").iterdir():
        is_package = path.is_dir() and any(path.glob("*.py"))
        is_module = path.suffix == ".py" and path.name != "__init__.py"
        if is_package or is_module:
            found.add(path.stem)
    return found


def test_every_package_has_a_floor() -> None:
    assert packages() - set(floors()) == set()


def test_every_floor_is_there_or_is_known_to_come() -> None:
    assert {name for name, is_optional in floors().items() if is_optional} <= EXPECTED_LATER
    assert {name for name, is_optional in floors().items() if not is_optional} <= packages()


def test_every_package_says_what_it_is_for() -> None:
    for name in packages():
        init = ROOT / "src/trinity" / name / "__init__.py"
        if init.parent.is_dir():
            assert init.read_text().startswith('"""'), f"{name} has no docstring"


def test_every_package_of_the_wheel_is_under_contract() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    there = {path.name for path in (ROOT / "src").iterdir() if any(path.glob("*.py"))}
    assert set(config["importlinter"]["root_packages"]) == there
    assert there <= {path.removeprefix("src/") for path in config["hatch"]["build"]["targets"]["wheel"]["packages"]}
