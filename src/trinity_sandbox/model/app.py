"""The server: `GET /v1/models`, `POST /v1/chat/completions`, its books, and a page that says SANDBOX."""

import hashlib
import html
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from litestar import Litestar, MediaType, Request, Response, get, post

from trinity_sandbox.model.books import Books, Entry
from trinity_sandbox.model.completion import MODEL_ID, BadRequest, complete

BODY_BYTES_MAX = 2_000_000
RULES_OF = 1_790_000_000
"""The `created` of the model in the list: when these rules were written, as Unix time."""

STYLE = (
    "body{font:16px/1.5 system-ui;margin:2rem auto;max-width:60rem;padding:0 1rem}b{background:#fc3;padding:.2em .5em}"
)


def build_app(data_dir: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Litestar:
    """The stand-in as an ASGI application that keeps its books in `data_dir`."""
    books = Books(data_dir)

    def note(path: str, body: bytes, status: int, answer: str) -> None:
        at = clock().astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        books.write(Entry(at, path, hashlib.sha256(body).hexdigest(), len(body), status, answer))

    @get("/v1/models", sync_to_thread=False)
    def models() -> dict[str, Any]:
        model = {"id": MODEL_ID, "object": "model", "created": RULES_OF, "owned_by": "trinity-sandbox", "ai": False}
        return {"object": "list", "data": [model], "ai": False}

    @post("/v1/chat/completions", status_code=200)
    async def chat_completions(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        body = await request.body()
        digest = hashlib.sha256(body).hexdigest()
        try:
            answer = complete(_parsed(body), digest=digest, created=int(clock().timestamp()))
        except BadRequest as error:
            note("/v1/chat/completions", body, error.status, error.code)
            return Response(_error(error), status_code=error.status)
        note("/v1/chat/completions", body, 200, _what(answer))
        return Response(answer, status_code=200)

    @get("/_sandbox/books", sync_to_thread=False)
    def show_books() -> dict[str, Any]:
        return {"ai": False, "model": MODEL_ID, "requests": [entry.as_dict() for entry in books.entries()]}

    @get("/", media_type=MediaType.HTML, sync_to_thread=False)
    def page() -> str:
        return _page(books.entries())

    def close(_: Litestar) -> None:
        books.close()

    return Litestar(
        route_handlers=[models, chat_completions, show_books, page],
        on_shutdown=[close],
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=None,
    )


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest("invalid_json", "The body is not JSON.") from error
    if not isinstance(value, dict):
        raise BadRequest("invalid_json", "The body must be an object.")
    return value


def _error(error: BadRequest) -> dict[str, Any]:
    kind = "invalid_request_error"
    return {"error": {"message": str(error), "type": kind, "param": None, "code": error.code}, "ai": False}


def _what(answer: dict[str, Any]) -> str:
    """What an answer was, for the books: the tools it called, or that it was text."""
    calls = answer["choices"][0]["message"].get("tool_calls", [])
    return ", ".join(call["function"]["name"] for call in calls) or "text"


def _page(entries: list[Entry]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(entry.at)}<td>{entry.status}<td>{html.escape(entry.answer)}<td><code>{entry.sha256[:16]}</code>"
        for entry in reversed(entries)
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>SANDBOX model</title><style>{STYLE}</style>"
        f"<h1><b>SANDBOX</b> model endpoint</h1><p><code>{MODEL_ID}</code> is a set of rules and templates. "
        "It is no AI, and it says so in every answer.</p>"
        f"<table><tr><th>at<th>status<th>answer<th>request{rows}</table></html>"
    )
