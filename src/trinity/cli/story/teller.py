"""What the chapters of the story share: steps with their times, waiting, demanding, and what the story led to."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from trinity.errors import Refused, TrinityError

WAIT_S = 60.0
POLL_S = 0.1
PACKET = "packet.json"


class StoryBroken(TrinityError):
    """Something in the story is not as it must be."""

    code = "story_broken"


@dataclass(slots=True)
class Teller:
    """The steps told so far, and what they led to."""

    home: Path
    say: Callable[[str], None]
    has_faults: bool
    steps: list[dict[str, object]] = field(default_factory=list)
    order_id: str | None = None
    run_id: str | None = None
    calls: list[str] = field(default_factory=list)
    effects: dict[str, int] = field(default_factory=dict)
    proof_state: str = "missing"
    is_verified: bool = False

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Tell one step, with its time, and whether it went well."""
        begun = time.monotonic()
        is_ok = False
        try:
            yield
            is_ok = True
        finally:
            ms = round((time.monotonic() - begun) * 1000)
            self.steps.append({"name": name, "ok": is_ok, "ms": ms})
            self.say(f"  {'✓' if is_ok else '✗'} {name}  ({ms} ms)")

    def summary(self, database: str) -> dict[str, object]:
        """What `demo --json` writes."""
        return {
            "ok": self.is_verified and all(step["ok"] for step in self.steps),
            "steps": self.steps,
            "order_id": self.order_id,
            "run_id": self.run_id,
            "tool_call_ids": self.calls,
            "effects": self.effects,
            "proof_state": self.proof_state,
            "packet": str(self.home / PACKET),
            "database": database,
            "runtime": "embedded",
        }


async def until[T](look: Callable[[], Awaitable[T | None]], what: str) -> T:
    """Look until something is there, for a bounded time."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if (found := await look()) is not None:
            return found
        await asyncio.sleep(POLL_S)
    raise Refused("timed_out", f"Waited {WAIT_S:.0f} s for {what}.")


def demand(is_so: bool, otherwise: str) -> None:
    """The story is broken unless this holds."""
    if not is_so:
        raise StoryBroken(otherwise)
