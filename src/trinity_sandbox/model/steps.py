"""What `embedded-rules` does next in a run: one tool call, decided from the conversation alone.

The order is plan, draft, proposal, finish. A step that was refused is not tried again: the run is finished
as failed, with the refusal's code. The recipient is the package's contact and nobody else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trinity_sandbox.model.package import Step
from trinity_sandbox.model.writing import Mail, outreach, run_goal

PENDING_STATES = frozenset({"proposed", "awaiting_approval", "ready", "executing", "in_doubt"})


@dataclass(frozen=True)
class Call:
    """A tool call to make: the tool's name as it was offered, and the arguments."""

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Situation:
    """A run as the conversation shows it."""

    package: Mapping[str, Any]
    steps: Sequence[Step]
    offered: Mapping[str, str]
    """Our name of a tool → the name under which it was offered."""

    def has(self, tool: str) -> bool:
        """Whether a call of this tool stands in the conversation."""
        return any(_own_name(step.tool) == tool for step in self.steps)


OWN_NAMES = ("record_plan", "save_draft", "request_artifact", "propose_action", "finish")


def offered_tools(tools: object) -> dict[str, str]:
    """Our name of each known tool that a request offers → the name it has there (prefixes are allowed)."""
    found: dict[str, str] = {}
    for tool in tools if isinstance(tools, list) else ():
        function = tool.get("function") if isinstance(tool, dict) else None
        name = str(function.get("name", "")) if isinstance(function, dict) else ""
        if own := _own_name(name):
            found.setdefault(own, name)
    return found


def next_call(situation: Situation) -> Call | None:
    """The next tool call, or None when there is nothing to call."""
    if situation.has("finish"):
        return None
    refused = next((step for step in situation.steps if step.is_refused), None)
    if refused is not None:
        code = str((refused.answer or {}).get("code", "denied"))
        return _call(situation, "finish", outcome="failed", summary=f"{_own_name(refused.tool)} was refused: {code}.")
    if "record_plan" in situation.offered and not situation.has("record_plan"):
        return _call(situation, "record_plan", steps=_plan(situation.package))
    if _waiting(situation.package):
        return _call(
            situation,
            "finish",
            outcome="completed",
            summary="An earlier proposal is still waiting for people; nothing new was proposed.",
        )
    if not _can_write(situation.package):
        return _ask_for_contact(situation)
    return _write(situation)


def _write(situation: Situation) -> Call | None:
    earlier = _sent_before(situation.package)
    mail = outreach(situation.package, is_follow_up=earlier is not None)
    if "save_draft" in situation.offered and not situation.has("save_draft"):
        return _call(situation, "save_draft", title=mail.subject, text=mail.text)
    if "propose_action" in situation.offered and not situation.has("propose_action"):
        operation = "gmail.send" if earlier is None else "gmail.reply"
        payload = _payload(situation.package, mail)
        if earlier is not None:
            payload["in_reply_to"] = earlier
        return _call(
            situation, "propose_action", operation=operation, payload=payload, reason=_reason(situation.package, mail)
        )
    return _call(situation, "finish", outcome="completed", summary=_summary(situation))


def _ask_for_contact(situation: Situation) -> Call | None:
    if "request_artifact" in situation.offered and not situation.has("request_artifact"):
        return _call(
            situation,
            "request_artifact",
            title="A contact and a mailbox for this run",
            reason="There is nobody to write to, or no mailbox to write from. Neither is ever guessed.",
        )
    return _call(
        situation, "finish", outcome="completed", summary="Asked for a contact and a mailbox; nothing was proposed."
    )


def _call(situation: Situation, tool: str, **arguments: object) -> Call | None:
    name = situation.offered.get(tool)
    return Call(name, arguments) if name else None


def _own_name(name: str) -> str | None:
    return next((own for own in OWN_NAMES if name == own or name.endswith(("_" + own, "." + own))), None)


def _plan(package: Mapping[str, Any]) -> list[str]:
    steps = [f"Read the {len(_list(package, 'sources'))} released sources."]
    if withheld := len(_list(package, "withheld")):
        steps.append(f"Leave the {withheld} withheld sources unread: a person has to release them first.")
    if _waiting(package):
        return [*steps, "Wait: an earlier proposal has not been decided yet."]
    if not _can_write(package):
        return [*steps, "Ask for a contact and a mailbox, because there is none to write with."]
    kind = "a follow-up" if _sent_before(package) else "one short mail"
    return [
        *steps,
        f"Draft {kind} to the contact from stated facts only.",
        "Propose exactly that mail; a person decides.",
        "Finish.",
    ]


def _payload(package: Mapping[str, Any], mail: Mail) -> dict[str, Any]:
    contact, mailbox = package["contact"], str(package["mailbox"]["address"])
    to = {"addr": str(contact["addr"])}
    if contact.get("name"):
        to["name"] = str(contact["name"])
    return {
        "mailbox": mailbox,
        "from_alias": mailbox,
        "to": [to],
        "cc": [],
        "bcc": [],
        "subject": mail.subject,
        "text": mail.text,
        "attachments": [],
    }


def _reason(package: Mapping[str, Any], mail: Mail) -> str:
    goal = run_goal(package)[:400]
    used = ", ".join(mail.source_ids) or "none"
    return f"The run's goal: {goal} Written by template from the project's summary; sources used: {used}."


def _summary(situation: Situation) -> str:
    if not situation.has("propose_action"):
        return "A mail was drafted; proposing was not among the tools."
    proposed: Iterable[Mapping[str, Any]] = (
        step.answer for step in situation.steps if _own_name(step.tool) == "propose_action" and step.answer
    )
    states = ", ".join(str(answer.get("state", "unknown")) for answer in proposed)
    return f"One mail was drafted and proposed; its state is {states or 'unknown'}. A person decides."


def _waiting(package: Mapping[str, Any]) -> bool:
    return any(str(item.get("state")) in PENDING_STATES for item in _list(package, "approvals"))


def _sent_before(package: Mapping[str, Any]) -> str | None:
    """The newest mail of this run that was sent, when the contact has answered since (a released answer)."""
    sent = [
        str(item.get("tool_call_id"))
        for item in _list(package, "approvals")
        if item.get("state") == "succeeded" and item.get("operation") in ("gmail.send", "gmail.reply")
    ]
    has_answer = any(source.get("origin") == "inbound_mail" for source in _list(package, "sources"))
    return sent[-1] if sent and has_answer else None


def _can_write(package: Mapping[str, Any]) -> bool:
    contact, mailbox = package.get("contact"), package.get("mailbox")
    return bool(
        isinstance(contact, dict) and contact.get("addr") and isinstance(mailbox, dict) and mailbox.get("address")
    )


def _list(package: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = package.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
