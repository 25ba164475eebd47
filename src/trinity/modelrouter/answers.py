"""What a model may answer, one closed schema a route. Nothing is repaired: what is not exactly this, is no answer."""

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

REASONS_MAX = 6
REASON_CHARS_MAX = 300
HIDING = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Categories of characters that a reader does not see; a judge has no reason to write one."""

UNSAFE = "hidden characters"


def _visible(text: str) -> str:
    if any(unicodedata.category(one) in HIDING for one in text):
        raise ValueError(UNSAFE)
    return text


Reason = Annotated[str, Field(min_length=1, max_length=REASON_CHARS_MAX), AfterValidator(_visible)]
Reasons = Annotated[list[Reason], Field(min_length=1, max_length=REASONS_MAX)]

Danger = Literal[
    "claims_to_have_acted",
    "secret",
    "instruction_to_reader",
    "hidden_text",
    "deception",
    "harassment",
    "illegal",
    "other",
]
Fault = Literal[
    "wrong_recipient", "unsupported_fact", "unclear", "tone", "language", "placeholder", "incomplete", "other"
]


class Answer(BaseModel):
    """No unknown field, no other type, no change after parsing."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @property
    def is_passing(self) -> bool:
        """Whether this answer lets what was judged go on."""
        raise NotImplementedError


class ScoreAnswer(Answer):
    """How promising a request is. Advice for people: nothing hangs on it."""

    score: Annotated[int, Field(ge=0, le=100)]
    reasons: Reasons

    @property
    def is_passing(self) -> bool:
        """A low score stops nothing, and a high one allows nothing."""
        return True


class CopySafetyAnswer(Answer):
    """Whether a text may be read by the people it is for."""

    verdict: Literal["safe", "unsafe"]
    dangers: Annotated[list[Danger], Field(max_length=8)]
    reasons: Reasons

    @property
    def is_passing(self) -> bool:
        """An answer that contradicts itself does not pass."""
        return self.verdict == "safe" and not self.dangers


class QaAnswer(Answer):
    """Whether a text is good enough to be put before a person for approval."""

    verdict: Literal["pass", "fail"]
    faults: Annotated[list[Fault], Field(max_length=8)]
    reasons: Reasons

    @property
    def is_passing(self) -> bool:
        """An answer that contradicts itself does not pass."""
        return self.verdict == "pass" and not self.faults
