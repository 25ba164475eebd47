"""The web server, the executor and the general worker are killed at every point from a checkout to its order and run.

The judge is the Stripe stand-in: for each session that was paid there is one order, one of everything that hangs on
it, and the ledger holds what the stand-in's own books hold.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.kill.rig import Lane, Point, Zygote, lane, until
from tests.postgres import TestServer
from tests.revenue.shop import Shop
from tests.sandbox.stripe.standin import StandIn
from tests.world import stand_in
from trinity import revenue
from trinity.host import free_port
from trinity.proof.keys import generate
from trinity.revenue import Offer
from trinity.store.urls import with_database
from trinity.web.public_forms import make_stamp
from trinity.web.serving import config_of

pytestmark = pytest.mark.kill

PAYING = [
    ("web", Point("webhook.before_commit")),
    ("web", Point("webhook.after_commit", 2)),
    ("executor", Point("event.before_fetch")),
    ("executor", Point("event.after_fetch")),
    ("executor", Point("money.before_commit")),
    ("executor", Point("money.after_commit")),
    ("executor", Point("book.before_commit")),
    ("executor", Point("book.after_commit")),
    ("general", Point("order_run.before_commit")),
    ("general", Point("order_run.after_commit")),
]
REFUNDING = [("executor", Point(f"money.{when}_commit")) for when in ("before", "after")]
BEGINNING = [("web", Point(f"buy.{when}_commit")) for when in ("before", "after")]
SETTLE_S = 60.0


@dataclass
class Stall:
    """A lane that sells: its processes, its Stripe, its offer."""

    lane: Lane
    shop: Shop
    offer: Offer
    base_url: str

    async def killed_at(self, role: str, point: Point) -> None:
        """Wait for the kill, then start the process again."""
        await self.lane.struck(role)
        await self.lane.start(role)

    async def settled(self) -> None:
        """Wait until our books and the stand-in's say the same, and nothing is under way."""
        deadline = time.monotonic() + SETTLE_S
        while (open_ends := await self.open_ends()) and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        assert not open_ends, open_ends

    async def open_ends(self) -> list[str]:
        """What is still missing, in words."""
        books = self.shop.caller.standin.books(self.shop.caller.account)
        paid = {one["payment_intent"] for one in books["sessions"] if one["payment_status"] == "paid"}
        async with self.lane.world.tx() as tx:
            orders = {order.payment_intent_id for order in await revenue.list_orders(tx)}
            held = {one.currency: one.amount_minor for one in await revenue.balances(tx) if one.code == "stripe"}
            waiting = await tx.value("select count(*) from stripe_events where outcome = 'received'")
            runs = await tx.value("select count(distinct order_id) from runs where order_id is not null")
            refunded = await tx.value("select coalesce(sum(refunded_minor), 0) from orders")
        given_back = sum(one["amount_refunded"] for one in books["charges"])
        checks = {
            "orders": orders == paid,
            "ledger": held == books["balances"].get(self.shop.caller.account, {}),
            "events": waiting == 0,
            "runs": runs == len(paid),
            "refunds": refunded == given_back,
        }
        return [name for name, is_done in checks.items() if not is_done]

    def judge(self) -> None:
        """Nothing twice: one of everything for each paid session, and each leg of the books once."""
        books = self.shop.caller.standin.books(self.shop.caller.account)
        paid = sum(one["payment_status"] == "paid" for one in books["sessions"])
        counts = {name: self.count(name) for name in ("orders", "order_intakes", "fulfilments", "runs")}
        assert set(counts.values()) == {paid}, counts
        assert self.count("revenue_events") == paid + len(books["refunds"])
        legs = sum(1 + bool(one["fee"]) for one in books["balance_transactions"])
        assert self.count("ledger_transfers") == legs

    def count(self, table: str) -> int:
        """Rows of the account in a table."""
        return self.shop.count(table)


@pytest.fixture
async def stall(database_url: str, forks: Zygote, tmp_path: Path, migrated_server: TestServer) -> AsyncIterator[Stall]:
    """Every process of the product, the stand-ins, and an offer."""
    port = free_port()
    stripe = StandIn(tmp_path / "stripe")
    stripe.data_dir.mkdir()
    stripe.start()
    try:
        with stand_in("gmail", tmp_path / "gmail") as gmail:
            more = {
                "TRINITY_BIND": f"127.0.0.1:{port}",
                "TRINITY_BASE_URL": f"http://127.0.0.1:{port}",
                "TRINITY_LOG_KEY": generate("trinity.test/log")[0],
                "STRIPE_API_BASE": stripe.base_url,
                "TRINITY_SANDBOX_ENDPOINTS": f"{gmail},{stripe.base_url}",
            }
            async with lane(database_url, gmail, tmp_path / "lane", forks, "Stall", **more) as made:
                name = urlsplit(database_url).path.removeprefix("/")
                made.world.admin_url = with_database(migrated_server.admin_url, name)
                shop = await Shop(made.world, stripe.caller()).open()
                url = more["TRINITY_BASE_URL"]
                hook = {"url": f"{url}{shop.webhook_path}", "secret": shop.secret, "account": shop.caller.account}
                stripe.control("webhook-endpoints", **hook)
                stripe.control("webhooks", retry_base_s=0.1)
                offer = await shop.offer()
                for role in ("executor", "general", "web"):
                    await made.start(role)
                yield Stall(made, shop, offer, url)
    finally:
        stripe.end()


async def test_every_kill_from_payment_to_run_leaves_one_order(stall: Stall) -> None:
    for number, (role, point) in enumerate(PAYING):
        stall.lane.arm(point)
        await stall.shop.buy(stall.offer, f"person{number}@customer.example")
        await stall.killed_at(role, point)
        await stall.settled()
        stall.judge()
    for role, point in REFUNDING:
        charge = next(one for one in stall.shop.caller.call("GET", "charges")["data"] if not one["refunded"])
        stall.lane.arm(point)
        stall.shop.caller.refund(charge)
        await stall.killed_at(role, point)
        await stall.settled()
        stall.judge()
    assert stall.lane.kills == len(PAYING) + len(REFUNDING)


async def test_every_kill_of_the_form_leaves_a_checkout_with_its_session_or_none(stall: Stall) -> None:
    async with stall.lane.world.tx() as tx:
        slug = await tx.value("select slug from accounts")
    path = f"{stall.base_url}/p/{slug}/offers/{stall.offer.slug}"
    for number, (role, point) in enumerate(BEGINNING):
        stall.lane.arm(point)
        with pytest.raises(httpx.TransportError):
            await _post(stall, path, f"person{number}@customer.example")
        await stall.killed_at(role, point)
        answer = await _post(stall, path, f"person{number}@customer.example")
        assert answer.status_code == 303
        begun = number + 1 + (point.barrier == "buy.after_commit")
        assert stall.count("checkout_sessions") == begun
        await until(lambda wanted=begun: _open_count(stall) == wanted, "the sessions to be made")  # type: ignore[misc]
    sessions = stall.shop.caller.standin.books(stall.shop.caller.account)["sessions"]
    assert len(sessions) == stall.count("checkout_sessions")
    assert stall.shop.caller.pay(sessions[-1]).status_code == 303
    await stall.settled()
    stall.judge()


async def _post(stall: Stall, path: str, email: str) -> httpx.Response:
    """Send the form as a person would who took a minute for it."""
    world = stall.lane.world
    stamp = make_stamp(config_of(world.settings), world.account_id, "buy", world.clock() - timedelta(minutes=1))
    form = {"name": "Ada", "email": email, "website": "", "intake": "Our shop.", "stamp": stamp}
    async with httpx.AsyncClient(trust_env=False, timeout=20.0) as client:
        return await client.post(path, data=form, headers={"origin": stall.base_url})


def _open_count(stall: Stall) -> int:
    return len(stall.shop.rows("select 1 from checkout_sessions where account_id = %(account)s and state = 'open'"))
