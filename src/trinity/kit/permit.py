"""The permit: what an adapter demands before it writes a byte to a provider.

Only the gateway mints permits (an import contract and a tidy test hold that), one per claimed call.
A permit is a statement about *this* call, *this* lease epoch and *these* hosts, and it runs out before
the lease does, so that a worker that was paused cannot act on an old one.
"""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

_MINTED = object()
DEFAULT_PORTS = {"https": 443, "http": 80, "smtp": 587, "smtps": 465}
"""The port that a URL means when it says none; for mail those of submission (RFC 6409, RFC 8314)."""


class NotPermitted(Exception):
    """The permit does not cover the call that was about to be made; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave for one adapter to act: call, epoch, allowed origins, a deadline. Not constructible outside."""

    tool_call_id: UUID
    epoch: int
    operation: str
    origins: frozenset[str]
    deadline: datetime
    seal: object

    def __post_init__(self) -> None:
        if self.seal is not _MINTED:
            raise TypeError("a Permit is minted by the gateway, never constructed")

    def demand(self, operation_prefix: str, url: str, now: datetime) -> float:
        """Return the seconds left; raise `NotPermitted` (nothing was sent) where this permit ends."""
        if not self.operation.startswith(operation_prefix):
            raise NotPermitted(f"the permit is for {self.operation}, not {operation_prefix}")
        if origin_of(url) not in self.origins:
            raise NotPermitted(f"the permit does not cover {origin_of(url)}")
        left_s = (self.deadline - now).total_seconds()
        if left_s <= 0:
            raise NotPermitted("the permit has run out")
        return left_s


def mint(*, tool_call_id: UUID, epoch: int, operation: str, origins: frozenset[str], deadline: datetime) -> Permit:
    """Danger: this is the power to act. Only the gateway calls it, after a committed claim."""
    return Permit(tool_call_id, epoch, operation, origins, deadline, _MINTED)


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL in lower case, the port always said."""
    parts = urlsplit(url)
    port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"
