"""The stand-in's own endpoints under `/_sandbox/`: read its books, make it misbehave, say who is let in.

Errors are `{"error": sentence}` with status 400.
"""

import base64
import json
from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

from trinity_sandbox.smtp.books import Books
from trinity_sandbox.smtp.faults import COMMANDS, MODES, SECONDS_MAX, TIMES_MAX, Fault, Faults

LOGINS_MAX = 20

type Json = dict[str, Any]
type Call = Request[None, None, State]


class BadControl(Exception):
    """A control request that makes no sense."""


@get("/_sandbox/books")
async def books(request: Call) -> Json:
    """Every mail that was taken and what every command was answered, oldest first."""
    mails = [
        {
            "id": f"sandbox-{mail.seq}",
            "sender": mail.sender,
            "recipients": mail.recipients,
            "raw_b64": base64.b64encode(mail.raw).decode(),
            "at": mail.at,
        }
        for mail in books_of(request).mails()
    ]
    return {"mails": mails, "answers": books_of(request).answers()}


@post("/_sandbox/faults", status_code=200)
async def faults(request: Call) -> Json:
    """`{mode, command?, times?, seconds?}` lets a fault wait; `{"clear": true}` forgets all."""
    body = await _object(request)
    waiting = request.app.state["faults"]
    assert isinstance(waiting, Faults)
    if body.get("clear"):
        waiting.clear()
        return {"cleared": True}
    command, times, seconds = body.get("command", "DATA"), body.get("times", 1), body.get("seconds", 0)
    if body.get("mode") not in MODES or command not in COMMANDS:
        raise BadControl(f"mode must be one of {', '.join(MODES)}, command one of {', '.join(COMMANDS)}")
    if body["mode"] == "accept_then_drop" and command != "DATA":
        raise BadControl("only DATA accepts anything")
    if type(times) is not int or not 1 <= times <= TIMES_MAX:
        raise BadControl(f"times must be a number from 1 to {TIMES_MAX}")
    if type(seconds) not in (int, float) or not 0 <= seconds <= SECONDS_MAX:
        raise BadControl(f"seconds must be a number from 0 to {SECONDS_MAX}")
    waiting.add(Fault(command, body["mode"], times, float(seconds)))
    return {"waiting": True}


@post("/_sandbox/logins", status_code=200)
async def logins(request: Call) -> Json:
    """`{logins: {name: password}}`: from now on only these are let in; an empty object lets everybody in."""
    given = (await _object(request)).get("logins")
    if (
        not isinstance(given, dict)
        or len(given) > LOGINS_MAX
        or not all(isinstance(part, str) and part for pair in given.items() for part in pair)
    ):
        raise BadControl(f"logins must be an object of at most {LOGINS_MAX} names and passwords")
    books_of(request).set_logins(given)
    return {"logins": sorted(given)}


def books_of(request: Call) -> Books:
    """The books behind a request."""
    found = request.app.state["books"]
    assert isinstance(found, Books)
    return found


def on_bad_control(_request: Call, error: BadControl) -> Response[Json]:
    """A refusal in the control endpoints' own form."""
    return Response({"error": str(error)}, status_code=400)


async def _object(request: Call) -> Json:
    try:
        value = json.loads(await request.body())
    except ValueError as error:
        raise BadControl("the body is not JSON") from error
    if not isinstance(value, dict):
        raise BadControl("the body is not a JSON object")
    return value


ROUTES: list[HTTPRouteHandler] = [books, faults, logins]
