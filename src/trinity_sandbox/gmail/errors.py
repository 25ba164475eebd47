"""Google's error answers, word for word where a caller may depend on them."""

from typing import Any

STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class GoogleError(Exception):
    """An answer of the API that is not 2xx: HTTP status, Google's `reason`, and the message."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message

    def body(self) -> dict[str, Any]:
        """The JSON body of Google APIs' error format."""
        detail: dict[str, Any] = {"message": self.message, "domain": "global", "reason": self.reason}
        if self.status == 401:
            detail |= {"location": "Authorization", "locationType": "header"}
        elif self.status == 429:
            detail["domain"] = "usageLimits"
        return {
            "error": {
                "code": self.status,
                "message": self.message,
                "errors": [detail],
                "status": STATUS_NAMES.get(self.status, "UNKNOWN"),
            }
        }


def not_found() -> GoogleError:
    """What Gmail says of an id that this mailbox does not have."""
    return GoogleError(404, "notFound", "Requested entity was not found.")


def invalid(message: str) -> GoogleError:
    """What Gmail says of a request that makes no sense."""
    return GoogleError(400, "invalidArgument", message)


def unauthenticated() -> GoogleError:
    """What Google says of a missing, unknown or expired access token."""
    return GoogleError(
        401,
        "authError",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or "
        "other valid authentication credential. See "
        "https://developers.google.com/identity/sign-in/web/devconsole-project.",
    )
