"""Checks of providers against the real stand-ins: what is found, what changes, what is recorded, when it is due."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.sandbox.smtp.standin import SmtpStandIn
from tests.world import CLIENT, CLIENT_SECRET, ENCRYPTION_KEY, World, stand_in
from trinity import integrations
from trinity.integrations import NewIntegration, SmtpCredential, StripeCredential
from trinity.jobs.checks import CheckProviders, check
from trinity.jobs.station import ExecutorStation, set_station
from trinity.kit.actor import Actor
from trinity.kit.permit import origin_of

type Open = Callable[..., Awaitable[World]]
STRIPE_KEY = "sk_test_sandbox"


@pytest.fixture(scope="module")
def smtp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmtpStandIn]:
    """A mail server that may be ended; who needs it starts it."""
    found = SmtpStandIn(tmp_path_factory.mktemp("smtp"))
    found.start()
    yield found
    found.end()


@pytest.fixture(scope="module")
def stripe_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Stripe."""
    with stand_in("stripe", tmp_path_factory.mktemp("stripe")) as url:
        yield url


async def mailbox_of(world: World) -> UUID:
    async with world.tx() as tx:
        (found,) = await integrations.list_integrations(tx, "gmail")
    return found.id


async def connected(world: World, new: NewIntegration) -> UUID:
    async with world.rails.house.db.transaction(world.account_id) as tx:
        actor = Actor.system(world.account_id, "test")
        return await integrations.connect(tx, ENCRYPTION_KEY, actor, new, world.settings.mode_of, world.clock())


async def look(world: World, integration_id: UUID) -> dict[str, str]:
    """Check now; the kept states by name are those that were found."""
    found = await check(world.rails, world.account_id, integration_id)
    async with world.tx() as tx:
        kept = await integrations.readiness(tx, integration_id)
    assert {(one.name, one.state) for one in found} <= {(one.name, one.state) for one in kept}
    return {one.name: one.state for one in kept}


async def changes(world: World) -> list[tuple[str, str, str]]:
    """Every change that was recorded: check, from, to."""
    found: list[Any] = [one.facts for one in await world.events("integration.check_changed")]
    return [(one["check"], one["from"], one["to"]) for one in found]


async def set_mailbox(world: World, verification: str) -> None:
    """Give the mailbox its grant (again), and its alias in a state."""
    body = {
        "address": world.mailbox,
        "display_name": "Northwind",
        "aliases": [{"address": world.alias, "verification": verification}],
        "refresh_token": f"sandbox-refresh-{world.mailbox.partition('@')[2].partition('.')[0]}",
        "client_id": CLIENT,
        "client_secret": CLIENT_SECRET,
    }
    (await world.http.post(f"{world.gmail_url}/_sandbox/mailboxes", json=body)).raise_for_status()


async def test_a_mailbox_is_checked_and_what_changes_is_recorded(world: World) -> None:
    mailbox = await mailbox_of(world)
    well = {"reachable": "ok", "credential": "ok", "alias": "ok"}
    assert await look(world, mailbox) == well
    assert await changes(world) == []
    await set_mailbox(world, "pending")
    assert await look(world, mailbox) == well | {"alias": "failing"}
    await set_mailbox(world, "accepted")
    assert await look(world, mailbox) == well
    assert await changes(world) == [("alias", "ok", "failing"), ("alias", "failing", "ok")]


async def test_a_grant_that_was_withdrawn_fails_until_it_is_given_again(world: World) -> None:
    mailbox = await mailbox_of(world)
    await look(world, mailbox)
    (await world.http.post(f"{world.gmail_url}/_sandbox/revoke", json={"mailbox": world.mailbox})).raise_for_status()
    found = await look(world, mailbox)
    assert (found["reachable"], found["credential"]) == ("ok", "failing")
    async with world.tx() as tx:
        assert not await integrations.is_ready(tx, mailbox, "gmail.send", world.clock() + timedelta(days=1))
    await set_mailbox(world, "accepted")
    assert (await look(world, mailbox))["credential"] == "ok"
    async with world.tx() as tx:
        assert await integrations.is_ready(tx, mailbox, "gmail.send", world.clock())


@pytest.mark.parametrize(("hours", "state"), [(100, "ok"), (5, "unknown"), (-1, "failing")])
async def test_a_watch_is_looked_at_where_there_is_one(world: World, hours: int, state: str) -> None:
    mailbox = await mailbox_of(world)
    async with world.tx() as tx:
        until = world.clock() + timedelta(hours=hours)
        await integrations.move_cursor(tx, mailbox, "watch", str(int(until.timestamp() * 1000)), world.clock())
    assert (await look(world, mailbox))["watch"] == state


async def test_a_mail_server_dies_and_comes_back(open_world: Open, gmail_url: str, smtp: SmtpStandIn) -> None:
    world = await open_world(TRINITY_SANDBOX_ENDPOINTS=f"{gmail_url},{smtp.smtp_url}")
    new = NewIntegration("smtp", "notices@x.example", "N", origin_of(smtp.smtp_url), SmtpCredential(smtp.smtp_url))
    server = await connected(world, new)
    well = {"reachable": "ok", "credential": "ok"}
    assert await look(world, server) == well
    mails = len(smtp.taken())
    smtp.end()
    assert await look(world, server) == {"reachable": "unknown", "credential": "unknown"}
    assert await look(world, server) == {"reachable": "failing", "credential": "unknown"}
    async with world.tx() as tx:
        assert not await integrations.is_ready(tx, server, "system.notify", world.clock())
        assert await integrations.is_ready(tx, server, "system.notify", world.clock() + timedelta(minutes=20))
    smtp.start()
    assert await look(world, server) == well
    assert len(smtp.taken()) == mails
    assert ("reachable", "unknown", "failing") in await changes(world)


async def test_a_password_that_was_changed_fails(open_world: Open, gmail_url: str, smtp: SmtpStandIn) -> None:
    world = await open_world(TRINITY_SANDBOX_ENDPOINTS=f"{gmail_url},{smtp.smtp_url}")
    smtp.control("logins", logins={"notices": "canary"})
    url = smtp.smtp_url.replace("//", "//notices:canary@")
    server = await connected(
        world, NewIntegration("smtp", "notices@x.example", "N", origin_of(url), SmtpCredential(url))
    )
    assert await look(world, server) == {"reachable": "ok", "credential": "ok"}
    smtp.control("logins", logins={"notices": "another"})
    assert await look(world, server) == {"reachable": "ok", "credential": "failing"}
    smtp.control("logins", logins={})
    async with world.tx() as tx:
        details = " ".join(one.detail for one in await integrations.readiness(tx, server))
    assert "canary" not in details


async def test_stripes_key_and_webhook(open_world: Open, gmail_url: str, stripe_url: str) -> None:
    world = await open_world(TRINITY_SANDBOX_ENDPOINTS=f"{gmail_url},{stripe_url}")
    new = NewIntegration("stripe", "acct_sandbox", "N", stripe_url, StripeCredential(STRIPE_KEY))
    stripe = await connected(world, new)
    well = {"reachable": "ok", "credential": "ok", "webhook": "ok"}
    assert await look(world, stripe) == well | {"webhook": "failing"}
    async with world.tx() as tx:
        assert not await integrations.is_ready(tx, stripe, "stripe.checkout_session", world.clock())
        assert await integrations.is_ready(tx, stripe, "stripe.refund", world.clock())

    url = f"{world.settings.base_url}/webhooks/stripe/{world.account_id}"
    control(stripe_url, "webhook-endpoints", url=url, secret="whsec_of_the_test")
    assert await look(world, stripe) == well

    customer = httpx.post(
        f"{stripe_url}/v1/customers", data={"email": "a@x.example"}, auth=(STRIPE_KEY, ""), verify=False
    )
    assert customer.status_code == 200
    assert await look(world, stripe) == well, "the event may still be on its way"
    world.clock.sleep(600)
    assert await look(world, stripe) == well | {"webhook": "failing"}, "it never came"
    world.clock.sleep(3600)
    assert await look(world, stripe) == well, "that is long ago"

    control(stripe_url, "keys", key=STRIPE_KEY, is_revoked=True)
    found = await look(world, stripe)
    control(stripe_url, "keys", key=STRIPE_KEY, is_revoked=False)
    assert (found["reachable"], found["credential"]) == ("ok", "failing")


async def test_a_credential_that_does_not_open_is_a_failing_one(world: World) -> None:
    mailbox = await mailbox_of(world)
    world.tamper("update integration_credentials set sealed = '' where account_id = %(account)s")
    assert await look(world, mailbox) == {"credential": "failing"}


async def test_checks_are_due_by_age_and_sooner_while_something_is_wrong(world: World) -> None:
    mailbox = await mailbox_of(world)

    async def is_due() -> bool:
        async with world.tx() as tx:
            return [one.id for one in await integrations.due(tx, world.clock())] == [mailbox]

    assert await is_due(), "it was never checked"
    await look(world, mailbox)
    assert not await is_due()
    world.clock.sleep(240)
    assert not await is_due()
    world.clock.sleep(125)
    assert await is_due()
    await set_mailbox(world, "pending")
    await look(world, mailbox)
    world.clock.sleep(61)
    assert await is_due()
    await set_mailbox(world, "accepted")


async def test_the_cron_gives_each_due_integration_a_job(world: World) -> None:
    set_station(ExecutorStation(world.rails))
    no_job: Any = None
    try:
        await CheckProviders().process(no_job)
    finally:
        set_station(None)
    jobs = world.tamper(
        "select args from oban_jobs where worker = 'trinity.jobs.checks.CheckIntegration'"
        " and args ->> 'account_id' = %(account)s::text"
    )
    assert [one["args"]["integration_id"] for one in jobs] == [str(await mailbox_of(world))]


async def test_connecting_again_forgets_what_was_found_and_asks_again(world: World) -> None:
    mailbox = await mailbox_of(world)
    world.tamper("update integration_credentials set sealed = '' where account_id = %(account)s")
    await look(world, mailbox)
    token = f"sandbox-refresh-{world.mailbox.partition('@')[2].partition('.')[0]}"
    credential = integrations.MailboxCredential(CLIENT, CLIENT_SECRET, token, f"{world.gmail_url}/token")
    async with world.rails.house.db.transaction(world.account_id) as tx:
        await integrations.reconnect(tx, ENCRYPTION_KEY, world.owner, world.mailbox, credential, world.clock())
    async with world.tx() as tx:
        assert [one.state for one in await integrations.readiness(tx, mailbox)] == ["unknown"]
    assert (await look(world, mailbox))["credential"] == "ok"


def control(stripe_url: str, name: str, **body: object) -> None:
    """Call a control endpoint of the Stripe stand-in."""
    answer = httpx.post(f"{stripe_url}/_sandbox/{name}", json=body, verify=False)
    assert answer.status_code == 200, answer.text
