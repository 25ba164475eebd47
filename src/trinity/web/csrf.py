"""Nobody else's page may act for a signed-in person: a token bound to the session, and the origin.

The token is an HMAC of the session's own token, so that a cookie planted by a neighbouring host does not
help, and it never travels in a live stream (a compressed stream could leak it).
"""

import hashlib
import hmac

from litestar import Request

from trinity.errors import Refused
from trinity.web.config import WebConfig
from trinity.web.forms import FORM_TYPES, posted

HEADER = "x-csrf-token"
FIELD = "csrf_token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_PURPOSE = b"trinity/csrf/v1\0"


def csrf_token(config: WebConfig, session_token: str) -> str:
    """The token that belongs to one session."""
    return hmac.new(config.secret_key, _PURPOSE + session_token.encode(), hashlib.sha256).hexdigest()


def demand_same_origin(request: Request, config: WebConfig, *, is_proof_needed: bool) -> None:  # type: ignore[type-arg]
    """Refuse what a browser says comes from another origin.

    Browsers always say where a POST comes from; scripts without a browser do not. `is_proof_needed` is for
    requests that carry no other proof (the sign-in form): then silence is refused too.
    """
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site")
    if origin is not None and origin.lower() not in config.origins:
        raise Refused("cross_origin", "This request comes from another site.", status=403)
    if site is not None and site not in ("same-origin", "none"):
        raise Refused("cross_origin", "This request comes from another site.", status=403)
    if is_proof_needed and origin is None and site is None:
        raise Refused("cross_origin", "The browser did not say where this request comes from.", status=403)


async def demand_token(request: Request, config: WebConfig, session_token: str) -> None:  # type: ignore[type-arg]
    """Refuse a change that does not carry the session's CSRF token, in the header or a hidden field."""
    sent = request.headers.get(HEADER)
    if sent is None and request.content_type[0] in FORM_TYPES:
        found = (await posted(request)).get(FIELD)
        sent = found if isinstance(found, str) else None
    expected = csrf_token(config, session_token)
    if sent is None or not hmac.compare_digest(sent.encode(), expected.encode()):
        message = "The form is out of date or was not ours. Reload the page and try again."
        raise Refused("csrf", message, status=403)
