"""Approvals: the list, the card, and what a person can do with it."""

from uuid import UUID

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect, Stream

from trinity.errors import Refused
from trinity.kit.canonical import Json
from trinity.web.context import PageRequest, web_of
from trinity.web.forms import Form, done, read_form
from trinity.web.guards import may_approve, may_change, member
from trinity.web.plaintext import is_same_words
from trinity.web.stream import Page, answer

SHOWN = {
    "pending": ("pending",),
    "decided": ("approved", "rejected", "expired", "superseded", "cancelled", "revoked", "spent"),
    "all": (),
}
"""What the list can be asked for, and the states that it means; none means every state."""
RECIPIENTS_MAX = 50


@get("/approvals", guards=[member], include_in_schema=False)
async def approvals(request: PageRequest) -> Response[str] | Stream:
    """What waits, or what was decided."""
    shown = request.query_params.get("state", "pending")
    if shown not in SHOWN:
        raise Refused("invalid_payload", "There is no such list.", status=422)

    async def draw() -> Page:
        found = await web_of(request).desk.approvals(request.user, SHOWN[shown])
        values = {"calls": found, "shown": shown}
        return Page("approvals.html", "Approvals", "approvals", values, frozenset({"approvals", "sent"}))

    return await answer(request, draw)


@get("/approvals/{approval_id:uuid}", guards=[member], include_in_schema=False)
async def approval(request: PageRequest, approval_id: FromPath[UUID]) -> Response[str] | Stream:
    """The card: exactly what will be sent, decoded from the stored bytes."""

    async def draw() -> Page:
        found = await web_of(request).desk.approval(request.user, approval_id)
        values = {
            "call": found,
            "same_words": is_same_words(found.mail),
            "can_edit": found.row.operation.startswith("gmail.") and not found.typed_payload.get("attachments"),
        }
        topics = frozenset({f"call:{found.row.id}", "approvals", "sent"})
        return Page("approval.html", found.row.subject or "Approval", "approvals", values, topics)

    return await answer(request, draw)


@post("/approvals/{approval_id:uuid}/decisions", guards=[may_approve], include_in_schema=False)
async def decide(request: PageRequest, approval_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Approve or reject the envelope that was shown; the form names its digest."""
    form = await read_form(request)
    decision = form.text("decision", is_required=True)
    if decision not in ("approve", "reject"):
        raise Refused("invalid_payload", "Decide with approve or reject.", status=422)
    await web_of(request).desk.decide(
        request.user,
        approval_id,
        decision,
        form.text("envelope_digest", chars_max=64, is_required=True),
        form.text("reason", chars_max=2000),
    )
    return done(request, f"/approvals/{approval_id}", "Approved." if decision == "approve" else "Rejected.")


@post("/approvals/{approval_id:uuid}/revoke", guards=[may_approve], include_in_schema=False)
async def revoke(request: PageRequest, approval_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Take an approval back, as long as it is not claimed."""
    await web_of(request).desk.revoke(request.user, approval_id)
    return done(request, f"/approvals/{approval_id}", "Taken back. Nothing was sent.")


@post("/approvals/{approval_id:uuid}/edit", guards=[may_change], include_in_schema=False)
async def edit(request: PageRequest, approval_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Make a new version: a new envelope with an approval of its own; this one ends."""
    web = web_of(request)
    form = await read_form(request)
    before = (await web.desk.approval(request.user, approval_id)).typed_payload
    new_id = await web.desk.edit(request.user, approval_id, edited(before, form))
    return done(request, f"/approvals/{new_id}", "This is the new version.")


def edited(before: dict[str, Json], form: Form) -> dict[str, Json]:
    """The payload with the form's values in place of the old ones; everything else stays as it was."""
    people: dict[str, Json] = {
        name: [_person(line) for line in form.text(name, chars_max=10_000).splitlines() if line.strip()]
        for name in ("to", "cc", "bcc")
    }
    if sum(len(found) for found in people.values() if isinstance(found, list)) > RECIPIENTS_MAX:
        raise Refused("invalid_payload", f"More than {RECIPIENTS_MAX} recipients.", status=422)
    return {
        **before,
        **people,
        "subject": form.text("subject", is_required=True),
        "text": form.text("text", chars_max=100_000, is_required=True),
    }


def _person(line: str) -> Json:
    """`address name…` as the form shows it; the operation's own schema checks the address."""
    addr, _, name = line.strip().partition(" ")
    return {"addr": addr, "name": name.strip()} if name.strip() else {"addr": addr}


handlers: list[HTTPRouteHandler] = [approvals, approval, decide, revoke, edit]
