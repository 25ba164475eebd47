"""The rig of the kill tests: lanes of one account each, processes that are really killed, a judge with the books.

The judge reads only what the Gmail stand-in wrote down about mails that it really sent.
"""

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.postgres import TestServer
from tests.world import Clock, World, make_world
from trinity import effects
from trinity.gateway import Proposed
from trinity.host import processes_in

TIMINGS = {
    "TRINITY_LEASE_S": "1.5",
    "TRINITY_PROVIDER_TIMEOUT_S": "2.0",
    "TRINITY_RECONCILE_MARGIN_S": "0.2",
    "TRINITY_RESCUE_AFTER_S": "0.4",
    "TRINITY_BEAT_S": "0.4",
    "TRINITY_STAGE_S": "0.2",
    "TRINITY_LEADER_S": "1.0",
    "TRINITY_RUN_TIMEOUT_S": "20",
}
MORE_STAND_INS = ("NVIDIA_BASE_URL", "STRIPE_API_BASE")
"""Settings that name another stand-in, where a lane has one."""
WAIT_S = 60.0
POLL_S = 0.03
ENDED = ("succeeded", "failed", "denied", "rejected", "expired", "cancelled")


class RealClock(Clock):
    """The clock of the processes that are killed."""

    def __call__(self) -> datetime:
        """Now."""
        return datetime.now(UTC)


@dataclass(frozen=True)
class Point:
    """The nth time that a barrier is reached, and what dies there."""

    barrier: str
    nth: int = 1
    victim: str = "self"


@dataclass
class Zygote:
    """The forking process."""

    process: subprocess.Popen[str]

    def fork(self, order: dict[str, object]) -> int:
        """Start one process of the product; returns its pid."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@contextmanager
def zygote() -> Iterator[Zygote]:
    """One zygote a session."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    argv = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("zygote.py"))]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ) as process:
        try:
            yield Zygote(process)
        finally:
            assert process.stdin
            process.stdin.close()


@dataclass
class Lane:
    """One account in one database, and the processes that serve it."""

    world: World
    environ: dict[str, str]
    home: Path
    forks: Zygote
    data_dir: Path | None = None
    server: TestServer | None = None
    pids: dict[str, int] = field(default_factory=dict)
    kills: int = 0

    @property
    def arm_path(self) -> Path:
        """The file that names the barrier."""
        return self.home / "arm.json"

    def arm(self, point: Point) -> None:
        """From now on the process that reaches this barrier strikes."""
        order = {"barrier": point.barrier, "nth": point.nth, "victim": point.victim, "data": str(self.data_dir)}
        unfinished = self.arm_path.with_suffix(".new")
        unfinished.write_text(json.dumps(order))
        unfinished.replace(self.arm_path)

    async def start(self, role: str) -> int:
        """Start one process of the product and wait until it is ready."""
        ready = self.home / f"{role}.ready"
        ready.unlink(missing_ok=True)
        order: dict[str, object] = {
            "environ": self.environ,
            "role": role,
            "ready": str(ready),
            "arm": str(self.arm_path),
        }
        self.pids[role] = self.forks.fork(order)
        await until(lambda: ready.exists() or not is_alive(self.pids[role]), f"{role} to be ready")
        return self.pids[role]

    async def struck(self, role: str) -> None:
        """Wait until the armed barrier has struck and the process is gone."""
        await until(lambda: not self.arm_path.exists(), f"the barrier: {self._armed()}")
        await until(lambda: not is_alive(self.pids[role]), f"{role} to be dead")
        self.kills += 1

    async def postgres_struck(self) -> None:
        """Wait until the armed barrier has struck and no process of PostgreSQL is left."""
        await until(lambda: not self.arm_path.exists(), f"the barrier: {self._armed()}")
        assert self.data_dir is not None
        directory = self.data_dir
        await until(lambda: not processes_in(directory), "PostgreSQL to be dead")
        self.kills += 1

    def _armed(self) -> str:
        return self.arm_path.read_text() if self.arm_path.exists() else ""

    async def settled(self, made: Proposed) -> effects.ToolCall:
        """Wait until a call has ended and, if it succeeded, was compared with the provider's record."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            async with self.world.tx() as tx:
                call = await effects.get_tool_call(tx, made.tool_call_id)
                receipts = await effects.list_receipts(tx, made.tool_call_id)
            is_verified = any(one.kind == "verification" for one in receipts)
            if call.state in ENDED and (call.state != "succeeded" or is_verified):
                return call
            await asyncio.sleep(0.1)
        raise AssertionError(f"nothing came of it: {await self.trail(made)}")

    async def trail(self, made: Proposed) -> str:
        """What is known about a call, for a failure's message."""
        async with self.world.tx() as tx:
            call = await effects.get_tool_call(tx, made.tool_call_id)
            attempts = await effects.list_attempts(tx, made.tool_call_id)
            jobs = await tx.all(
                "select state::text, attempt, errors, scheduled_at, now() from oban_jobs"
                " where args->>'tool_call_id' = %(id)s",
                {"id": str(made.tool_call_id)},
            )
        steps = [(one.act_n, one.lease_epoch, one.step, one.outcome, one.result) for one in attempts]
        return f"{call.state} looks={call.looks} {call.reasons} lease {call.lease_expires_at} steps {steps} jobs {jobs}"

    async def sent_with(self, made: Proposed) -> list[dict[str, object]]:
        """The judge: mails in the stand-in's books that carry this call's token."""
        token = await self.token(made.tool_call_id)
        return [one for one in await self.world.sent() if token in decoded(one)]

    async def drafts_with(self, made: Proposed) -> list[dict[str, object]]:
        """The judge: drafts in the stand-in's books that carry this call's token."""
        token = await self.token(made.tool_call_id)
        return [one for one in (await self.world.books())["drafts"] if token in decoded(one)]

    async def restart(self, role: str) -> None:
        """Begin again after a cell that went wrong."""
        self.arm_path.unlink(missing_ok=True)
        self.end()
        await self.start(role)

    async def token(self, call_id: UUID) -> str:
        """The operation token of a call."""
        async with self.world.tx() as tx:
            return (await effects.get_envelope(tx, call_id)).parsed().operation_token

    def end(self) -> None:
        """Kill what still runs."""
        for pid in self.pids.values():
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)


def decoded(mail: dict[str, object]) -> str:
    """A mail of the books as text."""
    return base64.b64decode(str(mail["raw_b64"])).decode("utf-8", errors="replace")


def is_alive(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def until(condition: Callable[[], bool], what: str) -> None:
    """Poll until a condition holds."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {WAIT_S} s for {what}")
        await asyncio.sleep(POLL_S)


@asynccontextmanager
async def lane(
    owner_url: str, gmail_url: str, home: Path, forks: Zygote, name: str, **more: str
) -> AsyncIterator[Lane]:
    """An account of its own, without an undo window."""
    home.mkdir(parents=True, exist_ok=True)
    environ = TIMINGS | {"TRINITY_HOME": str(home)} | more
    changes: dict[str, Any] = environ
    async with make_world(owner_url, gmail_url, home, name=name, **changes) as world:
        world.clock = RealClock()
        world.app = replace(world.app, clock=world.clock)
        async with world.tx() as tx:
            await tx.execute("update projects set undo_window_s = 0")
        settings = world.settings
        assert settings.app_database_url
        assert settings.executor_database_url
        full = environ | {
            "TRINITY_APP_DATABASE_URL": settings.app_database_url,
            "TRINITY_EXECUTOR_DATABASE_URL": settings.executor_database_url,
            "TRINITY_SECRET_KEY": (settings.secret_key or b"").hex(),
            "TRINITY_ENCRYPTION_KEY": (settings.encryption_key or b"").hex(),
            "TRINITY_SANDBOX_ENDPOINTS": ",".join(
                [gmail_url, *(more[name] for name in MORE_STAND_INS if name in more)]
            ),
            "GMAIL_API_BASE": gmail_url,
            "GOOGLE_TOKEN_URL": f"{gmail_url}/token",
        }
        made = Lane(world, full, home, forks)
        try:
            yield made
        finally:
            made.end()
