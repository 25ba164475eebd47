"""Approval requests: list, card, decision, revocation, edit."""

from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody, QueryParameter

from trinity.errors import Refused
from trinity.web.api import shapes
from trinity.web.api.bodies import Edit, NewDecision
from trinity.web.api.shapes import Shape
from trinity.web.context import PageRequest, web_of
from trinity.web.guards import may_approve, may_change, member

STATES = ("pending", "approved", "rejected", "expired", "superseded", "cancelled", "revoked", "spent")


@get("/approvals", guards=[member])
async def approvals(
    request: PageRequest, wanted: Annotated[str | None, QueryParameter(name="state")] = None
) -> dict[str, list[Shape]]:
    """What people were asked, newest first, optionally in one state."""
    if wanted is not None and wanted not in STATES:
        raise Refused("invalid_payload", f"A state is one of {', '.join(STATES)}.", status=422)
    found = await web_of(request).desk.approvals(request.user, (wanted,) if wanted else ())
    items = [{"id": shapes.identity(row.approval_id), "tool_call": shapes.call_row(row)} for row in found]
    return {"items": [item | {"state": row.approval_state} for item, row in zip(items, found, strict=True)]}


@get("/approvals/{approval_id:uuid}", guards=[member])
async def approval(request: PageRequest, approval_id: FromPath[UUID]) -> Shape:
    """The card: the materialised content as it will be sent, and the digest that a decision names."""
    return shapes.card(await web_of(request).desk.approval(request.user, approval_id))


@post("/approvals/{approval_id:uuid}/decisions", guards=[may_approve])
async def decide(request: PageRequest, approval_id: FromPath[UUID], data: JSONBody[NewDecision]) -> Shape:
    """Decide on the envelope whose digest was seen."""
    desk = web_of(request).desk
    await desk.decide(request.user, approval_id, data.decision, data.envelope_digest, data.reason)
    return shapes.card(await desk.approval(request.user, approval_id))


@post("/approvals/{approval_id:uuid}/revoke", guards=[may_approve], status_code=200)
async def revoke(request: PageRequest, approval_id: FromPath[UUID]) -> Shape:
    """Take an approval back, until it is claimed."""
    desk = web_of(request).desk
    await desk.revoke(request.user, approval_id)
    return shapes.card(await desk.approval(request.user, approval_id))


@post("/approvals/{approval_id:uuid}/edit", guards=[may_change])
async def edit(request: PageRequest, approval_id: FromPath[UUID], data: JSONBody[Edit]) -> Shape:
    """A superseding envelope with its own approval."""
    desk = web_of(request).desk
    new_id = await desk.edit(request.user, approval_id, data.payload)
    return shapes.card(await desk.approval(request.user, new_id))


handlers: list[HTTPRouteHandler] = [approvals, approval, decide, revoke, edit]
