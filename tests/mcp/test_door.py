"""The agents' door: what a lease opens, what it never opens, and how it ends."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from litestar.testing import AsyncTestClient

from tests.scripted_model import MODEL_ID, ScriptedModel, text
from tests.world import World
from trinity import agency, controls, effects, sources
from trinity.agency.queries import Run
from trinity.mcp import build_door
from trinity.modelrouter import ModelEndpoint

SECRET_TEXT = "canary: what was never released"


@dataclass
class Agent:
    """A runtime with a lease, as the door sees it."""

    world: World
    http: AsyncTestClient[Any]
    run_id: UUID
    lease: str

    async def get(self, path: str, *, lease: str | None = None) -> dict[str, Any]:
        """GET with the lease."""
        answer = await self.http.get(f"/door/v1{path}", headers=self._headers(lease))
        assert answer.status_code == 200
        return dict(answer.json())

    async def post(
        self, path: str, body: object, *, lease: str | None = None, raw: bytes | None = None
    ) -> dict[str, Any]:
        """POST with the lease; every answer is a 200."""
        headers = self._headers(lease)
        if raw is not None:
            answer = await self.http.post(f"/door/v1{path}", content=raw, headers=headers)
        else:
            answer = await self.http.post(f"/door/v1{path}", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def run(self) -> Run:
        """The run as it stands."""
        async with self.world.tx() as tx:
            return await agency.get_run(tx, self.run_id)

    def intent(self, key: str = "one", operation: str = "gmail.send", **changes: Any) -> dict[str, Any]:
        """A valid intent, with changes to its payload."""
        return {
            "operation": operation,
            "idempotency_key": key,
            "payload": self.world.mail(**changes),
            "reason": "Goal.",
        }

    def _headers(self, lease: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.lease if lease is None else lease}"}


@pytest.fixture
async def agent(world: World) -> AsyncIterator[Agent]:
    """A running run and its lease, with a model that says one thing."""
    async with world.tx() as tx:
        new = agency.NewRun(world.project_id, "Write to Ada.", "ada@customer.example", "Ada Byron")
        run_id = await agency.start_run(tx, world.owner, new, world.clock())
        await agency.begin_run(tx, run_id, world.clock())
        lease = await agency.grant_lease(tx, run_id, 300, world.clock())
    with ScriptedModel([text("hello")], is_looping=True) as model:
        endpoint = ModelEndpoint(model.base_url, "", MODEL_ID, is_sandbox=True)
        async with AsyncTestClient(build_door(world.app, endpoint, world.http)) as http:
            yield Agent(world, http, run_id, lease)


async def test_the_package_holds_released_text_only(agent: Agent) -> None:
    world = agent.world
    async with world.tx() as tx:
        for title, body in (("What we do", "We look after websites."), ("Inbound", SECRET_TEXT)):
            new = sources.NewSource(world.project_id, "inbound_mail", title, body)
            made = await sources.add_source(tx, world.owner, new, world.clock())
            if title == "What we do":
                await sources.decide_release(tx, world.owner, made, is_released=True, now=world.clock())
    package = (await agent.get("/package"))["package"]
    assert [one["title"] for one in package["sources"]] == ["What we do"]
    assert set(package["withheld"][0]) == {"id", "origin", "bytes", "at"}
    assert "canary" not in str(package)
    assert "Inbound" not in str(package), "a title is content, too"
    assert (await agent.run()).package_sha256


@pytest.mark.parametrize("lease", ["", "nonsense", "x" * 500])
async def test_an_unknown_lease_opens_nothing(agent: Agent, lease: str) -> None:
    assert (await agent.get("/package", lease=lease))["code"] == "lease_revoked"
    for path in ("/plan", "/drafts", "/intents", "/events", "/finish", "/artifact-requests", "/chat/completions"):
        assert (await agent.post(path, {}, lease=lease))["ok"] is False


@pytest.mark.parametrize(
    ("ending", "code"), [("revoke", "lease_revoked"), ("expire", "lease_expired"), ("stop", "run_stopped")]
)
async def test_a_lease_ends_at_once_everywhere(agent: Agent, ending: str, code: str) -> None:
    world = agent.world
    if ending == "expire":
        world.clock.sleep(301)
    else:
        async with world.tx() as tx:
            if ending == "revoke":
                await agency.revoke_leases(tx, agent.run_id, world.clock())
            else:
                await agency.stop_run(tx, world.owner, agent.run_id, world.clock())
    assert (await agent.get("/package"))["code"] == code
    assert (await agent.post("/plan", {"steps": ["one"]}))["code"] == code
    assert (await agent.post("/intents", agent.intent()))["code"] == code
    assert (await agent.post("/chat/completions", {"messages": []}))["code"] == code
    async with world.tx() as tx:
        assert await effects.list_tool_calls(tx, run_id=agent.run_id) == []


async def test_a_run_plans_drafts_asks_and_proposes(agent: Agent) -> None:
    assert await agent.post("/plan", {"steps": ["Read.", "Write."]}) == {"ok": True}
    assert (await agent.post("/drafts", {"title": "A mail", "text": "Dear Ada"}))["draft_id"]
    assert await agent.post("/artifact-requests", {"title": "Logo", "reason": "For the footer."}) == {"ok": True}
    assert await agent.post("/events", {"text": "Almost done."}) == {"ok": True}
    made = await agent.post("/intents", agent.intent())
    assert made["state"] == "proposed"
    assert await agent.post("/intents", agent.intent()) == made, "the same key and content: the first one"
    assert (await agent.post("/intents", agent.intent(text="Other.")))["code"] == "conflict"
    assert await agent.post("/finish", {"outcome": "completed", "summary": "Proposed."}) == {"ok": True}
    assert (await agent.run()).state == "waiting"
    async with agent.world.tx() as tx:
        kinds = [event.kind for event in await agency.list_run_events(tx, agent.run_id)]
    assert kinds == ["started", "plan", "draft", "artifact_request", "note", "intent", "waiting"]
    assert (await agent.get("/package"))["code"] == "lease_revoked", "the lease ends with the run"


async def test_an_agent_proposes_only_in_its_own_project(agent: Agent) -> None:
    body = agent.intent() | {"project_id": str(agent.world.account_id)}
    assert (await agent.post("/intents", body))["code"] == "invalid", "there is no such field to say"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"operation": "stripe.payment_link"}, "denied"),
        ({"operation": "posture.loosen"}, "denied"),
        ({"idempotency_key": ""}, "invalid"),
        ({"idempotency_key": "a b"}, "invalid"),
        ({"payload": []}, "invalid"),
        ({"payload": {}}, "invalid"),
        ({"extra": 1}, "invalid"),
    ],
)
async def test_what_is_not_registered_or_not_valid_is_told_apart(
    agent: Agent, changes: dict[str, Any], code: str
) -> None:
    assert (await agent.post("/intents", agent.intent() | changes))["code"] == code
    async with agent.world.tx() as tx:
        assert await effects.list_tool_calls(tx, run_id=agent.run_id) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b'{"steps": ["a"], "steps": ["b"]}',
        b'{"steps": [1.5]}',
        b'{"steps": [NaN]}',
        b"\xff\xfe",
        b'{"steps": ["\\ud800"]}',
        b"[" * 5_000,
    ],
)
async def test_bad_bodies_are_answered(agent: Agent, raw: bytes) -> None:
    for path in ("/plan", "/intents", "/drafts", "/events", "/finish"):
        assert (await agent.post(path, None, raw=raw))["code"] == "invalid"
    assert (await agent.post("/chat/completions", None, raw=raw))["ok"] is False
    assert (await agent.run()).state == "running"


async def test_a_run_says_only_so_much(agent: Agent) -> None:
    world = agent.world
    async with world.tx() as tx:
        for number in range(500 - 1):
            await agency.record_event(tx, agent.run_id, "note", {"text": str(number)}, world.clock())
    assert (await agent.post("/events", {"text": "one more"}))["code"] == "quota"


async def test_the_model_is_asked_with_our_key_and_our_model(agent: Agent) -> None:
    body = {"model": "another", "messages": [{"role": "user", "content": "hi"}]}
    answer = await agent.post("/chat/completions", body)
    assert answer["choices"][0]["message"]["content"] == "hello"
    assert (await agent.post("/chat/completions", body | {"stream": True}))["ok"] is False


async def test_a_tighter_posture_does_not_keep_an_agent_from_proposing(agent: Agent) -> None:
    world = agent.world
    async with world.tx() as tx:
        await controls.tighten(tx, world.owner, "hold", "A test.", world.clock())
    assert (await agent.post("/intents", agent.intent()))["state"] == "proposed"


async def told(agent: Agent, text: str = "We look after websites.", contact_id: UUID | None = None) -> UUID:
    """A released source of the project."""
    async with agent.world.tx() as tx:
        new = sources.NewSource(agent.world.project_id, "operator", "Brief", text, contact_id)
        made = await sources.add_source(tx, agent.world.owner, new, agent.world.clock())
        await sources.decide_release(tx, agent.world.owner, made, is_released=True, now=agent.world.clock())
    return made


async def test_a_plan_is_followed_step_by_step(agent: Agent) -> None:
    assert (await agent.post("/steps", {"step": 1, "state": "started"}))["code"] == "invalid", "there is no plan"
    await agent.post("/plan", {"steps": ["Read.", "Write."]})
    for step, state in ((1, "started"), (1, "done"), (2, "started")):
        assert await agent.post("/steps", {"step": step, "state": state}) == {"ok": True}
    wrong: list[tuple[object, str]] = [(3, "started"), (0, "done"), (1, "undone"), (True, "done"), ("1", "done")]
    for number, said in wrong:
        assert (await agent.post("/steps", {"step": number, "state": said}))["code"] == "invalid"
    async with agent.world.tx() as tx:
        found = await agency.read_progress(tx, agent.run_id)
    assert [(one.title, one.state) for one in found.steps] == [("Read.", "done"), ("Write.", "started")]
    await agent.post("/plan", {"steps": ["Begin anew."]})
    async with agent.world.tx() as tx:
        assert [one.state for one in (await agency.read_progress(tx, agent.run_id)).steps] == ["open"]


async def test_an_agent_uses_only_what_it_was_told_and_may_still_read(agent: Agent) -> None:
    used = await told(agent)
    assert (await agent.post("/sources-used", {"source_id": str(used)}))["code"] == "denied", "it has asked for nothing"
    await agent.get("/package")
    later = await told(agent, "Released after the package.")
    assert await agent.post("/sources-used", {"source_id": str(used)}) == {"ok": True}
    assert await agent.post("/sources-used", {"source_id": str(used)}) == {"ok": True}
    for other, code in ((str(later), "denied"), (str(agent.world.project_id), "denied"), ("nonsense", "invalid")):
        assert (await agent.post("/sources-used", {"source_id": other}))["code"] == code
    world = agent.world
    world.tamper("update sources set release_state = 'rejected' where id = %(id)s", id=used)
    assert (await agent.post("/sources-used", {"source_id": str(used)}))["code"] == "denied", "it was taken back"
    async with world.tx() as tx:
        events = await agency.list_run_events(tx, agent.run_id)
        assert (await agency.read_progress(tx, agent.run_id)).sources_used == (used,)
    assert [event.kind for event in events].count("source_used") == 1


async def test_the_same_draft_is_kept_once(agent: Agent) -> None:
    first = await agent.post("/drafts", {"title": "A mail", "text": "Dear Ada"})
    assert await agent.post("/drafts", {"title": "A mail", "text": "Dear Ada"}) == first
    assert (await agent.post("/drafts", {"title": "A mail", "text": "Dear Eve"})) != first


async def test_a_draft_is_made_into_files_that_a_person_has_to_release(agent: Agent) -> None:
    draft = await agent.post("/drafts", {"title": "Report: Website check", "text": "## First\n\nIt is slow.\n"})
    made = await agent.post("/reports", {"draft_id": draft["draft_id"]})
    assert [one["media_type"] for one in made["artifacts"]] == ["text/html", "application/pdf"]
    assert await agent.post("/reports", {"draft_id": draft["draft_id"]}) == made, "the same draft, the same files"
    async with agent.world.tx() as tx:
        ids = (await agency.read_progress(tx, agent.run_id)).artifact_ids
        files = [await sources.get_artifact(tx, one) for one in ids]
        events = await agency.list_run_events(tx, agent.run_id)
    assert [str(one) for one in ids] == [one["id"] for one in made["artifacts"]]
    assert {(one.release_state, one.origin, one.run_id) for one in files} == {("quarantined", "agent", agent.run_id)}
    assert [event.kind for event in events].count("report") == 1
    for other, code in ((str(agent.run_id), "denied"), ("nonsense", "invalid")):
        assert (await agent.post("/reports", {"draft_id": other}))["code"] == code
