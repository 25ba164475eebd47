"""What callers may send. Closed: an unknown field is an error, nothing is repaired."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Body(BaseModel):
    """No unknown field, no change after parsing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Login(Body):
    """An e-mail address and its password."""

    email: Annotated[str, Field(min_length=3, max_length=254)]
    password: Annotated[str, Field(min_length=1, max_length=256)]


class NewToolCall(Body):
    """An effect to propose. `payload` is checked by the operation's own schema."""

    project_id: UUID
    run_id: UUID | None = None
    provider: Annotated[str, Field(min_length=1, max_length=40)]
    operation: Annotated[str, Field(min_length=1, max_length=100)]
    idempotency_key: Annotated[str, Field(min_length=1, max_length=200)]
    payload: dict[str, Any]
    reason: Annotated[str, Field(max_length=4_000)] = ""


class NewDecision(Body):
    """A decision on the envelope whose digest was seen. `assertion` is for passkeys and not accepted yet."""

    decision: Literal["approve", "reject"]
    envelope_digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    reason: Annotated[str, Field(max_length=2_000)] = ""


class Edit(Body):
    """The whole payload of the new version."""

    payload: dict[str, Any]


class NewSource(Body):
    """A text to take in, quarantined."""

    project_id: UUID
    origin: Annotated[str, Field(min_length=1, max_length=40)] = "operator"
    title: Annotated[str, Field(min_length=1, max_length=200)]
    text: Annotated[str, Field(min_length=1, max_length=200_000)]


class NewRun(Body):
    """What an agent is asked to do."""

    project_id: UUID
    goal: Annotated[str, Field(min_length=1, max_length=4_000)]
    contact_addr: Annotated[str, Field(max_length=254)] = ""
    contact_name: Annotated[str, Field(max_length=200)] = ""


class NewPosture(Body):
    """A tighter posture. Loosening is a governed action of its own."""

    scope: Literal["account"] = "account"
    mode: Literal["live", "draft_only", "read_only", "hold"]
    reason: Annotated[str, Field(min_length=1, max_length=500)]
