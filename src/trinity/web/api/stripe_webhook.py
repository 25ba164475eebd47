"""`POST /webhooks/stripe/{account}`: where Stripe's events come in."""

from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from trinity.providers.stripe.webhook import BODY_BYTES_MAX
from trinity.web.api.hooks import account_in, answer, bounded
from trinity.web.context import house_of
from trinity.web.guards import anyone
from trinity.web.rooms.webhooks import StripeDoor


@post("/webhooks/stripe/{account:str}", guards=[anyone], include_in_schema=False, request_max_body_size=None)
async def stripe_webhook(request: Request, account: FromPath[str]) -> Response[dict[str, str]]:  # type: ignore[type-arg]
    """200 once the event is kept, 400 for anything that is not Stripe's word to this account.

    The guard lets it pass because Stripe is no browser and names no origin; what proves it is the signature.
    """
    body, account_id = await bounded(request, BODY_BYTES_MAX), account_in(account)
    if account_id is None:
        return answer(is_taken=False)
    door = StripeDoor(house_of(request))
    is_taken = await door.take(account_id, body, request.headers.get("stripe-signature"))
    return answer(is_taken=is_taken)


handlers: list[HTTPRouteHandler] = [stripe_webhook]
