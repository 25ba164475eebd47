"""Errors as answers: `application/problem+json` with a stable `code` for programs, a page for people.

Nothing of an unexpected error reaches the caller but a reference that also stands in the log.
"""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import psycopg
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.response import Redirect
from psycopg_pool import PoolTimeout

from trinity.errors import Blocked, ProviderError, Refused
from trinity.kit.canonical import NotCanonical
from trinity.web.context import web_of
from trinity.web.forms import own_path

_log = logging.getLogger(__name__)
_PROBLEM = "application/problem+json"
RETRY_AFTER_S = 30
_CODES = {
    400: "bad_request",
    401: "not_signed_in",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid_payload",
    429: "too_many_attempts",
}
_DETAILS = {
    404: "This address leads nowhere.",
    405: "This address does not take that method.",
    413: "It is larger than what is taken here.",
}
_TITLES = {
    400: "That request makes no sense here",
    401: "Sign in to continue",
    403: "That is not allowed",
    404: "There is nothing here",
    405: "That is not how this address works",
    409: "That cannot be done now",
    413: "That is too large",
    422: "Something in it is not right",
    429: "Too many attempts",
    500: "Something broke on our side",
    503: "That cannot be done right now",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One error, ready to be told (RFC 9457)."""

    status: int
    code: str
    detail: str
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """A short heading for people."""
        return _TITLES.get(self.status, "That did not work")


def problem_of(error: Exception) -> Problem:
    """The problem that an exception means to a caller."""
    if isinstance(error, Refused):
        return Problem(error.status, error.code, error.message, error.details)
    if isinstance(error, Blocked):
        reasons = [reason.as_dict() for reason in error.reasons]
        return Problem(403, "denied", "; ".join(reason.message for reason in error.reasons), {"reasons": reasons})
    if isinstance(error, NotCanonical):
        return Problem(422, "invalid_payload", f"The body is not canonical JSON: {error}.")
    if isinstance(error, ProviderError):
        return Problem(503, error.code, "A provider could not be reached. Nothing is known to have changed.")
    if isinstance(error, psycopg.OperationalError | PoolTimeout):
        _log.warning("the database is away: %s", type(error).__name__)
        return Problem(503, "database_unavailable", "The database cannot be reached. Try again in a moment.")
    if isinstance(error, ValidationException):
        return Problem(422, "invalid_payload", error.detail, {"errors": _plain(error.extra)})
    if isinstance(error, HTTPException) and error.status_code < 500:
        code = _CODES.get(error.status_code, "bad_request")
        return Problem(error.status_code, code, _DETAILS.get(error.status_code) or error.detail)
    reference = secrets.token_hex(6)
    _log.error("unexpected error %s", reference, exc_info=error)
    return Problem(500, "internal_error", f"An unexpected error. Its reference in the log is {reference}.")


def answer_error(request: Request, error: Exception) -> Response[object]:  # type: ignore[type-arg]
    """The answer to an error, in the form that the caller can read."""
    problem = problem_of(error)
    accept = request.headers.get("accept", "")
    if request.url.path.startswith(("/api/", "/healthz", "/readyz", "/metrics")) or "json" in accept:
        return _as_json(problem)
    if "text/event-stream" in accept:
        # A stream cannot show an error; it tells the page to load itself again, which can.
        return Response("event: bye\ndata: gone\n\n", media_type="text/event-stream", status_code=200)
    if problem.status == 401:
        path = request.url.path if request.method == "GET" else "/"
        return Redirect(f"/sign-in?next={quote(path, safe='/')}", status_code=303)
    return _as_page(request, problem)


def _as_json(problem: Problem) -> Response[object]:
    body = {
        "type": f"urn:trinity:problem:{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        **{name: value for name, value in problem.extra.items() if name not in ("type", "title", "status", "code")},
    }
    headers = {"retry-after": str(RETRY_AFTER_S)} if problem.status in (429, 503) else {}
    return Response(body, media_type=_PROBLEM, status_code=problem.status, headers=headers)


def _as_page(request: Request, problem: Problem) -> Response[object]:  # type: ignore[type-arg]
    web = web_of(request)
    reasons = problem.extra.get("reasons")
    html = web.templates.page(
        "error.html",
        title=problem.title,
        status=problem.status,
        code=problem.code,
        message=problem.detail,
        reasons=[str(reason["message"]) for reason in reasons] if isinstance(reasons, list) else [],
        back=_back(request),
        sandboxes=web.config.sandbox_sentences,
    )
    return Response(html, media_type=MediaType.HTML, status_code=problem.status)


def _back(request: Request) -> str:  # type: ignore[type-arg]
    """Where "Go back" leads: the page of ours that the browser came from, else home."""
    came_from = request.headers.get("referer", "")
    for origin in web_of(request).config.origins:
        if came_from.startswith(f"{origin}/"):
            return own_path(came_from.removeprefix(origin))
    return "/"


def _plain(extra: object) -> object:
    """The framework's list of errors as field and message, without echoing values back."""
    if not isinstance(extra, list):
        return []
    return [
        {"field": str(item.get("key", "")), "message": str(item.get("message", ""))}
        for item in extra
        if isinstance(item, dict)
    ]
