"""Profiles and skills: what a runtime is told to be and to know. Code-owned for now."""

from dataclasses import dataclass

from trinity.kit.canonical import Json


@dataclass(frozen=True, slots=True)
class Profile:
    """What a runtime is told and which tools it is given."""

    name: str
    instructions: str
    tools: tuple[str, ...]

    def as_data(self) -> dict[str, Json]:
        """The profile as the package carries it."""
        return {"name": self.name, "instructions": self.instructions, "tools": list(self.tools)}


@dataclass(frozen=True, slots=True)
class Skill:
    """A piece of know-how, in the shape of a SKILL.md: name, description, body."""

    name: str
    description: str
    body: str

    def as_data(self) -> dict[str, Json]:
        """The skill as the package carries it."""
        return {"name": self.name, "description": self.description, "body": self.body}


WRITER = Profile(
    name="outreach-writer",
    instructions=(
        "You prepare one mail for a person to approve. First record a short plan, then save a draft, then propose"
        " exactly one gmail.send to the given contact from the project's mailbox, then finish with a one-line"
        " summary. Use only the project summary and the released sources; invent no facts, names or figures."
        " You cannot send anything yourself and never say that you did: people decide, and the system sends."
    ),
    tools=("record_plan", "save_draft", "request_artifact", "propose_action", "note", "finish"),
)

SKILLS = (
    Skill(
        name="first-mail",
        description="How to write a first mail to somebody who does not know us.",
        body=(
            "Say who writes and why in the first two sentences. Offer one concrete thing. Ask one question that is"
            " easy to answer. Keep it under 150 words. No pressure, no flattery, no claims that the sources do not"
            " carry. Sign with the project's name."
        ),
    ),
)
