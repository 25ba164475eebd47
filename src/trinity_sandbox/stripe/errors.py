"""Stripe's error answers: the error object, its type and code, and the HTTP status."""

from typing import Any


class StripeError(Exception):
    """An answer of the API that is not 2xx.

    `is_stored` says whether an idempotency key remembers it: what was refused before the call was carried
    out (a bad parameter, a bad key, a rate limit) is not remembered, what was refused while doing it is.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        is_stored: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param
        self.is_stored = is_stored

    def body(self) -> dict[str, Any]:
        """The JSON body."""
        error = {"type": self.kind, "message": self.message, "code": self.code, "param": self.param}
        return {"error": {name: value for name, value in error.items() if value is not None}}


def invalid(message: str, param: str | None = None, code: str | None = None) -> StripeError:
    """A parameter that is missing, unknown or malformed."""
    return StripeError(400, message, code=code, param=param)


def refused(message: str, param: str | None = None, code: str | None = None) -> StripeError:
    """A well-formed request that the state of things forbids."""
    return StripeError(400, message, code=code, param=param, is_stored=True)


def missing(what: str, object_id: str, param: str = "id", status: int = 404) -> StripeError:
    """An id that this account does not have: 404 in the path, 400 in a parameter."""
    noun = what.replace(".", " ").replace("_", " ")
    message = f"No such {noun}: '{object_id}'"
    return StripeError(status, message, code="resource_missing", param=param, is_stored=True)


def internal() -> StripeError:
    """A failure on the provider's side; its key remembers it."""
    return StripeError(500, "An unknown error occurred", kind="api_error", is_stored=True)
