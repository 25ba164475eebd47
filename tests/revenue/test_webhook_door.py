"""The webhook's door: what is Stripe's is kept with its job and answered at once; the rest is refused and recorded."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import httpx
import pytest

from tests.revenue.shop import Json, Shop
from trinity.providers.stripe import webhook
from trinity.revenue import events

JOBS = "select count(*) as n from oban_jobs where worker = 'trinity.jobs.money.StripeEvent' and args->>'account_id' = %(account)s::text"


def event(number: int = 1) -> Json:
    about = {"id": f"cus_{number}", "object": "customer"}
    return {"id": f"evt_{number}", "object": "event", "type": "customer.created", "created": int(time.time()), "data": {"object": about}}  # fmt: skip


async def send(client: httpx.AsyncClient, path: str, body: bytes, signature: str | None) -> httpx.Response:
    headers = {"content-type": "application/json"} | ({"stripe-signature": signature} if signature else {})
    return await client.post(path, content=body, headers=headers)


async def test_a_genuine_event_is_kept_raw_with_its_job(shop: Shop, visitor: httpx.AsyncClient) -> None:
    body, signature = shop.signed(event())
    answer = await send(visitor, shop.webhook_path, body, signature)
    assert answer.status_code == 200
    [row] = shop.rows("select * from stripe_events where account_id = %(account)s")
    assert (bytes(row["raw"]), row["type"], row["object_id"], row["outcome"]) == (
        body,
        "customer.created",
        "cus_1",
        "received",
    )
    assert shop.rows(JOBS)[0]["n"] == 1


async def test_twenty_times_at_once_is_once(shop: Shop, visitor: httpx.AsyncClient) -> None:
    body, signature = shop.signed(event())
    answers = await asyncio.gather(*(send(visitor, shop.webhook_path, body, signature) for _ in range(20)))
    assert [one.status_code for one in answers] == [200] * 20
    assert (shop.count("stripe_events"), shop.rows(JOBS)[0]["n"]) == (1, 1)


async def test_every_refusal_looks_the_same_and_leaves_a_digest_and_a_reason(
    open_shop: Callable[[], Awaitable[Shop]], shop: Shop, visitor: httpx.AsyncClient
) -> None:
    other = await open_shop()
    now = time.time()
    good, signature = shop.signed(event())
    large = b"{" + b" " * (webhook.BODY_BYTES_MAX + 50)
    connect = shop.signed(event() | {"account": "acct_somebody"})
    tries = {
        "forged": (good, "t=1,v1=" + "a" * 64, "bad_signature"),
        "other secret": (*shop.signed(event(), secret="whsec_x"), "bad_signature"),
        "stale": (*shop.signed(event(), at=now - 1000), "stale"),
        "future": (*shop.signed(event(), at=now + 1000), "future_dated"),
        "altered": (good.replace(b"cus_1", b"cus_2"), signature, "bad_signature"),
        "unsigned": (good, None, "no_signature"),
        "large": (large, signature, "too_large"),
        "no event": (*shop.signed({"object": "charge"}), "not_an_event"),
        "another account": (*connect, "wrong_account"),
    }
    answers = []
    for body, header, reason in tries.values():
        answer = await send(visitor, shop.webhook_path, body, header)
        answers.append((answer.status_code, answer.text))
        [row] = shop.rows("select * from webhook_refusals where account_id = %(account)s order by id desc limit 1")
        seen = body[: webhook.BODY_BYTES_MAX + 1]
        assert (row["reason"], row["body_sha256"]) == (reason, hashlib.sha256(seen).hexdigest())
    other.secret = "whsec_of_the_other"
    for path in (f"/webhooks/stripe/{uuid4()}", "/webhooks/stripe/nonsense"):
        answer = await send(visitor, path, good, signature)
        answers.append((answer.status_code, answer.text))
    assert set(answers) == {(400, answers[0][1])}
    assert (shop.count("stripe_events"), shop.rows(JOBS)[0]["n"]) == (0, 0)
    assert shop.count("webhook_refusals") == len(tries)


async def test_refusals_do_not_fill_the_disk(
    shop: Shop, visitor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "REFUSALS_PER_HOUR_MAX", 7)
    shop.rows(
        "insert into webhook_refusals (account_id, id, provider, reason, body_sha256, size_bytes, created_at)"
        " select %(account)s, ('00' || substr(md5(n::text), 1, 30))::uuid, 'stripe', 'stale', '', 0, now()"
        f" from generate_series(1, {events.REFUSALS_PER_HOUR_MAX}) n"
    )
    old = shop.count("webhook_refusals")
    body, signature = shop.signed(event(), secret="whsec_x")
    assert (await send(visitor, shop.webhook_path, body, signature)).status_code == 400
    # Those of long ago (their ids say so) do not count.
    assert shop.count("webhook_refusals") == old + 1
    for _ in range(events.REFUSALS_PER_HOUR_MAX):
        await send(visitor, shop.webhook_path, body, signature)
    assert shop.count("webhook_refusals") == old + events.REFUSALS_PER_HOUR_MAX
    assert (await send(visitor, shop.webhook_path, *shop.signed(event()))).status_code == 200


async def test_a_browser_on_another_page_gets_nowhere(shop: Shop, visitor: httpx.AsyncClient) -> None:
    body, signature = shop.signed(event())
    headers = {"stripe-signature": signature, "origin": "https://evil.example"}
    assert (await visitor.post(shop.webhook_path, content=body, headers=headers)).status_code == 403
    assert shop.count("stripe_events") == 0


async def test_the_standins_own_webhook_comes_in(shop: Shop, visitor: httpx.AsyncClient) -> None:
    shop.caller.call("POST", "customers", {"name": "Ada"})
    [told] = shop.caller.events()
    assert (await send(visitor, shop.webhook_path, *shop.signed(told))).status_code == 200
    assert shop.rows("select type from stripe_events where account_id = %(account)s") == [{"type": "customer.created"}]
