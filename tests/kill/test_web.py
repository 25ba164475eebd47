"""The web server and the general worker are killed around what people and agents do: nothing is lost or doubled."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from tests.kill.rig import Lane, Point, Zygote, lane, until
from tests.world import PASSWORD, stand_in
from trinity import agency
from trinity.cli.first import FirstLogin
from trinity.cli.person import Person
from trinity.host import free_port
from trinity.proof.keys import generate

pytestmark = pytest.mark.kill

ENDED_RUNS = ("waiting", "completed", "failed", "stopped")


@pytest.fixture
async def house(database_url: str, forks: Zygote, tmp_path: Path) -> AsyncIterator[Lane]:
    """A lane with every process: web, executor, general worker, both stand-ins."""
    port = free_port()
    with stand_in("gmail", tmp_path / "gmail") as gmail, stand_in("model", tmp_path / "model") as model:
        more = {
            "TRINITY_BIND": f"127.0.0.1:{port}",
            "TRINITY_BASE_URL": f"http://127.0.0.1:{port}",
            "TRINITY_LOG_KEY": generate("trinity.test/log")[0],
            "NVIDIA_BASE_URL": f"{model}/v1",
            "NVIDIA_MODEL": "embedded-rules",
        }
        async with lane(database_url, gmail, tmp_path / "lane", forks, "House", **more) as made:
            for role in ("executor", "general", "web"):
                await made.start(role)
            yield made


@pytest.mark.parametrize("barrier", ["propose.before_commit", "propose.after_commit"])
async def test_a_proposal_survives_the_web_server(house: Lane, barrier: str) -> None:
    async with _owner(house) as owner:
        await owner.sign_in()
        body = _proposal(house, "key-web")
        house.arm(Point(barrier))
        with pytest.raises(httpx.TransportError):
            await owner.post("/tool-calls", body)
        await house.struck("web")
        await house.start("web")
        made = await owner.post("/tool-calls", body)
        again = await owner.post("/tool-calls", body)
    assert made["id"] == again["id"]
    async with house.world.tx() as tx:
        assert await tx.value("select count(*) from tool_calls") == 1


@pytest.mark.parametrize("barrier", ["decide.before_commit", "decide.after_commit"])
async def test_a_decision_survives_the_web_server(house: Lane, barrier: str) -> None:
    made = await house.world.propose("key-decide")
    body = {"decision": "approve", "envelope_digest": made.envelope_digest}
    path = f"/approvals/{made.approval_id}/decisions"
    async with _owner(house) as owner:
        await owner.sign_in()
        house.arm(Point(barrier))
        with pytest.raises(httpx.TransportError):
            await owner.post(path, body)
        await house.struck("web")
        await house.start("web")
        if barrier == "decide.before_commit":
            await owner.post(path, body)
        else:
            assert await owner.refused(path, body) == "already_decided"
    assert (await house.settled(made)).state == "succeeded"
    assert len(await house.sent_with(made)) == 1


@pytest.mark.parametrize(
    "barrier",
    ["run.before_start", "run.after_start", "propose.before_commit", "propose.after_commit", "run.before_finish"],
)
async def test_a_run_survives_the_general_worker(house: Lane, barrier: str) -> None:
    house.arm(Point(barrier))
    async with house.world.tx() as tx:
        new = agency.NewRun(house.world.project_id, "Write to Ada.", "ada@customer.example", "Ada Byron")
        run_id = await agency.start_run(tx, house.world.owner, new, house.world.clock())
    await house.struck("general")
    await house.start("general")
    await _ended(house, run_id)
    async with house.world.tx() as tx:
        run = await agency.get_run(tx, run_id)
        proposed = await tx.value("select count(*) from tool_calls where run_id = %(r)s", {"r": run_id})
    assert (run.state, proposed) == ("waiting", 1)


async def _ended(house: Lane, run_id: UUID) -> None:
    state = ""

    async def look() -> None:
        nonlocal state
        while state not in ENDED_RUNS:
            async with house.world.tx() as tx:
                state = (await agency.get_run(tx, run_id)).state
            await asyncio.sleep(0.1)

    looking = asyncio.create_task(look())
    await until(looking.done, "the run to end")
    looking.result()


def _owner(house: Lane) -> Person:
    return Person(house.environ["TRINITY_BASE_URL"], FirstLogin("owner@house.example", PASSWORD))


def _proposal(house: Lane, key: str) -> dict[str, object]:
    return {
        "project_id": str(house.world.project_id),
        "provider": "gmail",
        "operation": "gmail.send",
        "idempotency_key": key,
        "payload": house.world.mail(),
    }
