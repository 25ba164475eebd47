"""A real browser buys: from the offer through our form to the hosted page, pays, and comes back to its order.

What no test without a browser can tell: that our security policy lets the way to the hosted page through.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn
from playwright.async_api import Error, Page, async_playwright

from tests.revenue.shop import Shop
from tests.sandbox.stripe.standin import StandIn
from tests.world import World
from trinity import host, revenue
from trinity.host import free_port
from trinity.web import public_forms
from trinity.web.app import build_app
from trinity.web.context_desk import ContextDesk
from trinity.web.live import Hub
from trinity.web.serving import config_of

pytestmark = pytest.mark.browser

WAIT_MS = 30_000


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """A page of a headless Chromium that runs no script."""
    arguments = ["--no-sandbox"] if host.is_root() else []
    async with async_playwright() as playwright:
        try:
            path = os.environ.get("TRINITY_CHROMIUM") or None
            browser = await playwright.chromium.launch(executable_path=path, args=arguments)
        except Error as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(f"no Chromium (run tools/chromium): {error}")
        yield await browser.new_page(java_script_enabled=False)
        await browser.close()


async def test_a_browser_buys_without_script_and_sees_its_order(
    open_world: Callable[..., Awaitable[World]],
    stripe_standin: StandIn,
    gmail_url: str,
    page: Page,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(public_forms, "FILL_MIN_S", 0.0)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    sandboxes = f"{gmail_url},{stripe_standin.base_url}"
    world = await open_world(
        TRINITY_SANDBOX_ENDPOINTS=sandboxes, TRINITY_BASE_URL=base, TRINITY_BIND=f"127.0.0.1:{port}"
    )
    shop = await Shop(world, stripe_standin.caller()).open()
    hook = {"url": f"{base}{shop.webhook_path}", "secret": shop.secret, "account": shop.caller.account}
    stripe_standin.control("webhook-endpoints", **hook)
    offer = await shop.offer()
    async with world.tx() as tx:
        slug = await tx.value("select slug from accounts where id = %(id)s", {"id": world.account_id})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    async with _served(shop, port), _working(shop):
        await page.goto(f"{base}/p/{slug}/offers/{offer.slug}")
        await page.fill("input[name=name]", "Ada Byron")
        await page.fill("input[name=email]", "ada@customer.example")
        await page.fill("textarea[name=intake]", "Please look at our shop.")
        await page.click("text=Go to payment")
        await page.wait_for_url(f"{stripe_standin.base_url}/c/pay/*", timeout=WAIT_MS)
        await page.click("button[type=submit], button:has-text('Pay')")
        await page.wait_for_url(f"{base}/p/{slug}/thanks/*", timeout=WAIT_MS)
        await page.wait_for_selector("text=Order 1 is paid", timeout=WAIT_MS)
    assert said == []
    async with world.tx() as tx:
        [order] = await revenue.list_orders(tx)
    assert (order.state, order.email) == ("paid", "ada@customer.example")


@asynccontextmanager
async def _served(shop: Shop, port: int) -> AsyncIterator[None]:
    """Our web app on a port of this machine."""
    house = shop.world.app
    app = build_app(config_of(shop.world.settings), ContextDesk(house, None), Hub(None), house=house)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def _working(shop: Shop) -> AsyncIterator[None]:
    """Do what the executor does, over and over: make the sessions that are wanted, carry out what Stripe tells."""

    async def work() -> None:
        while True:
            for row in shop.rows("select id from tool_calls where account_id = %(account)s and state = 'ready'"):
                await shop.world.drive(row["id"])
            await shop.work()
            await asyncio.sleep(0.1)

    working = asyncio.create_task(work())
    try:
        yield
        if working.done():
            working.result()
    finally:
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
