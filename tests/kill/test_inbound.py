"""The executor is killed while it takes mail in: each mail is there exactly once afterwards, with its file."""

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.jobs.mailing import control, deliver, inbound_messages, letter, mailbox_id
from tests.kill.rig import WAIT_S, Lane, Point, Zygote, lane
from tests.postgres import TestServer
from tests.world import stand_in
from trinity import integrations, sources
from trinity.host import free_port
from trinity.integrations import webhook_key
from trinity.jobs.inbound import ingest_job

pytestmark = pytest.mark.kill

AT_ONCE = 3
TOPIC = "projects/agency/topics/mail"
POINTS = [
    Point("ingest.before_commit"),
    Point("ingest.before_commit", AT_ONCE),
    Point("ingest.after_commit"),
    Point("ingest.after_commit", AT_ONCE),
    Point("artifact.after_object", 2),
]


async def test_every_kill_while_mail_is_taken_in_leaves_each_mail_once(
    migrated_server: TestServer, forks: Zygote, tmp_path: Path
) -> None:
    with stand_in("gmail", tmp_path / "gmail") as gmail_url, migrated_server.migrated_database() as url:
        async with lane(url, gmail_url, tmp_path / "lane", forks, "Inbound") as one:
            await one.start("executor")
            for round_number, point in enumerate(POINTS, 1):
                one.arm(point)
                for number in range(AT_ONCE):
                    mail = letter(Message_ID=f"<{round_number}.{number}@customer.example>")
                    mail.add_attachment(f"{round_number};{number}\n", subtype="csv", filename=f"{number}.csv")
                    await deliver(one.world, mail)
                await look(one)
                await one.struck("executor")
                await one.start("executor")
                await all_in(one, round_number * AT_ONCE)
            assert one.kills == len(POINTS)


async def test_a_push_has_the_mail_read_by_way_of_the_web_server(
    migrated_server: TestServer, forks: Zygote, tmp_path: Path
) -> None:
    """Gmail's watch, Pub/Sub's push (three times), our door, the executor: the mail is there, once."""
    port, token = free_port(), "a-token-of-the-tests"
    base_url = f"http://127.0.0.1:{port}"
    more = {"TRINITY_BIND": f"127.0.0.1:{port}", "TRINITY_BASE_URL": base_url, "GMAIL_TOPIC": TOPIC}
    with stand_in("gmail", tmp_path / "gmail") as gmail_url, migrated_server.migrated_database() as url:
        async with lane(url, gmail_url, tmp_path / "lane", forks, "Pushed", **more) as one:
            world = one.world
            async with world.tx() as tx:
                key = webhook_key(world.settings)
                await integrations.add_webhook_secret(tx, key, await mailbox_id(world), token, world.clock())
            push_url = f"{base_url}/webhooks/gmail/{world.account_id}?token={token}"
            await control(world, "topics", topic=TOPIC, push_url=push_url, copies=3)
            for role in ("web", "executor"):
                await one.start(role)
            await watched(one)
            await deliver(world, letter())
            await in_time(one, 1)
            assert len(await inbound_messages(world)) == 1
            pushes = (await world.http.get(f"{gmail_url}/_sandbox/pushes")).json()["pushes"]
            assert {(push["state"], push["status"]) for push in pushes} == {("delivered", 200)}


async def look(one: Lane) -> None:
    """Have the mailbox read twice at once."""
    async with one.world.tx() as tx:
        for _ in range(2):
            await tx.enqueue(ingest_job(one.world.account_id, await mailbox_id(one.world)))


async def all_in(one: Lane, count: int) -> None:
    """Wait for so many mails, then hold that none came twice and none lost its file."""
    await in_time(one, count)
    found = await inbound_messages(one.world)
    assert Counter(message.provider_message_id for message in found).most_common(1)[0][1] == 1
    assert len(found) == count
    async with one.world.tx() as tx:
        texts = await sources.list_sources(tx, one.world.project_id)
        files = await sources.list_artifacts(tx, project_id=one.world.project_id)
    assert (len(texts), len(files)) == (count, count)
    assert sorted(one for message in found for one in message.facts["artifact_ids"]) == sorted(str(f.id) for f in files)


async def watched(one: Lane) -> None:
    """Wait for the watch that an executor begins when it starts."""
    deadline = time.monotonic() + WAIT_S
    while not await one.world.events("mailbox.watched"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def in_time(one: Lane, count: int) -> None:
    """Wait for so many mails."""
    deadline = time.monotonic() + WAIT_S
    while len(await inbound_messages(one.world)) < count and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
