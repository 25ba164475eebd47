"""Pages and API on the real contexts: a real database, the real gateway, the Gmail stand-in."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from tests.web.conftest import ORIGIN, Client
from tests.world import PASSWORD, World, make_world, stand_in
from trinity import accounts, agency, crm, gateway, sources
from trinity.gateway import Proposal
from trinity.kit.actor import Actor
from trinity.web.app import build_app
from trinity.web.config import WebConfig
from trinity.web.context_desk import ContextDesk
from trinity.web.live import Hub

API = "/api/v1"


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """An account with a mailbox at a stand-in."""
    with stand_in("gmail", tmp_path / "gmail") as gmail_url:
        async with make_world(database_url, gmail_url, tmp_path) as made:
            yield made


@pytest.fixture
async def person(world: World) -> AsyncIterator[Client]:
    """The account's owner, signed in through the API."""
    config = WebConfig(ORIGIN, b"k" * 32, world.gmail_url)
    app = build_app(config, ContextDesk(world.app, None), Hub(None), house=world.app, clock=world.clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(cast(Any, app)), base_url=ORIGIN) as client:
        await sign_in(client, "owner@northwind.example")
        yield client


async def sign_in(client: Client, email: str) -> None:
    answer = await client.post(f"{API}/login", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    client.headers["x-csrf-token"] = answer.json()["csrf_token"]


async def card_of(person: Client) -> dict[str, Any]:
    items = (await person.get(f"{API}/approvals?state=pending")).json()["items"]
    return dict((await person.get(f"{API}/approvals/{items[0]['id']}")).json())


async def test_a_mail_is_read_approved_sent_and_shown(world: World, person: Client) -> None:
    made = await world.propose()
    card = await card_of(person)
    assert card["mail"]["to"] == ["Ada Byron <ada@customer.example>"]
    assert card["mail"]["from"] == "Northwind <hello@northwind.example>"
    assert "may we send you a first look?" in card["mail"]["alternatives"][0]["source"]
    assert card["tool_call"]["mode"] == "sandbox"
    answer = await person.post(
        f"{API}/approvals/{card['id']}/decisions",
        json={"decision": "approve", "envelope_digest": card["envelope_digest"], "reason": "Fine."},
    )
    assert (answer.status_code, answer.json()["state"]) == (201, "approved")
    assert answer.json()["decisions"][0]["by"] == "Robin Owner"
    world.clock.sleep(31)
    await world.advance(made.tool_call_id)
    call = (await person.get(f"{API}/tool-calls/{made.tool_call_id}")).json()
    assert call["state"] == "succeeded"
    assert [attempt["step"] for attempt in call["attempts"]] == ["drafts.create", "drafts.send"]
    assert len(await world.sent()) == 1
    for path in (f"/mail/{made.tool_call_id}", f"/tool-calls/{made.tool_call_id}", "/mail", "/", "/proof"):
        page = await person.get(path)
        assert page.status_code == 200
        assert "Your website" in page.text
    page = await person.get(f"/proof/tool-call/{made.tool_call_id}")
    assert "Proof packeted" in page.text


@pytest.mark.parametrize(
    "path",
    ["/", "/projects", "/runs", "/approvals", "/approvals?state=all", "/approvals?state=decided", "/mail", "/proof"],
)
async def test_every_list_stands_on_an_account_without_anything(person: Client, path: str) -> None:
    answer = await person.get(path)
    assert answer.status_code == 200, answer.text


async def test_the_card_says_the_same_words_and_where_values_come_from(world: World, person: Client) -> None:
    async with world.tx() as tx:
        new = agency.NewRun(world.project_id, "Write to Ada.", "ada@customer.example", "Ada Byron")
        run_id = await agency.start_run(tx, world.owner, new, world.clock())
    proposal = Proposal(
        world.project_id, "gmail.send", "k", world.mail(cc=[{"addr": "spy@evil.example"}]), run_id=run_id, reason="Why."
    )
    made = await world.reviewed(await gateway.propose(world.app, world.agent, proposal))
    page = (await person.get(f"/approvals/{made.approval_id}")).text
    assert "same words as the text" in page
    assert "entered by Robin Owner when the run was started" in page
    assert "not in anything that a person entered or released" in page
    assert page.index('id="decide-form"') < page.index("Why.")


async def test_another_digest_is_refused_with_the_contracts_code(world: World, person: Client) -> None:
    made = await world.propose()
    body = {"decision": "approve", "envelope_digest": "0" * 64}
    answer = await person.post(f"{API}/approvals/{made.approval_id}/decisions", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "digest_mismatch")


async def test_what_a_person_proposed_somebody_else_decides(world: World, person: Client) -> None:
    body = {
        "project_id": str(world.project_id),
        "provider": "gmail",
        "operation": "gmail.send",
        "idempotency_key": "mine",
        "payload": world.mail(),
    }
    first = await person.post(f"{API}/tool-calls", json=body)
    assert first.status_code == 201
    again = await person.post(f"{API}/tool-calls", json=body)
    assert (again.status_code, again.json()) == (200, first.json())
    other = await person.post(f"{API}/tool-calls", json=body | {"payload": world.mail(subject="Other")})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    made = first.json()
    decision = {"decision": "approve", "envelope_digest": made["envelope_digest"]}
    answer = await person.post(f"{API}/approvals/{made['approval_id']}/decisions", json=decision)
    assert (answer.status_code, answer.json()["code"]) == (403, "requester_cannot_approve")
    page = (await person.get(f"/approvals/{made['approval_id']}")).text
    assert "somebody else must decide" in page
    assert 'id="decide-form"' not in page


@pytest.mark.parametrize(
    ("changes", "code", "status"),
    [
        ({"operation": "gmail.burn"}, "denied", 403),
        ({"payload": {}}, "invalid_payload", 422),
        ({"idempotency_key": "white space"}, "invalid_idempotency_key", 422),
    ],
)
async def test_a_bad_proposal_has_a_code(
    world: World, person: Client, changes: dict[str, Any], code: str, status: int
) -> None:
    body = {
        "project_id": str(world.project_id),
        "provider": "gmail",
        "operation": "gmail.send",
        "idempotency_key": "k",
        "payload": world.mail(),
    }
    answer = await person.post(f"{API}/tool-calls", json=body | changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_an_edit_supersedes_and_shows_what_changed(world: World, person: Client) -> None:
    made = await world.propose()
    form = {"to": "ada@customer.example Ada Byron", "subject": "Another subject", "text": "Dear Ada, hello."}
    answer = await person.post(f"/approvals/{made.approval_id}/edit", data=form)
    assert answer.status_code == 303, answer.text
    page = (await person.get(answer.headers["location"])).text
    assert "What the edit changed" in page
    assert "Another subject" in page
    old = (await person.get(f"/approvals/{made.approval_id}")).text
    assert "An edited version took its place" in old


async def test_revoked_is_cancelled_and_nothing_leaves(world: World, person: Client) -> None:
    made = await world.propose()
    await world.approve(made)
    answer = await person.post(f"{API}/approvals/{made.approval_id}/revoke")
    assert (answer.status_code, answer.json()["state"]) == (200, "revoked")
    listed = (await person.get(f"{API}/approvals?state=revoked")).json()["items"]
    assert [(item["id"], item["state"]) for item in listed] == [(str(made.approval_id), "revoked")]
    world.clock.sleep(31)
    await world.advance(made.tool_call_id)
    assert await world.sent() == []
    assert "taken back" in (await person.get(f"/tool-calls/{made.tool_call_id}")).text.lower()


async def test_sources_runs_and_posture(world: World, person: Client) -> None:
    project = str(world.project_id)
    source = await person.post(f"{API}/sources", json={"project_id": project, "title": "T", "text": "Hidden words."})
    assert (source.status_code, source.json()["state"]) == (201, "quarantined")
    released = await person.post(f"{API}/sources/{source.json()['id']}/release")
    assert released.json()["state"] == "released"
    assert "Hidden words." in (await person.get(f"/sources/{source.json()['id']}")).text
    run = await person.post(
        f"{API}/runs", json={"project_id": project, "goal": "Do it.", "contact_addr": "a@b.example"}
    )
    assert (run.status_code, run.json()["state"]) == (201, "queued")
    assert "Do it." in (await person.get(f"/runs/{run.json()['id']}")).text
    stopped = await person.post(f"{API}/runs/{run.json()['id']}/stop")
    assert stopped.json()["state"] == "stopped"
    held = await person.put(f"{API}/posture", json={"mode": "hold", "reason": "Strange mail."})
    assert (held.status_code, held.json()) == (200, {"mode": "hold", "in_flight": []})
    assert "Strange mail." in (await person.get("/")).text
    loose = await person.put(f"{API}/posture", json={"mode": "live", "reason": "All good."})
    assert (loose.status_code, loose.json()["code"]) == (403, "loosening_needs_approval")
    kinds = [event["kind"] for event in (await person.get(f"{API}/audit-events?limit=500")).json()["items"]]
    assert {"source.added", "source.released", "run.queued", "run.stopped", "posture.set"} <= set(kinds)


async def test_a_quarantined_source_waits_on_the_first_page(world: World, person: Client) -> None:
    async with world.tx() as tx:
        new = sources.NewSource(world.project_id, "inbound_mail", "Re: your\u202e mail", "Click here.")
        await sources.add_source(tx, world.owner, new, world.clock())
    page = (await person.get("/")).text
    assert "Content in quarantine" in page
    assert "U+202E" in page


async def test_another_account_sees_nothing_of_it(
    world: World, person: Client, tmp_path: Path, database_url: str
) -> None:
    made = await world.propose()
    async with make_world(database_url, world.gmail_url, tmp_path / "b", name="Southwind") as other:
        del person.headers["x-csrf-token"]
        person.cookies.clear()
        await sign_in(person, "owner@southwind.example")
        assert other.account_id != world.account_id
        digest = {"decision": "approve", "envelope_digest": made.envelope_digest}
        for method, path, body in (
            ("GET", f"{API}/tool-calls/{made.tool_call_id}", None),
            ("GET", f"{API}/approvals/{made.approval_id}", None),
            ("GET", f"{API}/projects/{world.project_id}", None),
            ("GET", f"{API}/packets/tool-call/{made.tool_call_id}", None),
            ("POST", f"{API}/approvals/{made.approval_id}/decisions", digest),
            ("POST", f"{API}/approvals/{made.approval_id}/revoke", None),
            ("POST", f"{API}/tool-calls/{made.tool_call_id}/cancel", None),
            ("POST", f"{API}/tool-calls/{made.tool_call_id}/execute", None),
            ("GET", f"/approvals/{made.approval_id}", None),
            ("GET", f"/tool-calls/{made.tool_call_id}", None),
            ("GET", f"/proof/tool-call/{made.tool_call_id}", None),
        ):
            answer = await person.request(method, path, json=body)
            assert answer.status_code == 404, (method, path, answer.status_code, answer.text[:200])
        assert (await person.get(f"{API}/approvals")).json() == {"items": []}
    assert (await world.call(made.tool_call_id)).state == "awaiting_approval"


async def test_a_held_run_says_what_it_waits_for_and_a_rejection_ends_it(world: World, person: Client) -> None:
    async with world.tx() as tx:
        made = await crm.meet(
            tx, world.owner, crm.NewContact(world.project_id, "ada@customer.example", "Ada"), world.clock()
        )
        new = sources.NewSource(world.project_id, "inbound_mail", "A <b>question</b>", "When?", made.id)
        source_id = await sources.add_source(tx, world.owner, new, world.clock())
        project = await accounts.get_project(tx, world.project_id)
        assert project.integration_id
        mail = crm.NewMessage(
            world.project_id, project.integration_id, "t1", "m1", "in", "<m1@x>", "Question", "ada@customer.example",
            world.clock(), contact_id=made.id, source_id=source_id,
        )  # fmt: skip
        thread_id = (await crm.record_message(tx, mail, world.clock())).thread_id
        run_id = await agency.start_reply_run(tx, world.owner, thread_id, world.clock())
    page = (await person.get(f"/runs/{run_id}")).text
    assert "Held: waits for a person to release" in page and f'href="/sources/{source_id}"' in page
    assert "A &lt;b&gt;question&lt;/b&gt;" in page
    told = (await person.get(f"/api/v1/runs/{run_id}")).json()
    assert (told["state"], told["kind"], told["held_for"]["id"]) == ("held", "reply", str(source_id))
    assert "Reply" in (await person.get("/runs")).text
    answer = await person.post(f"/api/v1/sources/{source_id}/reject", json={})
    assert answer.json()["state"] == "rejected"
    await gateway.take_up_held_runs(world.app, world.account_id)
    assert (await person.get(f"/api/v1/runs/{run_id}")).json()["state"] == "stopped"


async def test_a_runs_work_is_shown_with_its_plan_sources_and_what_models_said(world: World, person: Client) -> None:
    async with world.tx() as tx:
        new = sources.NewSource(world.project_id, "operator", "Our brief", "We look after websites.")
        source_id = await sources.add_source(tx, world.owner, new, world.clock())
        await sources.decide_release(tx, world.owner, source_id, is_released=True, now=world.clock())
        outreach = agency.NewRun(world.project_id, "Write to Ada.", "ada@customer.example", "Ada Byron")
        run_id = await agency.start_run(tx, world.owner, outreach, world.clock())
        await agency.begin_run(tx, run_id, world.clock())
        run = await agency.get_run(tx, run_id)
        await agency.keep_package(tx, run_id, "ab" * 32, [source_id], world.clock())
        await agency.record_event(tx, run_id, "plan", {"steps": ["Read <it>.", "Write."]}, world.clock())
        await agency.mark_step(tx, run_id, 1, "done", world.clock())
        await agency.use_source(tx, run, source_id, world.clock())
    proposal = Proposal(world.project_id, "gmail.send", "k", world.mail(), run_id=run_id)
    made = await gateway.propose(world.app, Actor(world.account_id, "agent", str(run_id)), proposal)
    await world.judge(made, "copy_safety", "blocked")
    await world.judge(made, "qa", "failed")
    told = (await person.get(f"/api/v1/runs/{run_id}")).json()
    assert [(one["title"], one["state"]) for one in told["plan"]] == [("Read <it>.", "done"), ("Write.", "open")]
    assert [one["id"] for one in told["sources_used"]] == [str(source_id)]
    assert [(one["route"], one["outcome"], one["failure"], one["findings"]) for one in told["decisions"]] == [
        ("copy_safety", "blocked", None, ["deception"]),
        ("qa", "failed", "schema_violation", []),
    ]
    page = (await person.get(f"/runs/{run_id}")).text
    for words in ("Read &lt;it&gt;.", "Our brief", "What models decided", "It deceives.", "schema violation"):
        assert words in page
    assert "What models decided" in (await person.get(f"/tool-calls/{made.tool_call_id}")).text
