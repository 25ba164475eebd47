"""Gmail's pushes: the mailbox's token has it looked at once, and whatever else a push says is not believed."""

import asyncio
import hashlib
import secrets
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.jobs.mailing import mailbox_id
from tests.world import World
from trinity import integrations
from trinity.integrations import webhook_key
from trinity.web.rooms.push import BODY_BYTES_MAX

PUSH = {"message": {"data": "eyJlbWFpbEFkZHJlc3MiOiJ4IiwiaGlzdG9yeUlkIjo5fQ==", "messageId": "1"}, "subscription": "s"}


async def address(world: World) -> str:
    """Where the mailbox's pushes go."""
    token = secrets.token_urlsafe(32)
    async with world.tx() as tx:
        key = webhook_key(world.settings)
        await integrations.add_webhook_secret(tx, key, await mailbox_id(world), token, world.clock())
    return f"/webhooks/gmail/{world.account_id}?token={token}"


async def jobs(world: World) -> list[dict[str, Any]]:
    async with world.tx() as tx:
        return await tx.all(
            "select args from oban_jobs where worker = 'trinity.jobs.mail.Ingest' and args ->> 'account_id' = %(a)s",
            {"a": str(world.account_id)},
        )


async def test_a_push_has_the_mailbox_looked_at_once_however_often_it_comes(
    world: World, visitor: httpx.AsyncClient
) -> None:
    url = await address(world)
    answers = [await visitor.post(url, json=PUSH) for _ in range(5)]
    assert {one.status_code for one in answers} == {200}
    assert [row["args"]["integration_id"] for row in await jobs(world)] == [str(await mailbox_id(world))]


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'{"message": {"data": "%%%"}}'])
async def test_nothing_in_it_is_read(world: World, visitor: httpx.AsyncClient, body: bytes) -> None:
    assert (await visitor.post(await address(world), content=body)).status_code == 200
    assert len(await jobs(world)) == 1


async def test_what_is_refused_leaves_a_digest_and_a_reason(world: World, visitor: httpx.AsyncClient) -> None:
    url = await address(world)
    large = b"x" * (BODY_BYTES_MAX + 50)
    tries: list[tuple[str, bytes, str]] = [
        (url[:-1], b"a", "wrong_token"),
        (url.partition("?")[0], b"b", "no_token"),
        (url.partition("?")[0] + "?token=" + "x" * 5_000, b"c", "wrong_token"),
        (url, large, "too_large"),
    ]
    answers = [await visitor.post(path, content=body) for path, body, _ in tries]
    assert {(one.status_code, one.text) for one in answers} == {(400, '{"code":"webhook_refused"}')}
    async with world.tx() as tx:
        rows = await tx.all("select provider, reason, body_sha256 from webhook_refusals order by id")
    assert [(row["provider"], row["reason"]) for row in rows] == [("gmail", reason) for *_, reason in tries]
    assert rows[0]["body_sha256"] == hashlib.sha256(b"a").hexdigest()
    assert await jobs(world) == []


async def test_an_account_that_is_none_is_refused_alike(visitor: httpx.AsyncClient) -> None:
    for account in (str(uuid4()), "nobody"):
        answer = await visitor.post(f"/webhooks/gmail/{account}?token=x", json=PUSH)
        assert (answer.status_code, answer.json()) == (400, {"code": "webhook_refused"})


async def test_a_token_that_was_retired_is_none(world: World, visitor: httpx.AsyncClient) -> None:
    url = await address(world)
    async with world.tx() as tx:
        await integrations.retire_webhook_secrets(tx, await mailbox_id(world), world.clock())
    assert (await visitor.post(url, json=PUSH)).status_code == 400


async def test_pushes_at_once_all_get_an_answer(world: World, visitor: httpx.AsyncClient) -> None:
    url = await address(world)
    answers = await asyncio.gather(*(visitor.post(url, json=PUSH) for _ in range(10)))
    assert {one.status_code for one in answers} == {200}
    assert len(await jobs(world)) >= 1
