"""`POST /webhooks/gmail/{account}?token=…`: where a Pub/Sub push subscription says that mail came."""

from uuid import UUID

from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from trinity.web.context import house_of
from trinity.web.guards import anyone
from trinity.web.rooms.push import BODY_BYTES_MAX, GmailDoor

REFUSAL = {"code": "webhook_refused"}
"""One answer for everything that is refused: which check said no is for our record, not for who tries."""


@post("/webhooks/gmail/{account:str}", guards=[anyone], include_in_schema=False, request_max_body_size=None)
async def gmail_push(request: Request, account: FromPath[str]) -> Response[dict[str, str]]:  # type: ignore[type-arg]
    """200 once a look at the mailbox is arranged, 400 for anything that does not bring the mailbox's token.

    The guard lets it pass because Pub/Sub is no browser and names no origin; what proves it is the token.
    """
    body = await _bounded(request)
    try:
        account_id = UUID(account)
    except ValueError:
        return Response(REFUSAL, status_code=400)
    token = request.query_params.get("token", "")
    is_taken = await GmailDoor(house_of(request)).take(account_id, token, body)
    return Response({"received": "yes"} if is_taken else REFUSAL, status_code=200 if is_taken else 400)


async def _bounded(request: Request) -> bytes:  # type: ignore[type-arg]
    """The body up to one byte more than is taken: a larger one is refused, and never held whole."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            break
    return bytes(body[: BODY_BYTES_MAX + 1])


handlers: list[HTTPRouteHandler] = [gmail_push]
