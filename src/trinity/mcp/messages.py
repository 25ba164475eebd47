"""What a runtime may say at the door. Strict and closed; everything in it is untrusted text."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trinity.errors import Refused
from trinity.kit.canonical import NotCanonical, parse_strict

BODY_BYTES_MAX = 400_000
STEPS_MAX = 20

Line = Annotated[str, Field(min_length=1, max_length=1_000)]
Title = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(min_length=1, max_length=20_000)]

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class Said(BaseModel):
    """No unknown field, no other type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Plan(Said):
    """The steps that the agent means to take."""

    steps: Annotated[list[Line], Field(min_length=1, max_length=STEPS_MAX)]


class StepMark(Said):
    """A step of the newest plan, counted from one, begun or done."""

    step: Annotated[int, Field(ge=1, le=STEPS_MAX)]
    state: Literal["started", "done"]


class SourceUse(Said):
    """A source of the package that the agent works with."""

    source_id: Id


class DraftText(Said):
    """A text to keep."""

    title: Title
    text: Text


class ReportOrder(Said):
    """A draft of the run that is to be made into files."""

    draft_id: Id


class ArtifactRequest(Said):
    """A file that the agent asks people for."""

    title: Title
    reason: Text


class Intent(Said):
    """An action that the agent proposes, with its own reasons."""

    operation: Annotated[str, Field(min_length=1, max_length=100)]
    idempotency_key: Annotated[str, Field(min_length=1, max_length=120)]
    payload: dict[str, Any]
    reason: Annotated[str, Field(max_length=4_000)] = ""


class Note(Said):
    """A line for the timeline; the runtime's first one tells how it is confined."""

    text: Text
    confinement: dict[str, Any] | None = None


class Finish(Said):
    """The end of the run, in the agent's words."""

    outcome: Annotated[str, Field(pattern=r"^(completed|failed)$")]
    summary: Annotated[str, Field(max_length=20_000)] = ""


def read[M: Said](model: type[M], body: bytes) -> M:
    """Parse a message, or `Refused` with code `invalid`."""
    try:
        return model.model_validate(parse_strict(body, bytes_max=BODY_BYTES_MAX))
    except NotCanonical as error:
        raise Refused("invalid", f"Not canonical JSON: {error}.", status=422) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Refused("invalid", f"{where}: {first['msg']}", status=422) from error
