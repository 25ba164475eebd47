"""`/v1/…`: who calls, with which parameters, under which key; then one transaction; then Stripe's answer."""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from urllib.parse import unquote_plus

from litestar import HttpMethod, Response, route
from litestar.handlers import HTTPRouteHandler

from trinity_sandbox.stripe import expand, form, idempotency, routes
from trinity_sandbox.stripe.books import Json
from trinity_sandbox.stripe.errors import StripeError, internal, invalid
from trinity_sandbox.stripe.faults import FAULT, Fault
from trinity_sandbox.stripe.fields import Fields
from trinity_sandbox.stripe.idempotency import Kept
from trinity_sandbox.stripe.ids import token
from trinity_sandbox.stripe.present import shown
from trinity_sandbox.stripe.service import Http, Service, service_of
from trinity_sandbox.stripe.work import API_VERSION

VERSION = re.compile(r"20\d\d-\d\d-\d\d(\.[a-z]{1,20})?")
FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request that was let in."""

    method: str
    path: str
    tree: form.Tree
    account: str
    request_id: str
    key: str | None
    base_url: str
    fault: Fault | None


@route("/v1/{rest:path}", http_method=[HttpMethod.GET, HttpMethod.POST, HttpMethod.DELETE])
async def v1(request: Http) -> Response[bytes]:
    """Every method of the API."""
    body = await request.body()
    request_id = f"req_{token(14)}"
    headers = {"request-id": request_id, "stripe-version": request.headers.get("stripe-version", API_VERSION)}
    key = request.headers.get("idempotency-key")
    if key is not None:
        headers["idempotency-key"] = key
    service = service_of(request)
    try:
        incoming = _let_in(service, request, body, request_id, key)
        service.sweep()
        kept = _keyed(service, incoming) if incoming.key else _once(service, incoming)
    except StripeError as error:
        kept = Kept(request_id, error.status, _text(error.body()))
    if kept.request_id != request_id:
        headers |= {"idempotent-replayed": "true", "original-request": kept.request_id}
    elif key is not None:
        headers["original-request"] = request_id
    if request.method != "GET":
        service.pump.wake()
    return Response(kept.body.encode(), status_code=kept.status, headers=headers, media_type="application/json")


def _let_in(service: Service, request: Http, body: bytes, request_id: str, key: str | None) -> Incoming:
    account = _account(service, request.headers.get("authorization", ""))
    version = request.headers.get("stripe-version")
    if version is not None and not VERSION.fullmatch(version):
        raise invalid(f"Invalid Stripe API version: {version[:50]}")
    if request.method == "POST" and body and not request.headers.get("content-type", "").startswith(FORM_TYPE):
        raise invalid(f"Invalid request (check that your POST content type is {FORM_TYPE}).")
    sent = body if request.method == "POST" else request.scope.get("query_string", b"")
    try:
        tree = form.decode(sent)
    except ValueError as error:
        raise invalid(f"Invalid request: {error}") from error
    fault = request.scope["state"].get(FAULT)
    assert fault is None or isinstance(fault, Fault)
    return Incoming(
        request.method,
        unquote_plus(request.url.path),
        tree,
        account,
        request_id,
        key if request.method == "POST" else None,
        str(request.base_url).rstrip("/"),
        fault,
    )


def _account(service: Service, authorization: str) -> str:
    scheme, _, rest = authorization.partition(" ")
    key = rest.strip()
    if scheme.lower() == "basic":
        try:
            key = base64.b64decode(key, validate=True).decode().partition(":")[0]
        except (ValueError, binascii.Error):
            key = ""
    elif scheme.lower() != "bearer":
        raise StripeError(
            401,
            "You did not provide an API key. You need to provide your API key in the Authorization header, using"
            " Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )
    account = service.account_of(key)
    if account is None:
        raise StripeError(401, f"Invalid API Key provided: {key[:7]}{'*' * 8}{key[-4:] if len(key) > 16 else ''}")
    return account


def _keyed(service: Service, incoming: Incoming) -> Kept:
    """Carry out a request under its key: the effect and the kept result are one transaction."""
    key, books = incoming.key or "", service.books
    print_ = idempotency.fingerprint(
        incoming.method, incoming.path, _text(dict(incoming.tree), is_sorted=True).encode()
    )
    with books.transaction():
        kept = idempotency.find(books, incoming.account, key, print_, service.now())
        if kept is None:
            kept = _stored(service, incoming)
            idempotency.keep(books, incoming.account, key, print_, service.now(), kept)
    return kept


def _stored(service: Service, incoming: Incoming) -> Kept:
    """The result to keep; what is not to be kept is raised."""
    try:
        with service.books.savepoint():
            done = _answered(service, incoming)
    except StripeError as error:
        if not error.is_stored:
            raise
        return Kept(incoming.request_id, error.status, _text(error.body()))
    if incoming.fault is not None and incoming.fault.mode == "error_after_commit":
        return Kept(incoming.request_id, 500, _text(internal().body()))
    return done


def _once(service: Service, incoming: Incoming) -> Kept:
    """Carry out a request without a key."""
    with service.books.transaction():
        done = _answered(service, incoming)
    if incoming.fault is not None and incoming.fault.mode == "error_after_commit":
        raise internal()
    return done


def _answered(service: Service, incoming: Incoming) -> Kept:
    fault = incoming.fault
    if fault is not None and fault.mode == "reject_500":
        raise internal()
    found = routes.find(incoming.method, incoming.path)
    if found is None:
        raise StripeError(
            404,
            f"Unrecognized request URL ({incoming.method}: {incoming.path}). If you are trying to list objects,"
            " remove the trailing slash. If you are trying to retrieve an object, make sure you passed a valid"
            " (non-empty) identifier in your code.",
        )
    operation, object_id = found
    fields = Fields(incoming.tree)
    wanted = fields.texts("expand")
    is_stale = fault is not None and fault.mode == "stale_list"
    stale_ms = int(fault.seconds * 1_000) if fault is not None and is_stale else 0
    work = service.work(incoming.account, incoming.request_id, incoming.key)
    value = operation(routes.Call(work, fields, incoming.path, object_id, stale_ms))
    return Kept(incoming.request_id, 200, _text(_shown(service, incoming, value, wanted)))


def _shown(service: Service, incoming: Incoming, value: Json, wanted: list[str]) -> Json:
    """The answer, expanded; `secret` of a new webhook endpoint and the like come through as they are."""
    books, base_url = service.books, incoming.base_url
    if value["object"] == "list":
        found = value | {"data": [shown(books, one, base_url) for one in value["data"]]}
    else:
        found = shown(books, value, base_url)
    expand.expand(books, found, wanted, base_url)
    return found


def _text(value: Json, *, is_sorted: bool = False) -> str:
    return json.dumps(value, indent=2, sort_keys=is_sorted)


ROUTES: list[HTTPRouteHandler] = [v1]
