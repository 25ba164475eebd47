"""A process that takes a file in, or releases one, and kills itself with SIGKILL at a named barrier.

Reads one JSON object from standard input: the settings as an environment, the barrier, and what to do.
"""

import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from trinity import sources
from trinity.kit import barriers
from trinity.kit.actor import Actor
from trinity.settings import load
from trinity.sources import NewArtifact
from trinity.store.database import Database


def die_at(barrier: str) -> None:
    """From now on, reaching the barrier is the end."""

    def hook(name: str) -> None:
        if name == barrier:
            os.kill(os.getpid(), signal.SIGKILL)

    barriers.install(hook)


async def main() -> None:
    """Do what is asked for; what comes after the barrier is never done."""
    asked = json.load(sys.stdin)
    settings = load(asked["environ"], cwd=Path(asked["environ"]["TRINITY_HOME"]))
    store, now = sources.open_store(settings), datetime.now(UTC)
    account_id = UUID(asked["account_id"])
    actor = Actor(account_id, "user", asked["user_id"], frozenset({"owner"}))
    assert settings.app_database_url
    die_at(asked["barrier"])
    async with Database(settings.app_database_url, name="keeper") as db, db.transaction(account_id) as tx:
        if asked["release"]:
            await sources.decide_artifact(tx, store, actor, UUID(asked["release"]), is_released=True, now=now)
        else:
            new = NewArtifact(UUID(asked["project_id"]), "killed.txt", "text/plain", b"killed", "operator")
            await sources.add_artifact(tx, store, actor, new, now)


if __name__ == "__main__":
    asyncio.run(main())
