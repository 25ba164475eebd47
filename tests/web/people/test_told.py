"""What the public forms make the gateway mail: a notice to the owner, a link to a sponsor's address, through a real server."""

import re
from collections.abc import Awaitable, Callable, Iterator

import pytest

from tests.sandbox.smtp.standin import SmtpStandIn
from tests.web.public import fill_in, slug_of, visiting
from tests.world import ENCRYPTION_KEY, World
from trinity import accounts, crm, effects, integrations
from trinity.accounts import PublicAccount
from trinity.integrations import NewIntegration, SmtpCredential
from trinity.kit.actor import Actor
from trinity.kit.permit import origin_of
from trinity.web.public_forms import ANSWER_FLOOR_S
from trinity.web.rooms.public import REQUESTS_TOLD_MAX, NewRequest, PublicRoom

type Mails = Callable[[], Awaitable[list[tuple[list[str], str]]]]


@pytest.fixture(scope="module")
def smtp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmtpStandIn]:
    """A mail server of the whole module."""
    found = SmtpStandIn(tmp_path_factory.mktemp("smtp"))
    found.start()
    yield found
    found.end()


@pytest.fixture
async def world(open_world: Callable[..., Awaitable[World]], gmail_url: str, smtp: SmtpStandIn) -> World:
    """A world whose account has a server for notices."""
    world = await open_world(TRINITY_SANDBOX_ENDPOINTS=f"{gmail_url},{smtp.smtp_url}")
    sender = f"notices@{world.mailbox.partition('@')[2]}"
    new = NewIntegration("smtp", sender, "N", origin_of(smtp.smtp_url), SmtpCredential(smtp.smtp_url))
    async with world.rails.house.db.transaction(world.account_id) as tx:
        actor = Actor.system(world.account_id, "test")
        await integrations.connect(tx, ENCRYPTION_KEY, actor, new, world.settings.mode_of, world.clock())
    return world


@pytest.fixture
async def mails(world: World, smtp: SmtpStandIn) -> Mails:
    """Carries out every notice that waits; gives the recipients and the bytes of the mails that went."""
    known = len(smtp.taken())

    async def sent() -> list[tuple[list[str], str]]:
        async with world.tx() as tx:
            calls = await effects.list_tool_calls(tx, operations=["system.notify"])
        for call in reversed(calls):
            assert (await world.drive(call.id)).state == "succeeded"
        listed, taken = smtp.books()["mails"][known:], smtp.taken()[known:]
        return [(mail["recipients"], data.decode()) for mail, data in zip(listed, taken, strict=True)]

    return sent


async def test_the_owner_hears_of_each_request_and_of_no_word_of_it(world: World, mails: Mails) -> None:
    path = f"/p/{await slug_of(world)}/ask"
    async with visiting(world) as client:
        for message in ("Canary words.", "Canary words.", "More canary words."):
            fields = {"name": "Canary Byron", "email": "ada@canary.example", "website": "", "message": message}
            assert (await fill_in(world, client, path, fields)).status_code == 303
    async with world.tx() as tx:
        contact = await crm.find_contact(tx, "ada@canary.example")
    assert contact
    sent = await mails()
    assert [to for to, _ in sent] == [[f"owner@{world.mailbox.partition('@')[2]}"]] * 2, "a repeat is not told"
    assert all(f"/crm/contacts/{contact.id}" in text and "anary" not in text for _, text in sent)


async def test_a_flood_of_requests_is_no_flood_of_mail(world: World) -> None:
    room, account = PublicRoom(world.app), PublicAccount(world.account_id, "any", "Any")
    for n in range(REQUESTS_TOLD_MAX + 3):
        await room.ask(account, NewRequest(f"person{n}@shop.example", "Somebody", "", "Hello"))
    async with world.tx() as tx:
        assert len(await crm.list_leads(tx)) == REQUESTS_TOLD_MAX + 3
        assert len(await effects.list_tool_calls(tx, operations=["system.notify"])) == REQUESTS_TOLD_MAX
    world.clock.sleep(3_601)
    await room.ask(account, NewRequest("late@shop.example", "Somebody", "", "Hello"))
    async with world.tx() as tx:
        assert len(await effects.list_tool_calls(tx, operations=["system.notify"])) == REQUESTS_TOLD_MAX + 1


async def test_a_sponsor_s_link_goes_to_the_address_and_opens_the_project(world: World, mails: Mails) -> None:
    path = f"/p/{await slug_of(world)}/sponsor"
    async with world.tx() as tx:
        await accounts.allow_domain(tx, world.owner, world.project_id, "sponsor.example", world.clock())
    async with visiting(world) as client:
        took = []
        for email in ("Ann@Sponsor.example", "ann@stranger.example"):
            answer = await fill_in(world, client, path, {"email": email})
            took.append(answer.elapsed.total_seconds())
        assert min(took) >= ANSWER_FLOOR_S, "neither is answered before the other could be"
        ((to, text),) = await mails()
        assert to == ["ann@sponsor.example"]
        link = re.search(r"/p/[\w-]+/guest/[\w-]{43}", text)
        assert link
        page = await client.get(link[0])
        assert (page.status_code, "Website care" in page.text) == (200, True)
