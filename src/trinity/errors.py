"""What goes wrong, as types. Every error carries a stable `code` that people script against.

`Refused`   the caller asked for something that is not allowed or not possible; nothing was changed.
`Blocked`   the policies said no to an effect; the reasons are recorded with the ToolCall.
`ProviderError` and its children are the only ways in which a provider call may fail: they say whether
a byte can have left us, because that decides whether the call may ever be repeated (I6).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class TrinityError(Exception):
    """The root of all errors that Trinity raises on purpose."""

    code = "error"


class Refused(TrinityError):
    """A command was refused before it changed anything. `status` is the HTTP status a caller sees."""

    def __init__(
        self, code: str, message: str, *, status: int = 409, details: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.details = dict(details or {})


class NotFound(Refused):
    """The object does not exist *for this account*; another account's object looks exactly the same."""

    def __init__(self, what: str) -> None:
        super().__init__("not_found", f"No such {what}.", status=404)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a policy said no: the policy's number and name, a stable code, and a sentence for a person."""

    policy: str
    code: str
    message: str

    def as_dict(self) -> dict[str, str]:
        """The reason as it is stored and sent: `{"policy", "code", "message"}`."""
        return {"policy": self.policy, "code": self.code, "message": self.message}


class Blocked(TrinityError):
    """An effect was denied by policy. `reasons` is never empty."""

    code = "denied"

    def __init__(self, reasons: Sequence[Reason]) -> None:
        assert reasons, "a denial without a reason is a bug"
        super().__init__("; ".join(reason.message for reason in reasons))
        self.reasons = tuple(reasons)


class ProviderError(TrinityError):
    """A provider call did not end well; the subclass says what is known about the outside world."""

    code = "provider_error"


class Declined(ProviderError):
    """The provider answered, and its answer was no: nothing happened there."""

    code = "declined"


class Unavailable(ProviderError):
    """No byte of the request left us, or the provider said to come back later before doing anything."""

    code = "unavailable"

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class OutcomeUnknown(ProviderError):
    """Anything else: the effect may have happened. It is reconciled, never blindly repeated."""

    code = "outcome_unknown"


class LookUpIncomplete(ProviderError):
    """A look-up met its bound before it met the end, so that "not found" cannot be said."""

    code = "look_up_incomplete"
