"""How an act ended, and what a look at the provider found: the words between drivers and the gateway."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from trinity.errors import Reason


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an act ended. `state` is succeeded, failed, in_doubt, or ready for one more act after proven absence."""

    state: Literal["succeeded", "failed", "in_doubt", "ready"]
    reasons: tuple[Reason, ...] = ()
    receipt_kind: str | None = None
    receipt_facts: Mapping[str, object] = field(default_factory=dict)
    receipt_raw: bytes = b""
    retry_after_s: float = 0.0
    looks: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """The provider has it: the receipt to settle with. `others` are further effects with our token."""

    kind: str
    facts: Mapping[str, object]
    raw: bytes
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Absent:
    """The provider surely does not have it; an unsent draft of it may be there to be sent.

    `is_hopeless`: it did not happen, and the next act would meet the same end.
    """

    because: str
    draft_id: str | None = None
    is_hopeless: bool = False


@dataclass(frozen=True, slots=True)
class CannotTell:
    """Neither. If the provider was asked, the look counts, and after a number of them a person has to look."""

    because: str
    was_asked: bool = True


type Verdict = Found | Absent | CannotTell
