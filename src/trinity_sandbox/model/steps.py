"""What `embedded-rules` does next in a run: decided from the conversation alone.

A run is a short program of moves, made from its package: each is one call of one tool and belongs to a step of the plan.
How many moves the conversation already holds says which one comes next; beside it the plan's steps are marked. A move
that was refused is not tried again: the run is finished as failed, with the refusal's code. The recipient is the
package's contact and nobody else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trinity_sandbox.model.package import Step
from trinity_sandbox.model.reporting import answer, delivery, newest_question, report
from trinity_sandbox.model.writing import Mail, items, mapping, outreach, run_goal

PENDING_STATES = frozenset({"proposed", "awaiting_approval", "ready", "executing", "in_doubt"})
OWN_NAMES = (
    "record_plan",
    "mark_step",
    "use_source",
    "save_draft",
    "make_report",
    "request_artifact",
    "propose_action",
    "finish",
)
MOVES = frozenset({"use_source", "save_draft", "make_report", "request_artifact", "propose_action"})
MARKS_MAX = 3
"""One turn may hold so many marks beside its move; what is left over is marked in the next one."""


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

    def calls_of(self, *tools: str) -> list[Step]:
        """The calls of these tools in the conversation, in order."""
        return [step for step in self.steps if _own_name(step.tool) in tools]

    def answered(self, tool: str, field: str) -> Any:
        """What the newest call of a tool was answered with."""
        found = self.calls_of(tool)
        return (found[-1].answer or {}).get(field) if found else None


@dataclass(frozen=True)
class Move:
    """One call of one tool, as part of a step of the plan (counted from 1)."""

    step: int
    tool: str
    arguments: Callable[[Situation], dict[str, Any]]


@dataclass(frozen=True)
class Program:
    """The plan's steps, the moves that they take, and what is said at the end."""

    titles: tuple[str, ...]
    moves: tuple[Move, ...]
    summary: Callable[[Situation], str]


def offered_tools(tools: object) -> dict[str, str]:
    """Our name of each known tool that a request offers → the name it has there (prefixes are allowed)."""
    found: dict[str, str] = {}
    for tool in tools if isinstance(tools, list) else ():
        function = tool.get("function") if isinstance(tool, dict) else None
        name = str(function.get("name", "")) if isinstance(function, dict) else ""
        if own := _own_name(name):
            found.setdefault(own, name)
    return found


def next_calls(situation: Situation) -> list[Call]:
    """The next move with the marks that belong before it; empty when there is nothing to call."""
    call = next_call(situation)
    if call is None:
        return []
    own = _own_name(call.tool)
    if own == "record_plan" or "mark_step" not in situation.offered or _refused(situation):
        return [call]
    return [*_marks(situation, is_ending=own == "finish"), call]


def next_call(situation: Situation) -> Call | None:
    """The next move, or None when there is nothing to call."""
    if situation.calls_of("finish"):
        return None
    if refused := _refused(situation):
        code = str((refused.answer or {}).get("code", "denied"))
        return _call(situation, "finish", outcome="failed", summary=f"{_own_name(refused.tool)} was refused: {code}.")
    program = _program(situation)
    if "record_plan" in situation.offered and not situation.calls_of("record_plan"):
        return _call(situation, "record_plan", steps=list(program.titles))
    move = _next_move(situation, program)
    if move is None:
        return _call(situation, "finish", outcome="completed", summary=program.summary(situation))
    return _call(situation, move.tool, **move.arguments(situation))


def _refused(situation: Situation) -> Step | None:
    """The first move that was refused. A mark that was not taken spoils nothing."""
    return next((one for one in situation.steps if one.is_refused and _own_name(one.tool) != "mark_step"), None)


def _next_move(situation: Situation, program: Program) -> Move | None:
    moves = [move for move in program.moves if move.tool in situation.offered]
    made = len(situation.calls_of(*MOVES))
    return moves[made] if made < len(moves) else None


def _marks(situation: Situation, *, is_ending: bool) -> list[Call]:
    program = _program(situation)
    move = _next_move(situation, program)
    now = len(program.titles) + 1 if is_ending or move is None else move.step
    marked = {(one.arguments.get("step"), one.arguments.get("state")) for one in situation.calls_of("mark_step")}
    wanted = [(step, "done") for step in range(1, now)]
    wanted += [(now, "started")] if now <= len(program.titles) else []
    fresh = [one for one in wanted if one not in marked]
    # The newest ones matter most to who watches.
    return [Call(situation.offered["mark_step"], {"step": n, "state": state}) for n, state in fresh[-MARKS_MAX:]]


def _program(situation: Situation) -> Program:
    package = situation.package
    titles = [f"Read the {len(items(package, 'sources'))} released sources."]
    if withheld := len(items(package, "withheld")):
        titles.append(f"Leave the {withheld} withheld sources unread: a person has to release them first.")
    if _waiting(package):
        titles.append("Wait: an earlier proposal has not been decided yet.")
        said = "An earlier proposal is still waiting for people; nothing new was proposed."
        return Program(tuple(titles), (), lambda _: said)
    if not _can_write(package):
        return _asking(titles)
    kind = mapping(package.get("run")).get("kind", "outreach")
    if kind == "acquisition":
        return _fulfilling(package, titles)
    if kind == "reply":
        return _answering(package, titles)
    return _writing(package, titles)


def _asking(titles: list[str]) -> Program:
    titles.append("Ask for a contact and a mailbox, because there is none to write with.")
    wanted = {
        "title": "A contact and a mailbox for this run",
        "reason": "There is nobody to write to, or no mailbox to write from. Neither is ever guessed.",
    }
    move = Move(len(titles), "request_artifact", lambda _: wanted)
    return Program(tuple(titles), (move,), lambda _: "Asked for a contact and a mailbox; nothing was proposed.")


def _writing(package: Mapping[str, Any], titles: list[str]) -> Program:
    earlier = _sent_before(package)
    mail = outreach(package, is_follow_up=earlier is not None)
    moves = _using(mail.source_ids)
    titles.append(f"Draft {'a follow-up' if earlier else 'one short mail'} to the contact from stated facts only.")
    moves.append(_drafting(len(titles), mail))
    titles.append("Propose exactly that mail; a person decides.")
    moves.append(_proposing(len(titles), mail, earlier))
    return Program(tuple(titles), tuple(moves), _summary)


def _fulfilling(package: Mapping[str, Any], titles: list[str]) -> Program:
    written = report(package)
    moves = _using(written.source_ids)
    titles.append("Write the report that was bought, from stated facts only.")
    draft = {"title": written.title, "text": written.text}
    moves.append(Move(len(titles), "save_draft", lambda _: draft))
    titles.append("Have the report made into files; a person has to release them.")
    moves.append(
        Move(len(titles), "make_report", lambda now: {"draft_id": str(now.answered("save_draft", "draft_id"))})
    )
    titles.append("Draft the mail that delivers it.")
    step = len(titles)

    def mail(now: Situation) -> Mail:
        return delivery(package, written, has_file=bool(_pdf(now)))

    moves.append(Move(step, "save_draft", lambda now: {"title": mail(now).subject, "text": mail(now).text}))
    titles.append("Propose exactly that mail with the report attached; a person decides.")

    def proposal(now: Situation) -> dict[str, Any]:
        payload = _payload(package, mail(now)) | {"attachments": _pdf(now)}
        return {"operation": "gmail.send", "payload": payload, "reason": _reason(package, mail(now))}

    moves.append(Move(len(titles), "propose_action", proposal))
    return Program(tuple(titles), tuple(moves), _summary)


def _answering(package: Mapping[str, Any], titles: list[str]) -> Program:
    question = newest_question(package)
    if question is None:
        titles.append("Wait: no released message asks for an answer.")
        return Program(tuple(titles), (), lambda _: "No released message waits for an answer; nothing was proposed.")
    mail = answer(package, question)
    moves = _using(mail.source_ids)
    titles.append("Draft an answer to the newest message from stated facts only.")
    moves.append(_drafting(len(titles), mail))
    titles.append("Propose exactly that answer; a person decides.")
    moves.append(_proposing(len(titles), mail, str(question["id"])))
    return Program(tuple(titles), tuple(moves), _summary)


def _using(source_ids: Sequence[str]) -> list[Move]:
    return [Move(1, "use_source", lambda _, one=one: {"source_id": one}) for one in source_ids]  # type: ignore[misc]


def _drafting(step: int, mail: Mail) -> Move:
    return Move(step, "save_draft", lambda _: {"title": mail.subject, "text": mail.text})


def _proposing(step: int, mail: Mail, in_reply_to: str | None) -> Move:
    def arguments(now: Situation) -> dict[str, Any]:
        payload = _payload(now.package, mail)
        if in_reply_to is None:
            return {"operation": "gmail.send", "payload": payload, "reason": _reason(now.package, mail)}
        payload["in_reply_to"] = in_reply_to
        return {"operation": "gmail.reply", "payload": payload, "reason": _reason(now.package, mail)}

    return Move(step, "propose_action", arguments)


def _call(situation: Situation, tool: str, **arguments: object) -> Call | None:
    name = situation.offered.get(tool)
    return Call(name, arguments) if name else None


def _own_name(name: str) -> str | None:
    return next((own for own in OWN_NAMES if name == own or name.endswith(("_" + own, "." + own))), None)


def _pdf(situation: Situation) -> list[str]:
    """The report's PDF, if it was made."""
    found = situation.answered("make_report", "artifacts")
    made = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return [str(one.get("id")) for one in made if one.get("media_type") == "application/pdf"][:1]


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
    proposed = situation.calls_of("propose_action")
    if not proposed:
        return "A mail was drafted; proposing was not among the tools."
    states = ", ".join(str((step.answer or {}).get("state", "unknown")) for step in proposed)
    return f"One mail was drafted and proposed; its state is {states or 'unknown'}. A person decides."


def _waiting(package: Mapping[str, Any]) -> bool:
    return any(str(item.get("state")) in PENDING_STATES for item in items(package, "approvals"))


def _sent_before(package: Mapping[str, Any]) -> str | None:
    """The newest mail of this run that was sent, when the contact has answered since (a released answer)."""
    sent = [
        str(item.get("tool_call_id"))
        for item in items(package, "approvals")
        if item.get("state") == "succeeded" and item.get("operation") in ("gmail.send", "gmail.reply")
    ]
    has_answer = any(source.get("origin") == "inbound_mail" for source in items(package, "sources"))
    return sent[-1] if sent and has_answer else None


def _can_write(package: Mapping[str, Any]) -> bool:
    contact, mailbox = mapping(package.get("contact")), mapping(package.get("mailbox"))
    return bool(contact.get("addr") and mailbox.get("address"))
