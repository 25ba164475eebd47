"""`POST /token`: Google's OAuth 2.0 token endpoint, for `grant_type=refresh_token` (RFC 6749, section 6)."""

import secrets
from urllib.parse import parse_qsl

from litestar import Response, post

from trinity_sandbox.gmail.mailboxes import ACCESS_TOKEN_S
from trinity_sandbox.gmail.service import Call, service_of

SCOPE = "https://www.googleapis.com/auth/gmail.modify"
FORM_BYTES_MAX = 16_384

type Answer = Response[dict[str, object]]


@post("/token", status_code=200)
async def token(request: Call) -> Answer:
    """Exchange a refresh token for an access token that names its mailbox."""
    body = await request.body()
    if len(body) > FORM_BYTES_MAX:
        return _error(400, "invalid_request", "Request too large.")
    form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    if form.get("grant_type") != "refresh_token":
        return _error(400, "unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type', '')}")
    if not form.get("refresh_token"):
        return _error(400, "invalid_request", "Missing required parameter: refresh_token")
    if not form.get("client_id"):
        return _error(400, "invalid_request", "Could not determine client ID from request.")
    mailboxes = service_of(request).mailboxes
    row = mailboxes.by_refresh_token(form["refresh_token"])
    if row is not None and not _is_client(row["client_id"], row["client_secret"], form):
        return _error(401, "invalid_client", "The OAuth client was not found.")
    if row is None or row["is_revoked"]:
        return _error(400, "invalid_grant", "Token has been expired or revoked.")
    return Response(
        {
            "access_token": mailboxes.grant(row["address"]),
            "expires_in": ACCESS_TOKEN_S,
            "scope": SCOPE,
            "token_type": "Bearer",
        },
        headers={"cache-control": "no-store"},
    )


def _is_client(client_id: str | None, client_secret: str | None, form: dict[str, str]) -> bool:
    """A mailbox that was made without a client accepts any."""
    expected = ((client_id, "client_id"), (client_secret, "client_secret"))
    return all(
        wanted is None or secrets.compare_digest(wanted.encode(), form.get(name, "").encode())
        for wanted, name in expected
    )


def _error(status: int, code: str, description: str) -> Answer:
    return Response({"error": code, "error_description": description}, status_code=status)
