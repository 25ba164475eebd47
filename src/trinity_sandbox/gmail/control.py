"""The stand-in's own endpoints under `/_sandbox/`: set it up, make it misbehave, read its books.

Nothing here is Google's. Errors are `{"error": sentence}` with status 400 or 404.
"""

import base64
import hashlib
import json
import re
from typing import Any

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler

from trinity_sandbox.gmail import bounces
from trinity_sandbox.gmail.books import load
from trinity_sandbox.gmail.errors import GoogleError
from trinity_sandbox.gmail.faults import MODES, SECONDS_MAX, Fault
from trinity_sandbox.gmail.mailboxes import Alias, Mailbox
from trinity_sandbox.gmail.resources import SYSTEM_LABELS
from trinity_sandbox.gmail.service import Call, service_of
from trinity_sandbox.gmail.watching import COPIES_MAX, TOPIC, Topic

ADDRESS = re.compile(r"[^\s@<>,;:\"]+@[^\s@<>,;:\"]+")
TIMES_MAX = 10_000

type Json = dict[str, Any]


class BadControl(Exception):
    """A control request that makes no sense."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@post("/_sandbox/mailboxes", status_code=200)
async def mailboxes(request: Call) -> Json:
    """Create or confirm a mailbox: `{address, display_name, aliases, refresh_token, client_id?, client_secret?}`.

    An alias is an address, or `{address, display_name?, verification?}` with `accepted` or `pending`.
    """
    body = await _object(request)
    mailbox = Mailbox(
        _address(body.get("address")),
        _text(body, "display_name", ""),
        tuple(_alias(one) for one in body.get("aliases", [])),
    )
    refresh_token = _text(body, "refresh_token")
    held = service_of(request).mailboxes.by_refresh_token(refresh_token)
    if held is not None and held["address"] != mailbox.address:
        raise BadControl("this refresh_token belongs to another mailbox")
    service_of(request).mailboxes.confirm(
        mailbox,
        refresh_token=refresh_token,
        client_id=body.get("client_id"),
        client_secret=body.get("client_secret"),
    )
    return {"address": mailbox.address, "aliases": [alias.address for alias in mailbox.aliases]}


@post("/_sandbox/revoke", status_code=200)
async def revoke(request: Call) -> Json:
    """`{mailbox}`: its owner withdraws the grant; from now on the token endpoint says invalid_grant."""
    mailbox = await _mailbox(request)
    service_of(request).mailboxes.revoke(mailbox.address)
    return {"revoked": mailbox.address}


@post("/_sandbox/forget-history", status_code=200)
async def forget_history(request: Call) -> Json:
    """`{mailbox}`: history ids handed out so far are too old from now on."""
    mailbox = await _mailbox(request)
    service_of(request).post.forget_history(mailbox)
    return {"history_id": str(service_of(request).post.history_id(mailbox))}


@post("/_sandbox/deliver", status_code=200)
async def deliver(request: Call) -> Json:
    """`{mailbox, raw_b64, labels?}`: mail from outside arrives; Gmail's own labels, `["UNREAD", "INBOX"]` if none."""
    body = await _object(request)
    mailbox = await _mailbox(request)
    labels = body.get("labels", ["UNREAD", "INBOX"])
    if not isinstance(labels, list) or any(label not in SYSTEM_LABELS for label in labels):
        raise BadControl("labels must be a list of Gmail's own labels")
    try:
        raw = base64.b64decode(str(body.get("raw_b64", "")).replace("-", "+").replace("_", "/"), validate=True)
        row = service_of(request).post.deliver(mailbox, raw, labels)
    except ValueError as error:
        raise BadControl("raw_b64 is not base64") from error
    except GoogleError as error:
        raise BadControl(error.message) from error
    return {"message_id": row["id"], "thread_id": row["thread_id"], "history_id": str(row["history_id"])}


@post("/_sandbox/bounces", status_code=200)
async def set_bounce(request: Call) -> Json:
    """`{address, status?, diagnostic?, action?}`: mail to it comes back. Action `failed`, `delayed` or `none` (no more)."""
    body = await _object(request)
    bounce = bounces.Bounce(
        _address(body.get("address")),
        _text(body, "status", "5.1.1"),
        _text(body, "diagnostic", "550 5.1.1 The email account that you tried to reach does not exist."),
        _text(body, "action", "failed"),
    )
    if bounce.action not in ("failed", "delayed", "none") or not bounces.STATUS.fullmatch(bounce.status):
        raise BadControl("action must be failed, delayed or none, and status like 5.1.1")
    bounces.keep(service_of(request).books, bounce)
    return {"address": bounce.address, "action": bounce.action}


@post("/_sandbox/topics", status_code=200)
async def set_topic(request: Call) -> Json:
    """`{topic, push_url, subscription?, copies?}`: a Pub/Sub topic with a push subscription; each push goes out
    `copies` times."""
    body = await _object(request)
    name, copies = _text(body, "topic"), body.get("copies", 1)
    found = TOPIC.fullmatch(name)
    if found is None or type(copies) is not int or not 1 <= copies <= COPIES_MAX:
        raise BadControl(f"topic must be projects/P/topics/T, and copies 1 to {COPIES_MAX}")
    subscription = _text(body, "subscription", f"projects/{found[1]}/subscriptions/{found[2]}-push")
    service_of(request).watching.set_topic(Topic(name, subscription, _text(body, "push_url"), copies))
    return {"topic": name, "subscription": subscription}


@get("/_sandbox/pushes")
async def pushes(request: Call) -> Json:
    """Every push that a watch brought about, oldest first, with how it went."""
    return {"pushes": service_of(request).watching.pushes()}


@post("/_sandbox/expire-watch", status_code=200)
async def expire_watch(request: Call) -> Json:
    """`{mailbox}`: its watch has run out, as one does after a week."""
    mailbox = await _mailbox(request)
    return {"expired": service_of(request).watching.expire(mailbox.address)}


@post("/_sandbox/faults", status_code=200)
async def faults(request: Call) -> Json:
    """`{path_contains, mode, times, seconds?, method?}` lets a fault wait; `{"clear": true}` forgets all."""
    body = await _object(request)
    waiting = service_of(request).faults
    if body.get("clear"):
        waiting.clear()
        return {"cleared": True}
    times, seconds = body.get("times", 1), body.get("seconds", 0)
    if body.get("mode") not in MODES:
        raise BadControl(f"mode must be one of {', '.join(MODES)}")
    if type(times) is not int or not 1 <= times <= TIMES_MAX:
        raise BadControl(f"times must be a number from 1 to {TIMES_MAX}")
    if body["mode"] == "stale_list" and not seconds:
        raise BadControl("a stale list needs the seconds that it is behind")
    if type(seconds) not in (int, float) or not 0 <= seconds <= SECONDS_MAX:
        raise BadControl(f"seconds must be a number from 0 to {SECONDS_MAX}")
    waiting.add(Fault(_text(body, "path_contains"), body["mode"], times, float(seconds), body.get("method")))
    return {"waiting": True}


@get("/_sandbox/books")
async def books(request: Call) -> Json:
    """What was really sent, the open drafts, and every call to the provider's own endpoints, oldest first."""
    mail = service_of(request).post
    sent = [
        {
            "mailbox": row["mailbox"],
            "message_id": row["message_id"],
            "thread_id": row["thread_id"],
            "wire_message_id": row["wire_message_id"],
            "raw_b64": base64.b64encode(row["raw"]).decode(),
            "submitted_b64": base64.b64encode(row["submitted"]).decode(),
            "sha256_submitted": hashlib.sha256(row["submitted"]).hexdigest(),
            "at": row["at"],
            "recipients": load(row["recipients"]),
        }
        for row in mail.sent()
    ]
    drafts = [
        {
            "mailbox": row["mailbox"],
            "draft_id": row["id"],
            "message_id": row["message_id"],
            "thread_id": row["thread_id"],
            "raw_b64": base64.b64encode(row["raw"]).decode(),
        }
        for row in mail.all_drafts()
    ]
    return {"sent": sent, "drafts": drafts, "calls": service_of(request).books.calls()}


def on_bad_control(_request: Call, error: BadControl) -> Response[Json]:
    """A refusal in the control endpoints' own form."""
    return Response({"error": str(error)}, status_code=error.status)


async def _object(request: Call) -> Json:
    try:
        value = json.loads(await request.body())
    except ValueError as error:
        raise BadControl("the body is not JSON") from error
    if not isinstance(value, dict):
        raise BadControl("the body is not a JSON object")
    return value


async def _mailbox(request: Call) -> Mailbox:
    found = service_of(request).mailboxes.get(_address((await _object(request)).get("mailbox")))
    if found is None:
        raise BadControl("no such mailbox", 404)
    return found


def _alias(value: object) -> Alias:
    given = value if isinstance(value, dict) else {"address": value}
    verification = given.get("verification", "accepted")
    if verification not in ("accepted", "pending"):
        raise BadControl("verification must be accepted or pending")
    return Alias(_address(given.get("address")), _text(given, "display_name", ""), verification)


def _address(value: object) -> str:
    if not isinstance(value, str) or not ADDRESS.fullmatch(value):
        raise BadControl("an address is missing or is not one")
    return value.lower()


def _text(body: Json, name: str, default: str | None = None) -> str:
    value = body.get(name, default)
    if not isinstance(value, str) or (not value and default is None):
        raise BadControl(f"{name} is missing")
    return value


ROUTES: list[HTTPRouteHandler] = [
    mailboxes, revoke, forget_history, deliver, set_bounce, set_topic, pushes, expire_watch, faults, books,
]  # fmt: skip
