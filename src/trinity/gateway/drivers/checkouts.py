"""The checkout that a Stripe session is opened for: what a payload must agree with, since nobody approves it."""

from urllib.parse import urlsplit
from uuid import UUID

from trinity.errors import NotFound, Refused
from trinity.gateway.drivers.driver import Ask
from trinity.gateway.payloads import CheckoutPayload
from trinity.kit.permit import origin_of
from trinity.store.database import Tx


async def check(tx: Tx, ask: Ask, payload: CheckoutPayload) -> UUID:
    """The checkout stands in this project, still waits for its session, and says the same money and the same person."""
    row = await tx.one(
        """
        select k.id, k.project_id, k.offer_id, k.amount_minor, k.currency, k.state, c.email
        from checkout_sessions k join contacts c on c.account_id = k.account_id and c.id = k.contact_id
        where k.id = %(id)s for update of k
        """,
        {"id": UUID(payload.checkout_id)},
    )
    if row is None or row["project_id"] != ask.project.id:
        raise NotFound("checkout")
    if row["state"] != "preparing":
        raise Refused("checkout_not_waiting", f"This checkout is {row['state']}.")
    said = (UUID(payload.offer_id), payload.amount_minor, payload.currency, payload.customer_email.lower())
    if said != (row["offer_id"], row["amount_minor"], row["currency"], str(row["email"]).lower()):
        raise Refused("checkout_mismatch", "The payload is not what this checkout was begun with.", status=422)
    ours = origin_of(ask.house.settings.base_url)
    if any(urlsplit(url).username or origin_of(url) != ours for url in (payload.success_url, payload.cancel_url)):
        raise Refused("foreign_url", "After paying, a customer comes back to us and to nobody else.", status=422)
    found: UUID = row["id"]
    return found
