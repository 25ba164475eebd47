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


_BOUNDS = (
    " Use only the project summary and the released sources; say with use_source which ones you work with; invent no"
    " facts, names or figures. Mark each step of your plan when you start it and when it is done. You cannot send"
    " anything yourself and never say that you did: people decide, and the system sends."
)
_COMMON_TOOLS = ("record_plan", "mark_step", "use_source", "save_draft", "request_artifact", "propose_action", "note")

WRITER = Profile(
    name="outreach-writer",
    instructions=(
        "You prepare one mail for a person to approve. First record a short plan, then save a draft, then propose"
        " exactly one gmail.send to the given contact from the project's mailbox, then finish with a one-line"
        " summary."
    )
    + _BOUNDS,
    tools=(*_COMMON_TOOLS, "finish"),
)

FULFILLER = Profile(
    name="order-fulfiller",
    instructions=(
        "You do the work of one paid order. First record a short plan. Write the report that was bought as a draft whose"
        " title says so, with a heading line `## …` before each section, then have it made into files with make_report."
        " Save a draft of the mail that delivers it, then propose exactly one gmail.send to the given contact from the"
        " project's mailbox, with the id of the PDF among its attachments. Then finish with a one-line summary. Say"
        " nothing of payments."
    )
    + _BOUNDS,
    tools=(*_COMMON_TOOLS, "make_report", "finish"),
)

ANSWERER = Profile(
    name="conversation-answerer",
    instructions=(
        "You prepare the answer to the newest message of one conversation. First record a short plan, then save a draft,"
        " then propose exactly one gmail.reply to the given contact whose in_reply_to is the id of that message and whose"
        " subject is the conversation's, with Re: before it if it has none. Then finish with a one-line summary. Answer"
        " what was asked; where you do not know, say that a person will look into it."
    )
    + _BOUNDS,
    tools=(*_COMMON_TOOLS, "finish"),
)

_PROFILES = {"outreach": WRITER, "acquisition": FULFILLER, "reply": ANSWERER}

FIRST_MAIL = Skill(
    name="first-mail",
    description="How to write a first mail to somebody who does not know us.",
    body=(
        "Say who writes and why in the first two sentences. Offer one concrete thing. Ask one question that is"
        " easy to answer. Keep it under 150 words. No pressure, no flattery, no claims that the sources do not"
        " carry. Sign with the project's name."
    ),
)
SNAPSHOT_REPORT = Skill(
    name="snapshot-report",
    description="How to write a short report for a customer who bought one.",
    body=(
        "Three to five sections of a few plain sentences: what the customer told us, what we know that bears on it, what"
        " we suggest to do first and why, and what this report could not look at. Every statement names or quotes what it"
        " rests on. No figures that no source has."
    ),
)
ANSWERING = Skill(
    name="answering",
    description="How to answer a mail from somebody who knows us.",
    body=(
        "Thank for the message in one sentence. Answer each question in its order. Promise nothing that the sources do not"
        " carry. End with what happens next. Keep it under 150 words. Sign with the project's name."
    ),
)

_SKILLS = {"outreach": (FIRST_MAIL,), "acquisition": (SNAPSHOT_REPORT,), "reply": (ANSWERING,)}


def profile_of(kind: str) -> Profile:
    """Who an agent is told to be in a run of this kind."""
    return _PROFILES[kind]


def skills_of(kind: str) -> tuple[Skill, ...]:
    """What an agent is told to know in a run of this kind."""
    return _SKILLS[kind]
