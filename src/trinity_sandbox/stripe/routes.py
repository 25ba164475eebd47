"""The API's methods: which path calls what. An operation returns an object or a list page, unexpanded."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from trinity_sandbox.stripe import catalogue, checkout, endpoints, ledger, refunds
from trinity_sandbox.stripe.books import Json, now_ms
from trinity_sandbox.stripe.fields import Fields
from trinity_sandbox.stripe.lists import Query
from trinity_sandbox.stripe.work import Work


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the change, the parameters, the id in the path, how old a list's newest object must be."""

    work: Work
    fields: Fields
    path: str
    object_id: str
    stale_ms: int


type Operation = Callable[[Call], Json]


@dataclass(frozen=True, slots=True)
class Route:
    """A method of the API."""

    method: str
    pattern: re.Pattern[str]
    operation: Operation


def find(method: str, path: str) -> tuple[Operation, str] | None:
    """The operation of a request, and the id in its path."""
    for route in ROUTES:
        found = route.pattern.fullmatch(path)
        if route.method == method and found:
            return route.operation, found[1] if route.pattern.groups else ""
    return None


def _listing(kind: str, *names: str, flags: tuple[str, ...] = ()) -> Operation:
    """A list with these filters."""

    def operation(call: Call) -> Json:
        query = Query(kind, call.work.account).equal(call.fields, *names).created(call.fields)
        for name in flags:
            query.flag(call.fields, name)
        return _page(call, query)

    return operation


def _page(call: Call, query: Query, *, is_oldest_first: bool = False) -> Json:
    if call.stale_ms:
        query.where("at_ms <= ?", now_ms() - call.stale_ms)
    found = query.page(call.work.books, call.fields, call.path, is_oldest_first=is_oldest_first)
    call.fields.end()
    return found


def _retrieve(kind: str) -> Operation:
    def operation(call: Call) -> Json:
        call.fields.end()
        return call.work.must(kind, call.object_id)

    return operation


def _create(function: Callable[[Work, Fields], Json]) -> Operation:
    return lambda call: function(call.work, call.fields)


def _update(kind: str, function: Callable[[Work, Fields, Json], Json]) -> Operation:
    return lambda call: function(call.work, call.fields, call.work.must(kind, call.object_id))


def _line_items(call: Call) -> Json:
    session = call.work.must("checkout.session", call.object_id, "session")
    query = Query("item", call.work.account).where("json_extract(doc, '$._session') = ?", session["id"])
    return _page(call, query, is_oldest_first=True)


def _expire(call: Call) -> Json:
    call.fields.end()
    return checkout.expire(call.work, call.work.must("checkout.session", call.object_id, "session"))


def _charge_refunds(call: Call) -> Json:
    charge = call.work.must("charge", call.object_id, "charge")
    return _page(call, Query("refund", call.work.account).where("json_extract(doc, '$.charge') = ?", charge["id"]))


def _transactions(call: Call) -> Json:
    query = Query("balance_transaction", call.work.account)
    query.equal(call.fields, "currency", "source", "type").created(call.fields)
    payout = call.fields.text("payout")
    if payout is not None:
        query.where("json_extract(doc, '$._payout') = ?", call.work.must("payout", payout, "payout", 400)["id"])
    return _page(call, query)


def _events(call: Call) -> Json:
    query = Query("event", call.work.account).created(call.fields)
    one, types = call.fields.text("type"), call.fields.texts("types")
    if one is not None:
        query.where("json_extract(doc, '$.type') GLOB ?", one)
    if types:
        query.where(f"({' OR '.join(['json_extract(doc, "$.type") GLOB ?'] * len(types))})", *types)
    return _page(call, query)


def _prices(call: Call) -> Json:
    query = Query("price", call.work.account).equal(call.fields, "product", "currency", "type").created(call.fields)
    keys = call.fields.texts("lookup_keys")
    if keys:
        query.where(f"json_extract(doc, '$.lookup_key') IN ({', '.join('?' * len(keys))})", *keys)
    return _page(call, query.flag(call.fields, "active"))


def _delete_endpoint(call: Call) -> Json:
    return endpoints.delete(call.work, call.work.must("webhook_endpoint", call.object_id))


def _balance(call: Call) -> Json:
    call.fields.end()
    amounts = ledger.balance(call.work.books, call.work.account) or {"usd": 0}
    available = [
        {"amount": net, "currency": currency, "source_types": {"card": net}} for currency, net in amounts.items()
    ]
    pending = [{"amount": 0, "currency": currency, "source_types": {"card": 0}} for currency in amounts]
    return {"object": "balance", "available": available, "livemode": False, "pending": pending}


def _account(call: Call) -> Json:
    call.fields.end()
    return {
        "id": call.work.account,
        "object": "account",
        "charges_enabled": True,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": True,
        "payouts_enabled": True,
        "type": "standard",
    }


def _route(method: str, path: str, operation: Operation) -> Route:
    return Route(method, re.compile("/v1/" + path.replace("{id}", r"([A-Za-z0-9_.-]{1,255})")), operation)


def _of(path: str, kind: str, listing: Operation) -> list[Route]:
    return [_route("GET", path, listing), _route("GET", f"{path}/{{id}}", _retrieve(kind))]


ROUTES = [
    _route("GET", "account", _account),
    _route("GET", "balance", _balance),
    *_of("products", "product", _listing("product", "url", flags=("active",))),
    _route("POST", "products", _create(catalogue.create_product)),
    _route("POST", "products/{id}", _update("product", catalogue.update_product)),
    *_of("prices", "price", _prices),
    _route("POST", "prices", _create(catalogue.create_price)),
    _route("POST", "prices/{id}", _update("price", catalogue.update_price)),
    *_of("customers", "customer", _listing("customer", "email")),
    _route("POST", "customers", _create(catalogue.create_customer)),
    _route("POST", "customers/{id}", _update("customer", catalogue.update_customer)),
    *_of("checkout/sessions", "checkout.session", _listing("checkout.session", "customer", "payment_intent", "status")),
    _route("POST", "checkout/sessions", _create(checkout.create)),
    _route("POST", "checkout/sessions/{id}/expire", _expire),
    _route("GET", "checkout/sessions/{id}/line_items", _line_items),
    *_of("payment_intents", "payment_intent", _listing("payment_intent", "customer")),
    *_of("charges", "charge", _listing("charge", "customer", "payment_intent")),
    _route("GET", "charges/{id}/refunds", _charge_refunds),
    *_of("refunds", "refund", _listing("refund", "charge", "payment_intent")),
    _route("POST", "refunds", _create(refunds.create)),
    _route("POST", "refunds/{id}", _update("refund", refunds.update)),
    *_of("balance_transactions", "balance_transaction", _transactions),
    *_of("payouts", "payout", _listing("payout", "status")),
    *_of("disputes", "dispute", _listing("dispute", "charge", "payment_intent")),
    *_of("events", "event", _events),
    *_of("webhook_endpoints", "webhook_endpoint", _listing("webhook_endpoint")),
    _route("POST", "webhook_endpoints", _create(endpoints.create)),
    _route("POST", "webhook_endpoints/{id}", _update("webhook_endpoint", endpoints.update)),
    _route("DELETE", "webhook_endpoints/{id}", _delete_endpoint),
]
