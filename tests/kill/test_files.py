"""A process that dies between an object and its row leaves an object that nobody needs, and no row without one."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from tests.world import World
from tests.worlds import cheap_passwords, gateway_database, gmail_dir, gmail_url, open_world, shared_gmail, world
from trinity import sources
from trinity.kit.canonical import digest_hex
from trinity.sources import NewArtifact

__all__ = ["cheap_passwords", "gateway_database", "gmail_dir", "gmail_url", "open_world", "shared_gmail", "world"]
pytestmark = pytest.mark.kill
ROOT = Path(__file__).parents[2]
DEATH_S = 60.0


def run_and_die(world: World, barrier: str, release: UUID | None = None) -> None:
    """Run the keeper up to its death."""
    asked = {
        "environ": {
            "TRINITY_HOME": str(world.settings.home),
            "TRINITY_APP_DATABASE_URL": world.settings.app_database_url,
        },
        "barrier": barrier,
        "account_id": str(world.account_id),
        "user_id": str(world.owner_id),
        "project_id": str(world.project_id),
        "release": str(release) if release else None,
    }
    argv = [sys.executable, "-m", "tests.kill.file_keeper"]
    died = subprocess.run(argv, input=json.dumps(asked), text=True, cwd=ROOT, timeout=DEATH_S, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr


async def add(world: World, data: bytes) -> UUID:
    async with world.tx() as tx:
        new = NewArtifact(world.project_id, "killed.txt", "text/plain", data, "operator")
        return await sources.add_artifact(tx, sources.open_store(world.settings), world.owner, new, world.clock())


async def states(world: World) -> list[str]:
    """The release states of all rows; each row's object must be there."""
    store = sources.open_store(world.settings)
    async with world.tx() as tx:
        found = await sources.list_artifacts(tx)
    for one in found:
        await sources.read_artifact(store, one)
    return [one.release_state for one in found]


async def test_killed_after_the_object_and_before_the_row(world: World) -> None:
    run_and_die(world, "artifact.after_object")
    store = sources.open_store(world.settings)
    assert await store.digests("quarantined") == [digest_hex(b"killed")]
    assert await states(world) == []
    await add(world, b"killed")
    assert await states(world) == ["quarantined"]
    assert await world.incidents() == []


async def test_killed_after_the_copy_and_before_the_release(world: World) -> None:
    artifact_id = await add(world, b"to be released")
    store = sources.open_store(world.settings)
    for _ in range(2):
        run_and_die(world, "artifact.after_copy", artifact_id)
        assert await store.digests("released") == [digest_hex(b"to be released")]
        assert await states(world) == ["quarantined"]
    async with world.tx() as tx:
        await sources.decide_artifact(tx, store, world.owner, artifact_id, is_released=True, now=world.clock())
        assert len(await sources.list_readable(tx, world.project_id, None)) == 1
    assert await states(world) == ["released"]
    assert await world.incidents() == []
