"""The JSON API of `/api/v1`, as the contract names it, and the addresses that machines watch.

Bodies are parsed strictly, errors are problem+json with a stable `code`, a caller is a signed-in person whose
changes carry the CSRF header, and another account's object does not exist.
"""

from litestar import Router
from litestar.types import ControllerRouterHandler

from trinity.web.api import (
    approvals,
    crm,
    evidence,
    files,
    gmail_push,
    health,
    integrations,
    projects,
    revenue,
    session,
    sponsors,
    stripe_webhook,
    threads,
    tool_calls,
)

router = Router(
    path="/api/v1",
    route_handlers=[
        *session.handlers,
        *tool_calls.handlers,
        *approvals.handlers,
        *projects.handlers,
        *crm.handlers,
        *sponsors.handlers,
        *threads.handlers,
        *evidence.handlers,
        *files.handlers,
        *integrations.handlers,
        *revenue.handlers,
    ],
)
handlers: list[ControllerRouterHandler] = [router, *health.handlers, *stripe_webhook.handlers, *gmail_push.handlers]
