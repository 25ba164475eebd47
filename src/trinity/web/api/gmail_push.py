"""`POST /webhooks/gmail/{account}?token=…`: where a Pub/Sub push subscription says that mail came."""

from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from trinity.web.api.hooks import account_in, answer, bounded
from trinity.web.context import house_of
from trinity.web.guards import anyone
from trinity.web.rooms.push import BODY_BYTES_MAX, GmailDoor


@post("/webhooks/gmail/{account:str}", guards=[anyone], include_in_schema=False, request_max_body_size=None)
async def gmail_push(request: Request, account: FromPath[str]) -> Response[dict[str, str]]:  # type: ignore[type-arg]
    """200 once a look at the mailbox is arranged, 400 for anything that does not bring the mailbox's token.

    The guard lets it pass because Pub/Sub is no browser and names no origin; what proves it is the token.
    """
    body, account_id = await bounded(request, BODY_BYTES_MAX), account_in(account)
    if account_id is None:
        return answer(is_taken=False)
    token = request.query_params.get("token", "")
    is_taken = await GmailDoor(house_of(request)).take(account_id, token, body)
    return answer(is_taken=is_taken)


handlers: list[HTTPRouteHandler] = [gmail_push]
