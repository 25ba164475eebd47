"""Conversations: the list, one of them, and a person's answer to it."""

from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody
from pydantic import Field

from trinity.kit.canonical import rfc3339
from trinity.web.api import shapes
from trinity.web.api.bodies import Body
from trinity.web.api.shapes import Shape
from trinity.web.context import PageRequest, house_of, web_of
from trinity.web.guards import may_change, may_run, member
from trinity.web.rooms.inbox import Entry, InboxRoom, ThreadRow, ThreadView


class NewAnswer(Body):
    """`POST /threads/{id}/answer`."""

    text: Annotated[str, Field(min_length=1, max_length=100_000)]


@get("/threads", guards=[member])
async def threads(request: PageRequest) -> dict[str, list[Shape]]:
    """Conversations, the newest first."""
    query = request.query_params
    rows = await InboxRoom(house_of(request)).threads(request.user, query.get("q", ""), query.get("state") or None)
    return {"items": [_row(one) for one in rows]}


@get("/threads/{thread_id:uuid}", guards=[member])
async def thread(request: PageRequest, thread_id: FromPath[UUID]) -> Shape:
    """One conversation with its messages; of one in quarantine sizes, times and enumerations only."""
    return _view(await InboxRoom(house_of(request)).thread(request.user, thread_id))


@post("/threads/{thread_id:uuid}/answer", guards=[may_change])
async def write(request: PageRequest, thread_id: FromPath[UUID], data: JSONBody[NewAnswer]) -> Shape:
    """Propose an answer; it goes out when somebody else has approved it."""
    made = await InboxRoom(house_of(request)).answer(request.user, thread_id, data.text)
    return {
        "id": str(made.tool_call_id),
        "state": made.state,
        "tier": made.tier,
        "envelope_digest": made.envelope_digest,
        "approval_id": str(made.approval_id) if made.approval_id else None,
    }


@post("/threads/{thread_id:uuid}/runs", guards=[may_run])
async def start_agent(request: PageRequest, thread_id: FromPath[UUID]) -> Shape:
    """Have the agent draft an answer; the run waits until the newest message is released."""
    run_id = await InboxRoom(house_of(request)).start_agent(request.user, thread_id)
    return shapes.run(await web_of(request).desk.run(request.user, run_id))


def _row(row: ThreadRow) -> Shape:
    thread = row.thread
    return {
        "id": str(thread.id),
        "project_id": str(thread.project_id),
        "contact_id": str(thread.contact_id) if thread.contact_id else None,
        "state": thread.state,
        "messages": thread.count,
        "quarantined": row.waiting,
        "last_at": rfc3339(thread.last_at),
        "created_at": rfc3339(thread.created_at),
    }


def _view(found: ThreadView) -> Shape:
    waiting = sum(one.is_quarantined for one in found.entries)
    return _row(ThreadRow(found.thread, waiting, len(found.entries))) | {
        "mailbox": found.mailbox,
        "messages": [_message(one) for one in found.entries],
    }


def _message(entry: Entry) -> Shape:
    message, source = entry.message, entry.source
    is_read = source is None or source.release_state == "released"
    return {
        "id": str(message.id),
        "direction": message.direction,
        "kind": message.kind,
        "sent_at": rfc3339(message.sent_at),
        "tool_call_id": str(message.tool_call_id) if message.tool_call_id else None,
        "source_id": str(source.id) if source else None,
        "release_state": source.release_state if source else None,
        "size_bytes": entry.size_bytes,
        "artifact_ids": [str(one.id) for one in entry.artifacts],
        "from": message.from_addr if is_read else None,
        "subject": message.subject if is_read else None,
    }


handlers: list[HTTPRouteHandler] = [threads, thread, write, start_agent]
