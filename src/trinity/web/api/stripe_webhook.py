"""`POST /webhooks/stripe/{account}`: where Stripe's events come in."""

from uuid import UUID

from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from trinity.providers.stripe.webhook import BODY_BYTES_MAX
from trinity.web.context import house_of
from trinity.web.guards import anyone
from trinity.web.rooms.webhooks import StripeDoor

REFUSAL = {"code": "webhook_refused"}
"""One answer for everything that is refused: which check said no is for our record, not for who tries."""


@post("/webhooks/stripe/{account:str}", guards=[anyone], include_in_schema=False, request_max_body_size=None)
async def stripe_webhook(request: Request, account: FromPath[str]) -> Response[dict[str, str]]:  # type: ignore[type-arg]
    """200 once the event is kept, 400 for anything that is not Stripe's word to this account.

    The guard lets it pass because Stripe is no browser and names no origin; what proves it is the signature.
    """
    body = await _bounded(request)
    try:
        account_id = UUID(account)
    except ValueError:
        return Response(REFUSAL, status_code=400)
    door = StripeDoor(house_of(request))
    is_taken = await door.take(account_id, body, request.headers.get("stripe-signature"))
    return Response({"received": "yes"} if is_taken else REFUSAL, status_code=200 if is_taken else 400)


async def _bounded(request: Request) -> bytes:  # type: ignore[type-arg]
    """The body up to one byte more than is taken: a larger one is refused, and never held whole."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            break
    return bytes(body[: BODY_BYTES_MAX + 1])


handlers: list[HTTPRouteHandler] = [stripe_webhook]
