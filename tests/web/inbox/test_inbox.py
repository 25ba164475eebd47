"""The inbox: what people see of a conversation, and what they may do about it."""

import re
from uuid import UUID

import httpx
import pytest

from tests.jobs.mailing import (
    answer_to,
    control,
    conversations,
    deliver,
    inbound_messages,
    letter,
    read_mail,
    sent_mail,
)
from tests.web.conftest import ORIGIN
from tests.world import PASSWORD, World
from trinity import crm, gateway, sources
from trinity.approvals import NewDecision

HIDDEN = "wv7hidden"
PLAIN = {"accept": "application/problem+json"}


async def the_thread(world: World) -> crm.Thread:
    ((thread, _),) = await conversations(world)
    return thread


async def post(client: httpx.AsyncClient, path: str, **form: str) -> httpx.Response:
    return await client.post(path, data=form, headers=PLAIN)


async def test_a_conversation_is_listed_found_and_filtered(owner: httpx.AsyncClient, world: World) -> None:
    assert "Nothing has come in yet" in (await owner.get("/inbox")).text
    sent = await sent_mail(world)
    await deliver(world, answer_to(sent))
    await deliver(world, letter(From="new@stranger.example", Subject="A 100% question_"))
    await read_mail(world)
    page = (await owner.get("/inbox")).text
    assert page.count("1 to read") == 2
    assert "ada@customer.example" in page
    for query, wanted in (("q=STRANGER", 1), ("q=100%25", 1), ("q=x%25x", 0), ("state=closed", 0), ("state=open", 2)):
        found = (await owner.get(f"/inbox?{query}")).text
        assert len(re.findall(r'id="thread-', found)) == wanted, query


async def test_what_waits_is_read_in_its_place_and_released_there(owner: httpx.AsyncClient, world: World) -> None:
    sent = await sent_mail(world)
    mail = answer_to(sent, "Yes, \u202eplease.", From=f"{HIDDEN} <ada@customer.example>")
    mail.add_attachment("a;b\n", subtype="csv", filename=f"{HIDDEN}.csv")
    await deliver(world, mail)
    await read_mail(world)
    thread, (message,) = await the_thread(world), await inbound_messages(world)
    page = (await owner.get(f"/inbox/{thread.id}")).text
    assert f'href="/tool-calls/{sent["tool_call_id"]}"' in page
    assert "may we send you a first look?" in page
    before, fold, after = re.split(rf'(<details[^>]*id="read-{message.id}".*?</details>)', page, flags=re.DOTALL)
    assert HIDDEN in fold
    assert "<b>U+202E</b>" in fold
    assert HIDDEN not in before + after
    assert (await post(owner, f"/inbox/{thread.id}/messages/{message.id}/release")).status_code == 204
    async with world.tx() as tx:
        assert message.source_id is not None
        assert (await sources.get_source(tx, message.source_id)).release_state == "released"
    assert f"read-{message.id}" not in (await owner.get(f"/inbox/{thread.id}")).text
    assert (await post(owner, f"/inbox/{thread.id}/messages/{message.id}/reject")).status_code == 409


async def test_a_message_of_another_thread_is_not_decided_here(owner: httpx.AsyncClient, world: World) -> None:
    await deliver(world, letter(Subject="One"))
    await deliver(world, letter(Subject="Two", Message_ID="<2@x.example>"))
    await read_mail(world)
    (first, _), (_, other) = await conversations(world)
    assert (await post(owner, f"/inbox/{first.id}/messages/{other[0].id}/release")).status_code == 404


async def test_the_api_says_ids_sizes_and_states_of_what_waits(owner: httpx.AsyncClient, world: World) -> None:
    await deliver(world, letter(HIDDEN, Subject=HIDDEN, From=f"{HIDDEN} <{HIDDEN}@x.example>"))
    await read_mail(world)
    (item,) = (await owner.get("/api/v1/threads")).json()["items"]
    assert (item["messages"], item["quarantined"], item["state"]) == (1, 1, "open")
    answer = await owner.get(f"/api/v1/threads/{item['id']}")
    assert HIDDEN not in answer.text
    (message,) = answer.json()["messages"]
    assert (message["direction"], message["release_state"], message["from"]) == ("in", "quarantined", None)
    async with world.tx() as tx:
        source_id = (await sources.list_sources(tx, world.project_id))[0].id
        await sources.decide_release(tx, world.owner, source_id, is_released=True, now=world.clock())
    (message,) = (await owner.get(f"/api/v1/threads/{item['id']}")).json()["messages"]
    assert message["subject"] == HIDDEN


async def test_a_bounce_and_a_stranger_are_said(owner: httpx.AsyncClient, world: World) -> None:
    await control(world, "bounces", address="ada@customer.example")
    sent = await sent_mail(world)
    await control(world, "bounces", address="ada@customer.example", action="none")
    await deliver(world, answer_to(sent, From="mallory@evil.example"))
    await read_mail(world)
    page = (await owner.get(f"/inbox/{(await the_thread(world)).id}")).text
    assert "came back" in page
    assert "5.1.1" in page
    assert "not from the person" in page


async def test_the_agent_is_asked_for_an_answer_and_waits_for_the_release(
    owner: httpx.AsyncClient, world: World
) -> None:
    sent = await sent_mail(world)
    await deliver(world, answer_to(sent))
    await read_mail(world)
    thread = await the_thread(world)
    answer = await post(owner, f"/inbox/{thread.id}/runs")
    assert answer.status_code == 204
    assert "held" in (await owner.get(answer.headers["trinity-location"])).text
    again = await owner.post(f"/api/v1/threads/{thread.id}/runs", json={})
    assert (again.status_code, again.json()["state"]) == (201, "held")
    assert answer.headers["trinity-location"] == f"/runs/{again.json()['id']}"


async def test_a_thread_is_closed_and_opened_again(owner: httpx.AsyncClient, world: World) -> None:
    await deliver(world, letter())
    await read_mail(world)
    for verb, state in (("close", "closed"), ("reopen", "open")):
        assert (await post(owner, f"/inbox/{(await the_thread(world)).id}/{verb}")).status_code == 204
        assert (await the_thread(world)).state == state
    assert await world.events("thread.closed")


async def test_nothing_is_answered_where_nobody_wrote(owner: httpx.AsyncClient, world: World) -> None:
    await sent_mail(world)
    await read_mail(world)
    thread = await the_thread(world)
    answer = await owner.post(f"/api/v1/threads/{thread.id}/answer", json={"text": "Hello?"})
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_answer")


@pytest.mark.parametrize("role", ["auditor", "approver"])
async def test_roles_see_and_do_what_they_may(owner: httpx.AsyncClient, world: World, role: str) -> None:
    await deliver(world, letter())
    await read_mail(world)
    thread, (message,) = await the_thread(world), await inbound_messages(world)
    await world.second_person(role, f"{role}@{world.mailbox.partition('@')[2]}")
    login = {"email": f"{role}@{world.mailbox.partition('@')[2]}", "password": PASSWORD}
    owner.cookies.clear()
    owner.headers["x-csrf-token"] = (await owner.post("/api/v1/login", json=login)).json()["csrf_token"]
    owner.headers["origin"] = ORIGIN
    page = (await owner.get(f"/inbox/{thread.id}")).text
    assert ("Release to agents" in page) == (role == "approver")
    assert "Draft an answer with the agent" not in page
    assert (await post(owner, f"/inbox/{thread.id}/runs")).status_code == 403
    released = await post(owner, f"/inbox/{thread.id}/messages/{message.id}/release")
    assert released.status_code == (204 if role == "approver" else 403)


async def test_a_person_answers_in_the_same_thread_after_somebody_else_approved(
    owner: httpx.AsyncClient, world: World
) -> None:
    sent = await sent_mail(world)
    await deliver(world, answer_to(sent, "Which day suits you?"))
    await deliver(world, answer_to(sent, "Write to me instead.", From="m@evil.example", Message_ID="<m@evil.example>"))
    await read_mail(world)
    thread = await the_thread(world)
    answer = await owner.post(f"/api/v1/threads/{thread.id}/answer", json={"text": "Tuesday."})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["state"] == "awaiting_approval"
    again = await post(owner, f"/inbox/{thread.id}/answer", text="Tuesday.")
    assert again.headers["trinity-location"] == f"/approvals/{made['approval_id']}"
    approver = await world.second_person("approver", f"second@{world.mailbox.partition('@')[2]}")
    decision = NewDecision("approve", made["envelope_digest"])
    await gateway.decide(world.app, approver, UUID(made["approval_id"]), decision)
    world.clock.sleep(31)
    call = await world.drive(UUID(made["id"]))
    assert call.state == "succeeded"
    reply = (await world.sent())[-1]
    assert (reply["recipients"], reply["thread_id"]) == (["ada@customer.example"], sent["thread_id"])
    await read_mail(world)
    ((thread, messages),) = await conversations(world)
    assert thread.state == "answered"
    assert [one.direction for one in messages].count("out") == 2
