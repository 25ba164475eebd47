"""The inbox: conversations, what waits in quarantine in them, and how they are answered."""

from uuid import UUID

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect, Stream

from trinity.web.context import PageRequest, house_of
from trinity.web.forms import done, read_form
from trinity.web.guards import may_change, may_release, may_run, member
from trinity.web.rooms.inbox import SEARCH_CHARS_MAX, InboxRoom
from trinity.web.stream import Page, answer

STATES = ("open", "waiting", "answered", "closed")
TEXT_CHARS_MAX = 100_000


@get("/inbox", guards=[member], include_in_schema=False)
async def inbox(request: PageRequest) -> Response[str] | Stream:
    """All conversations, those of one state, or those that a search finds."""
    state = request.query_params.get("state", "")
    search = request.query_params.get("q", "").replace("\x00", "").strip()[:SEARCH_CHARS_MAX]

    async def draw() -> Page:
        wanted = state if state in STATES else None
        rows = await InboxRoom(house_of(request)).threads(request.user, search, wanted)
        values = {"rows": rows, "state": wanted, "states": STATES, "search": search}
        return Page("inbox.html", "Inbox", "inbox", values, frozenset({"threads"}))

    return await answer(request, draw)


@get("/inbox/{thread_id:uuid}", guards=[member], include_in_schema=False)
async def thread(request: PageRequest, thread_id: FromPath[UUID]) -> Response[str] | Stream:
    """One conversation."""

    async def draw() -> Page:
        found = await InboxRoom(house_of(request)).thread(request.user, thread_id)
        topics = frozenset({f"thread:{thread_id}", f"project:{found.thread.project_id}"})
        return Page("thread.html", found.thread.subject or "(no subject)", "inbox", {"found": found}, topics)

    return await answer(request, draw)


@post("/inbox/{thread_id:uuid}/messages/{message_id:uuid}/release", guards=[may_release], include_in_schema=False)
async def release(
    request: PageRequest, thread_id: FromPath[UUID], message_id: FromPath[UUID]
) -> Response[None] | Redirect:
    """Let agents read a message."""
    await InboxRoom(house_of(request)).decide(request.user, thread_id, message_id, is_released=True)
    return done(request, f"/inbox/{thread_id}", "Released to agents.")


@post("/inbox/{thread_id:uuid}/messages/{message_id:uuid}/reject", guards=[may_release], include_in_schema=False)
async def reject(
    request: PageRequest, thread_id: FromPath[UUID], message_id: FromPath[UUID]
) -> Response[None] | Redirect:
    """Keep a message from agents for good."""
    await InboxRoom(house_of(request)).decide(request.user, thread_id, message_id, is_released=False)
    return done(request, f"/inbox/{thread_id}", "Rejected.")


@post("/inbox/{thread_id:uuid}/runs", guards=[may_run], include_in_schema=False)
async def start_agent(request: PageRequest, thread_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Have the agent draft an answer."""
    run_id = await InboxRoom(house_of(request)).start_agent(request.user, thread_id)
    return done(request, f"/runs/{run_id}")


@post("/inbox/{thread_id:uuid}/answer", guards=[may_change], include_in_schema=False)
async def write(request: PageRequest, thread_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Propose an answer in one's own words; somebody else approves it."""
    form = await read_form(request)
    text = form.text("text", chars_max=TEXT_CHARS_MAX, is_required=True)
    made = await InboxRoom(house_of(request)).answer(request.user, thread_id, text)
    place = f"/approvals/{made.approval_id}" if made.approval_id else f"/tool-calls/{made.tool_call_id}"
    return done(request, place, "Proposed. Somebody else has to approve it.")


@post("/inbox/{thread_id:uuid}/close", guards=[may_change], include_in_schema=False)
async def close(request: PageRequest, thread_id: FromPath[UUID]) -> Response[None] | Redirect:
    """Nothing is left to do here."""
    await InboxRoom(house_of(request)).close(request.user, thread_id, is_closed=True)
    return done(request, f"/inbox/{thread_id}", "Closed.")


@post("/inbox/{thread_id:uuid}/reopen", guards=[may_change], include_in_schema=False)
async def reopen(request: PageRequest, thread_id: FromPath[UUID]) -> Response[None] | Redirect:
    """There is something to do after all."""
    await InboxRoom(house_of(request)).close(request.user, thread_id, is_closed=False)
    return done(request, f"/inbox/{thread_id}", "Open again.")


handlers: list[HTTPRouteHandler] = [inbox, thread, release, reject, start_agent, write, close, reopen]
