"""The headers of every answer, errors and streams included."""

from litestar.datastructures import MutableScopeHeaders
from litestar.types import BeforeMessageSendHookHandler, Message, Scope

from trinity.web.config import WebConfig

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types trinity",
    )
)
FIXED = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
UNLESS_SET = {
    "cache-control": "no-store",
    # `no-referrer` would make browsers send `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "x-robots-tag": "noindex",
}
"""What a page may have reasons to say otherwise: a file that never changes, an address that is a secret, a shop window."""
SANDBOX_POLICY = "sandbox; default-src 'none'"
"""For a file that somebody brought: opened or not, it is nobody's page and may load nothing."""
HSTS = "max-age=31536000; includeSubDomains"


def security_headers(config: WebConfig) -> BeforeMessageSendHookHandler:
    """A hook that sets them. HSTS only over https: on loopback it would lock other ports of the machine."""
    fixed = FIXED | ({"strict-transport-security": HSTS} if config.is_https else {})

    async def hook(message: Message, _: Scope) -> None:
        if message["type"] == "http.response.start":
            headers = MutableScopeHeaders.from_message(message)
            is_file = headers.get("content-security-policy") == SANDBOX_POLICY
            for name, value in fixed.items():
                headers[name] = value
            if is_file:
                headers["content-security-policy"] = SANDBOX_POLICY
            for name, value in UNLESS_SET.items():
                headers.setdefault(name, value)

    return hook
