"""The stand-in's own endpoints under `/_sandbox/`: read its books, make it misbehave, be the bank.

Nothing here is Stripe's. Bodies are JSON objects, errors `{"error": sentence}` with status 400 or 404. Who
names no `account` means `acct_sandbox`, that of the key `sk_test_sandbox`.
"""

import json
from collections.abc import Callable
from typing import Any

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler

from trinity_sandbox.stripe import checkout, disputes, endpoints, ledger, payouts, refunds, webhooks
from trinity_sandbox.stripe.books import Json
from trinity_sandbox.stripe.errors import StripeError
from trinity_sandbox.stripe.faults import MODES, SECONDS_MAX, Fault
from trinity_sandbox.stripe.money import currency_of
from trinity_sandbox.stripe.present import shown
from trinity_sandbox.stripe.service import ACCOUNT, KEY, Http, service_of
from trinity_sandbox.stripe.work import Work, enqueue

TIMES_MAX = 10_000
COPIES_MAX = 50
AHEAD_S_MAX = 400 * 24 * 3600
DELAY_S_MAX = 3_600
SECRET_CHARS_MIN = 8


class BadControl(Exception):
    """A control request that makes no sense."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@get("/_sandbox/books")
async def books(request: Http) -> Json:
    """What really happened, oldest first: money by object, webhooks and their attempts, calls; and balances."""
    held = service_of(request).books
    account = request.query_params.get("account")

    def all_of(kind: str) -> list[Json]:
        return [shown(held, one) | {"account": one["_account"]} for one in held.all(kind, account)]

    accounts = {row["account"] for row in held.rows("SELECT DISTINCT account FROM object")}
    attempts = held.rows(
        "SELECT d.event, d.endpoint, d.seq AS delivery, a.status, a.at, json_extract(e.doc, '$.type') AS type"
        " FROM attempt a JOIN delivery d ON d.seq = a.delivery JOIN object e ON e.id = d.event"
        " WHERE ?1 IS NULL OR e.account = ?1 ORDER BY a.seq",
        account,
    )
    states = held.rows("SELECT state, count(*) AS n FROM delivery GROUP BY state")
    return {
        "balances": {one: ledger.balance(held, one) for one in sorted(accounts) if account in (None, one)},
        "charges": all_of("charge"),
        "refunds": all_of("refund"),
        "disputes": all_of("dispute"),
        "payouts": all_of("payout"),
        "balance_transactions": all_of("balance_transaction"),
        "sessions": all_of("checkout.session"),
        "webhook_attempts": [dict(row) for row in attempts],
        "webhook_deliveries": {row["state"]: row["n"] for row in states},
        "calls": held.calls(),
    }


@post("/_sandbox/faults", status_code=200)
async def faults(request: Http) -> Json:
    """`{path_contains, mode, times, seconds?, method?}` lets a fault wait; `{"clear": true}` forgets all."""
    body = await _object(request)
    waiting = service_of(request).faults
    if body.get("clear"):
        waiting.clear()
        return {"cleared": True}
    if body.get("mode") not in MODES:
        raise BadControl(f"mode must be one of {', '.join(MODES)}")
    times, seconds = _number(body, "times", 1, TIMES_MAX, 1), body.get("seconds", 0)
    if type(seconds) not in (int, float) or not 0 <= seconds <= SECONDS_MAX:
        raise BadControl(f"seconds must be a number from 0 to {SECONDS_MAX}")
    if body["mode"] == "stale_list" and not seconds:
        raise BadControl("a stale list needs the seconds that it is behind")
    waiting.add(Fault(_text(body, "path_contains"), body["mode"], times, float(seconds), body.get("method")))
    return {"waiting": True}


@post("/_sandbox/webhook-endpoints", status_code=200)
async def webhook_endpoints(request: Http) -> Json:
    """`{url, secret, previous_secret?, enabled_events?, account?}`: create or confirm the endpoint of a URL.

    With `previous_secret` webhooks carry two signatures, as while a secret is being replaced.
    """
    body = await _object(request)
    url, events = endpoints.checked_url(_text(body, "url")), body.get("enabled_events", ["*"])
    secrets = [_text(body, name) for name in ("secret", "previous_secret") if name in body or name == "secret"]
    if any(len(secret) < SECRET_CHARS_MIN for secret in secrets):
        raise BadControl(f"a secret has at least {SECRET_CHARS_MIN} characters")
    if not isinstance(events, list) or not events or not all(isinstance(one, str) for one in events):
        raise BadControl("enabled_events must be a list of event types")

    def change(work: Work) -> Json:
        found = [one for one in work.books.all("webhook_endpoint", work.account) if one["url"] == url]
        endpoint = found[0] if found else endpoints.make(work, url, events, secrets[0])
        endpoint |= {"_secrets": secrets, "enabled_events": events, "status": "enabled"}
        return work.books.save(endpoint)

    return _done(request, _account(body), change)


@post("/_sandbox/webhooks", status_code=200)
async def webhook_settings(request: Http) -> Json:
    """How webhooks go out from now on: `{hold?, order?, seed?, copies?, delay_s?, retry_base_s?}`.

    While `hold` is true none goes out; order is oldest, newest or shuffled (by `seed`); every event goes out
    `copies` times, `delay_s` after it happened; `retry_base_s` is the first pause before a retry.
    """
    body = await _object(request)
    held = service_of(request).books
    if "order" in body and body["order"] not in webhooks.ORDERS:
        raise BadControl(f"order must be one of {', '.join(webhooks.ORDERS)}")
    given: Json = {}
    if "hold" in body:
        given["webhook_hold"] = body["hold"] is True
    if "order" in body:
        given |= {"webhook_order": body["order"], "webhook_seed": _number(body, "seed", 0, 2**31, 0)}
    if "copies" in body:
        given["webhook_copies"] = _number(body, "copies", 1, COPIES_MAX, 1)
    for name in ("delay_s", "retry_base_s"):
        if name in body:
            seconds = body[name]
            if type(seconds) not in (int, float) or not 0 <= seconds <= DELAY_S_MAX:
                raise BadControl(f"{name} must be a number from 0 to {DELAY_S_MAX}")
            given[f"webhook_{name.removesuffix('_s')}_ms"] = int(seconds * 1_000)
    with held.transaction():
        for name, value in given.items():
            held.set(name, value)
    service_of(request).pump.wake()
    return given


@post("/_sandbox/webhooks/resend", status_code=200)
async def resend(request: Http) -> Json:
    """`{event, times?}`: send an event again, to every endpoint of its account that is enabled."""
    body = await _object(request)
    times = _number(body, "times", 1, COPIES_MAX, 1)

    def change(work: Work) -> Json:
        event = work.must("event", _text(body, "event"))
        for endpoint in work.books.all("webhook_endpoint", work.account, status="enabled"):
            enqueue(work.books, event["id"], endpoint["id"], times)
        return event

    return _done(request, _owner(request, "event", body, "event")["_account"], change)


@post("/_sandbox/settle", status_code=200)
async def settle(request: Http) -> Json:
    """`{session, outcome: succeeded|failed}`: a payment that settles later ends."""
    body = await _object(request)
    session = _owner(request, "session", body, "checkout.session")
    is_paid = _choice(body, "outcome", ("succeeded", "failed")) == "succeeded"
    return _done(request, session["_account"], lambda work: checkout.settle(work, session, is_paid=is_paid))


@post("/_sandbox/disputes", status_code=200)
async def open_dispute(request: Http) -> Json:
    """`{charge, amount?, reason?}`: the cardholder's bank disputes a charge."""
    body = await _object(request)
    charge = _owner(request, "charge", body, "charge")
    reason = _choice(body, "reason", disputes.REASONS, "fraudulent")
    amount = _number(body, "amount", 1, charge["amount"], charge["amount"])
    return _done(request, charge["_account"], lambda work: disputes.open_dispute(work, charge, amount, reason))


@post("/_sandbox/disputes/move", status_code=200)
async def move_dispute(request: Http) -> Json:
    """`{dispute, status: under_review|won|lost}`"""
    body = await _object(request)
    dispute = _owner(request, "dispute", body, "dispute")
    status = _choice(body, "status", ("under_review", "won", "lost"))
    if status == "under_review":
        return _done(request, dispute["_account"], lambda work: disputes.review(work, dispute))
    return _done(request, dispute["_account"], lambda work: disputes.close(work, dispute, is_won=status == "won"))


@post("/_sandbox/payouts", status_code=200)
async def payout(request: Http) -> Json:
    """`{currency, account?, status?}`: pay the balance out; `status` (paid unless given) is how far it gets."""
    body = await _object(request)
    currency = currency_of(_text(body, "currency"), "currency")
    status = _choice(body, "status", ("pending", *payouts.STEPS), "paid")

    def change(work: Work) -> Json:
        made = payouts.create(work, currency)
        return made if status == "pending" else payouts.settle(work, made, status)

    return _done(request, _account(body), change)


@post("/_sandbox/payouts/move", status_code=200)
async def move_payout(request: Http) -> Json:
    """`{payout, status: in_transit|paid|failed|canceled}`"""
    body = await _object(request)
    found = _owner(request, "payout", body, "payout")
    status = _choice(body, "status", tuple(payouts.STEPS))
    return _done(request, found["_account"], lambda work: payouts.settle(work, found, status))


@post("/_sandbox/refunds/fail", status_code=200)
async def fail_refund(request: Http) -> Json:
    """`{refund, reason?}`: the bank sends a refund back."""
    body = await _object(request)
    refund = _owner(request, "refund", body, "refund")
    reason = _choice(body, "reason", ("lost_or_stolen_card", "expired_or_canceled_card", "unknown"), "unknown")
    return _done(request, refund["_account"], lambda work: refunds.fail(work, refund, reason))


@post("/_sandbox/clock", status_code=200)
async def clock(request: Http) -> Json:
    """`{advance_s}`: set the stand-in's clock further ahead. Webhook signatures keep the real time."""
    body, service = await _object(request), service_of(request)
    ahead = _number(body, "advance_s", 1, AHEAD_S_MAX, None) + service.books.setting("clock_ahead_s", 0)
    service.books.set("clock_ahead_s", ahead)
    service.sweep()
    return {"now": service.now(), "ahead_s": ahead}


@post("/_sandbox/keys", status_code=200)
async def keys(request: Http) -> Json:
    """`{key, is_revoked}`: a revoked key is answered 401 from now on; its account stays."""
    body, held = await _object(request), service_of(request).books
    key, is_revoked = _text(body, "key"), body.get("is_revoked")
    if not KEY.fullmatch(key) or not isinstance(is_revoked, bool):
        raise BadControl("key must be a key of the sandbox, is_revoked true or false")
    others = [one for one in held.setting("revoked_keys", []) if one != key]
    held.set("revoked_keys", [*others, key] if is_revoked else others)
    return {"is_revoked": is_revoked}


def on_bad_control(_request: Http, error: BadControl) -> Response[Json]:
    """A refusal in the control endpoints' own form."""
    return Response({"error": str(error)}, status_code=error.status)


def on_stripe_error(_request: Http, error: StripeError) -> Response[Json]:
    """What a control endpoint was refused by the state of things."""
    return Response({"error": error.message}, status_code=error.status)


def _done(request: Http, account: str, change: Callable[[Work], Json]) -> Json:
    """Make one change, send its webhooks, show the object."""
    service = service_of(request)
    with service.books.transaction():
        found = change(service.work(account))
    service.pump.wake()
    return shown(service.books, found)


def _owner(request: Http, name: str, body: Json, kind: str) -> Json:
    found = service_of(request).books.find(_text(body, name), kind=kind)
    if found is None:
        raise BadControl(f"no such {name}", 404)
    return found


async def _object(request: Http) -> Json:
    try:
        value = json.loads(await request.body() or b"{}")
    except (ValueError, RecursionError) as error:
        raise BadControl("the body is not JSON") from error
    if not isinstance(value, dict):
        raise BadControl("the body is not a JSON object")
    return value


def _account(body: Json) -> str:
    account = body.get("account", "acct_sandbox")
    if not isinstance(account, str) or not ACCOUNT.fullmatch(account):
        raise BadControl("account must be one of the sandbox, such as acct_sandbox")
    return account


def _text(body: Json, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise BadControl(f"{name} is missing")
    return value


def _choice(body: Json, name: str, allowed: tuple[str, ...], default: str | None = None) -> str:
    value: Any = body.get(name, default)
    if value not in allowed:
        raise BadControl(f"{name} must be one of {', '.join(allowed)}")
    return str(value)


def _number(body: Json, name: str, least: int, most: int, default: int | None) -> int:
    value: Any = body.get(name, default)
    if type(value) is not int or not least <= value <= most:
        raise BadControl(f"{name} must be a whole number from {least} to {most}")
    return value


ROUTES: list[HTTPRouteHandler] = [
    books, faults, webhook_endpoints, webhook_settings, resend, settle, open_dispute, move_dispute, payout,
    move_payout, fail_refund, clock, keys,
]  # fmt: skip
