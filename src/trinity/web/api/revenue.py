"""Offers, orders and the ledger."""

from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody
from pydantic import Field

from trinity.revenue import NewOffer as OfferToMake
from trinity.revenue import Offer, Order, Transfer
from trinity.revenue.models import LEDGER_CODES, ORDER_STATES
from trinity.web.api.bodies import Body
from trinity.web.api.shapes import Shape, identity, moment
from trinity.web.context import PageRequest, house_of
from trinity.web.guards import may_propose, member
from trinity.web.pages.orders import one_of
from trinity.web.rooms.revenue import OrderView, RevenueRoom
from trinity.web.rows import uuid_of


class NewOffer(Body):
    """Something to sell: whole minor units and an ISO currency."""

    project_id: UUID
    title: Annotated[str, Field(min_length=1, max_length=120)]
    summary: Annotated[str, Field(max_length=2_000)] = ""
    amount_minor: Annotated[int, Field(ge=1, le=99_999_999, strict=True)]
    currency: Annotated[str, Field(pattern=r"^[A-Za-z]{3}$")]


@post("/offers", guards=[may_propose])
async def create_offer(request: PageRequest, data: JSONBody[NewOffer]) -> Shape:
    """Make an offer; it begins as a draft."""
    new = OfferToMake(data.project_id, data.title, data.summary, data.amount_minor, data.currency.lower())
    return offer_shape(await RevenueRoom(house_of(request)).create_offer(request.user, new))


@get("/offers", guards=[member])
async def offers(request: PageRequest) -> dict[str, list[Shape]]:
    """All offers, newest first."""
    found, _, _ = await RevenueRoom(house_of(request)).offers(request.user)
    return {"items": [offer_shape(one) for one in found]}


@post("/offers/{offer_id:uuid}/publish", guards=[may_propose], status_code=200)
async def publish(request: PageRequest, offer_id: FromPath[UUID]) -> Shape:
    """Let anybody buy it."""
    return offer_shape(await RevenueRoom(house_of(request)).publish(request.user, offer_id))


@post("/offers/{offer_id:uuid}/archive", guards=[may_propose], status_code=200)
async def archive(request: PageRequest, offer_id: FromPath[UUID]) -> Shape:
    """Let nobody buy it any more."""
    return offer_shape(await RevenueRoom(house_of(request)).archive(request.user, offer_id))


@get("/orders", guards=[member])
async def orders(request: PageRequest) -> dict[str, list[Shape]]:
    """Orders, newest first; `?state=` filters."""
    state = one_of(request, "state", ORDER_STATES)
    found = await RevenueRoom(house_of(request)).orders(request.user, state)
    return {"items": [order_shape(one) for one in found]}


@get("/orders/{order_id:uuid}", guards=[member])
async def order(request: PageRequest, order_id: FromPath[UUID]) -> Shape:
    """One order with everything that hangs on it."""
    return whole_order(await RevenueRoom(house_of(request)).order(request.user, order_id))


@get("/ledger", guards=[member])
async def ledger(request: PageRequest) -> Shape:
    """Balances by account and currency, and transfers; `?account=`, `?currency=`, `?before=` filter."""
    code, currency = one_of(request, "account", LEDGER_CODES), request.query_params.get("currency")
    before = uuid_of(request.query_params.get("before", ""))
    found = await RevenueRoom(house_of(request)).ledger(request.user, code, currency, before)
    return {
        "balances": [
            {"account": one.code, "currency": one.currency, "amount_minor": one.amount_minor} for one in found.balances
        ],
        "transfers": [transfer_shape(one) for one in found.transfers],
        "payouts": [
            {
                "id": str(one.id),
                "provider_payout_id": one.provider_payout_id,
                "amount_minor": one.amount_minor,
                "currency": one.currency,
                "state": one.state,
                "created_at": moment(one.created_at),
            }
            for one in found.payouts
        ],
    }


def offer_shape(one: Offer) -> Shape:
    """An offer."""
    return {
        "id": str(one.id),
        "project_id": str(one.project_id),
        "slug": one.slug,
        "title": one.title,
        "summary": one.summary,
        "amount_minor": one.amount_minor,
        "currency": one.currency,
        "state": one.state,
        "created_at": moment(one.created_at),
    }


def order_shape(one: Order) -> Shape:
    """An order in a list."""
    return {
        "id": str(one.id),
        "number": one.number,
        "project_id": str(one.project_id),
        "offer_id": str(one.offer_id),
        "checkout_id": str(one.checkout_id),
        "contact_id": str(one.contact_id),
        "deal_id": identity(one.deal_id),
        "state": one.state,
        "amount_minor": one.amount_minor,
        "refunded_minor": one.refunded_minor,
        "currency": one.currency,
        "payment_intent_id": one.payment_intent_id,
        "charge_id": one.charge_id,
        "paid_at": moment(one.paid_at),
    }


def transfer_shape(one: Transfer) -> Shape:
    """A line of the ledger."""
    return {
        "id": str(one.id),
        "debit": one.debit,
        "credit": one.credit,
        "amount_minor": one.amount_minor,
        "currency": one.currency,
        "kind": one.kind,
        "txn_id": one.txn_id,
        "source_id": one.source_id,
        "order_id": identity(one.order_id),
        "happened_at": moment(one.happened_at),
    }


def whole_order(view: OrderView) -> Shape:
    """An order, whole."""
    owed = view.fulfilment
    return order_shape(view.order) | {
        "intake": {"source_id": identity(view.intake.source_id), "release_state": view.intake.release_state},
        "fulfilment": {
            "state": owed.state,
            "run_id": identity(owed.run_id),
            "artifact_id": identity(owed.artifact_id),
            "tool_call_id": identity(owed.tool_call_id),
            "delivered_at": moment(owed.delivered_at),
        },
        "refunds": [
            {
                "id": str(one.id),
                "provider_refund_id": one.provider_refund_id,
                "tool_call_id": identity(one.tool_call_id),
                "amount_minor": one.amount_minor,
                "currency": one.currency,
                "state": one.state,
                "created_at": moment(one.created_at),
            }
            for one in view.refunds
        ],
        "disputes": [
            {
                "id": str(one.id),
                "provider_dispute_id": one.provider_dispute_id,
                "amount_minor": one.amount_minor,
                "currency": one.currency,
                "reason": one.reason,
                "state": one.state,
                "created_at": moment(one.created_at),
            }
            for one in view.disputes
        ],
        "revenue_events": [
            {
                "kind": one.kind,
                "provider_id": one.provider_id,
                "amount_minor": one.amount_minor,
                "currency": one.currency,
                "at": moment(one.created_at),
            }
            for one in view.events
        ],
        "transfers": [transfer_shape(one) for one in view.transfers],
        "tool_call_ids": [str(one.id) for one in view.calls],
    }


handlers: list[HTTPRouteHandler] = [create_offer, offers, publish, archive, orders, order, ledger]
