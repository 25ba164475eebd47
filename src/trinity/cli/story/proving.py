"""The proof: the packet of the whole order, judged by a process that has neither database nor network."""

import asyncio
import json
import subprocess
import sys
from collections import Counter

from trinity.cli.story.cast import Cast
from trinity.cli.story.teller import PACKET, Teller, demand, until
from trinity.settings import Settings

KEY = "log.vkey"
VERIFY_S = 30.0
EFFECTS = {"stripe.checkout_session": 1, "gmail.send": 1, "gmail.reply": 1, "stripe.refund": 1}
"""What the story did to the world for this order; each exactly once."""


async def prove(teller: Teller, cast: Cast, settings: Settings) -> None:
    """Export and verify."""
    with teller.step("a packet of the whole order is exported, and verified offline by a process of its own"):
        packet = await until(lambda: _packet(teller, cast), "the order's packet")
        (teller.home / PACKET).write_bytes(packet)
        (teller.home / KEY).write_text(f"{settings.log_verifier_key}\n")
        argv = [sys.executable, "-m", "trinity_verify", str(teller.home / PACKET), "--key", str(teller.home / KEY)]
        judged = await asyncio.to_thread(subprocess.run, argv, capture_output=True, timeout=VERIFY_S, check=False)
        teller.is_verified = judged.returncode == 0
        demand(teller.is_verified, judged.stdout.decode()[-2_000:])
        teller.proof_state = "verified"


async def _packet(teller: Teller, cast: Cast) -> bytes | None:
    """The order's newest packet, once it holds all that the story did to the world, verified."""
    packet = await cast.owner.raw(f"/packets/order/{teller.order_id}")
    calls = json.loads(packet)["body"]["tool_calls"] if packet else []
    done = [one for one in calls if one["state"] == "succeeded" and one["proof_state"] == "verified"]
    teller.effects = dict(Counter(one["operation"] for one in done))
    return packet if teller.effects == EFFECTS else None
