"""An order's proof as a page: its story step by step, its packet, and a verification of it on the spot."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest

from tests.proof.orders import Sale, sell
from tests.revenue.conftest import open_shop, stripe_standin
from tests.revenue.shop import Shop
from tests.web.conftest import ORIGIN, Client
from tests.world import PASSWORD
from tests.worlds import cheap_passwords, gateway_database, gmail_dir, gmail_url, open_world, shared_gmail
from trinity.jobs.packets import export
from trinity.proof.keys import Signer, generate, signer
from trinity.web.app import build_app
from trinity.web.config import WebConfig
from trinity.web.context_desk import ContextDesk
from trinity.web.live import Hub

__all__ = [
    "cheap_passwords",
    "gateway_database",
    "gmail_dir",
    "gmail_url",
    "open_shop",
    "open_world",
    "shared_gmail",
    "stripe_standin",
]


@pytest.fixture
async def sale(open_shop: Callable[[], Awaitable[Shop]]) -> Sale:
    """An order whose run has begun."""
    made = await sell(await open_shop())
    await made.begin_run()
    return made


@pytest.fixture
def log_key() -> Signer:
    """The installation's log key."""
    return signer(generate("proof.example/log")[0])


@pytest.fixture
async def person(sale: Sale, log_key: Signer) -> AsyncIterator[Client]:
    """The account's owner, signed in."""
    world = sale.world
    config = WebConfig(ORIGIN, b"k" * 32, world.gmail_url)
    desk = ContextDesk(world.app, log_key.verifier_key)
    app = build_app(config, desk, Hub(None), house=world.app, clock=world.clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(cast(Any, app)), base_url=ORIGIN) as client:
        email = world.tamper(
            "select u.email from users u join memberships m on m.user_id = u.id where m.account_id = %(account)s"
        )[0]["email"]
        assert (await client.post("/api/v1/login", json={"email": email, "password": PASSWORD})).status_code == 200
        yield client


async def test_an_orders_story_its_packet_and_its_verdict_are_shown(
    sale: Sale, log_key: Signer, person: Client
) -> None:
    before = await person.get(f"/proof/order/{sale.order_id}/packet")
    assert before.status_code == 404
    world = sale.world
    await export(world.app.db, world.account_id, "order", sale.order_id, log_key, world.clock())
    page = (await person.get(f"/proof/order/{sale.order_id}?verify=now")).text
    for said in ("Step by step", "Checkout", "What the buyer wrote", "Order 1", "18. Ledger", "19. Intake"):
        assert said in page, said
    assert f"/proof/tool-call/{sale.checkout_call_id}" in page
    assert f"/orders/{sale.order_id}" in page
    assert "Every step holds with the log key" in page
    listed = (await person.get("/proof")).text
    assert f"/proof/order/{sale.order_id}" in listed
    taken = await person.get(f"/api/v1/packets/order/{sale.order_id}")
    assert taken.status_code == 200
    assert taken.content == (await person.get(f"/proof/order/{sale.order_id}/packet")).content
    assert taken.json()["body"]["subject_id"] == str(sale.order_id)


@pytest.mark.parametrize("path", ["/proof/order/{0}", "/proof/order/{0}/packet", "/api/v1/packets/order/{0}"])
async def test_an_order_that_is_not_ours_has_no_proof(person: Client, path: str) -> None:
    assert (await person.get(path.format(uuid4()))).status_code == 404
