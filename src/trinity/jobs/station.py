"""What this process's workers work with. Set once, when the process starts, since Oban makes workers itself."""

from dataclasses import dataclass
from pathlib import Path

from trinity.gateway import House, Rails
from trinity.host import SystemUser
from trinity.modelrouter import ModelRouter
from trinity.proof.keys import Signer


@dataclass(frozen=True, slots=True)
class GeneralStation:
    """The general worker: the agents' door, the runtimes, the way to models, the log key. No provider credential."""

    house: House
    door_url: str
    agent_user: SystemUser | None
    workdir: Path
    signer: Signer
    router: ModelRouter


@dataclass(frozen=True, slots=True)
class ExecutorStation:
    """The executor: the only process that unseals provider credentials."""

    rails: Rails


type Station = GeneralStation | ExecutorStation

_station: Station | None = None


def set_station(station: Station | None) -> None:
    """Say what this process is."""
    global _station
    _station = station


def general() -> GeneralStation:
    """The station, in a general worker only."""
    assert isinstance(_station, GeneralStation), "a general job on a process that is not a general worker"
    return _station


def executor() -> ExecutorStation:
    """The station, in an executor only."""
    assert isinstance(_station, ExecutorStation), "an executor's job on a process that is not an executor"
    return _station
