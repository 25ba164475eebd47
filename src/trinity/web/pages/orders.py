"""Orders and the ledger: what was paid, what is owed, what went back, and every cent of it."""

from uuid import UUID

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect, Stream

from trinity.errors import Refused
from trinity.kit import money
from trinity.revenue.models import LEDGER_CODES, ORDER_STATES
from trinity.web.context import PageRequest, house_of
from trinity.web.forms import done, read_form
from trinity.web.guards import may_propose, member
from trinity.web.rooms.revenue import REFUND_REASONS, RevenueRoom
from trinity.web.rows import uuid_of
from trinity.web.stream import Page, answer


@get("/orders", guards=[member], include_in_schema=False)
async def orders(request: PageRequest) -> Response[str] | Stream:
    """All orders, or those in one state."""
    state = one_of(request, "state", ORDER_STATES)

    async def draw() -> Page:
        found = await RevenueRoom(house_of(request)).orders(request.user, state)
        values = {"orders": found, "state": state, "states": ORDER_STATES}
        return Page("orders.html", "Orders", "orders", values, frozenset({"orders"}))

    return await answer(request, draw)


@get("/orders/{order_id:uuid}", guards=[member], include_in_schema=False)
async def order(request: PageRequest, order_id: FromPath[UUID]) -> Response[str] | Stream:
    """One order with everything that hangs on it."""

    async def draw() -> Page:
        found = await RevenueRoom(house_of(request)).order(request.user, order_id)
        topics = frozenset({f"order:{order_id}", "orders", f"project:{found.order.project_id}", "sent"})
        values = {"view": found, "order": found.order, "reasons": REFUND_REASONS}
        return Page("order.html", f"Order {found.order.number}", "orders", values, topics)

    return await answer(request, draw)


@post("/orders/{order_id:uuid}/refunds", guards=[may_propose], include_in_schema=False)
async def refund(request: PageRequest, order_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Propose a refund: it becomes an approval request, and money moves when others have approved it."""
    form = await read_form(request)
    room = RevenueRoom(house_of(request))
    found = (await room.order(request.user, order_id)).order
    amount = money.minor_of(form.text("amount", chars_max=20, is_required=True), found.currency)
    if amount is None:
        raise Refused("invalid_amount", "An amount is a number such as 9 or 9.50.", status=422)
    reason = form.text("reason", chars_max=40, is_required=True)
    call_id = await room.propose_refund(request.user, order_id, amount, reason)
    return done(request, f"/tool-calls/{call_id}", "Proposed. Nothing moves until it is approved.")


@get("/ledger", guards=[member], include_in_schema=False)
async def ledger(request: PageRequest) -> Response[str] | Stream:
    """Balances, and the transfers of one account or currency, or all of them."""
    code, currency = one_of(request, "account", LEDGER_CODES), one_of(request, "currency", tuple(money.DECIMALS))
    before = uuid_of(request.query_params.get("before", ""))

    async def draw() -> Page:
        found = await RevenueRoom(house_of(request)).ledger(request.user, code, currency, before)
        values = {"ledger": found, "code": code, "currency": currency, "is_later": before is not None}
        return Page("ledger.html", "Ledger", "ledger", values, frozenset({"ledger"}))

    return await answer(request, draw)


def one_of(request: PageRequest, name: str, allowed: tuple[str, ...]) -> str | None:
    """A filter's value; anything that is none of them filters nothing."""
    found = request.query_params.get(name)
    return found if found in allowed else None


handlers: list[HTTPRouteHandler] = [orders, order, refund, ledger]
