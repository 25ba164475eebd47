"""The run: ask the model, carry out what it asked for as door calls, until it finishes or a limit is met.

A model's free text goes nowhere. A tool call that is unknown, malformed or over its limit is answered with
a refusal and never reaches the door. However the model behaves, the run ends with one report to the door,
unless the lease is gone: then nothing is called any more.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from trinity_runtime import limits, prompt, schema
from trinity_runtime.door import Denied, Door, DoorBroken
from trinity_runtime.tools import Tool, offered_to

NAME_CHARS_MAX = 64
"""What is kept of a tool's name; a longer one is unknown in any case."""


@dataclass
class Run:
    """The state of one run: its package, its conversation and what it has used up."""

    door: Door
    package: dict[str, Any]
    tools: dict[str, Tool] = field(init=False)
    messages: list[dict[str, Any]] = field(init=False)
    used: dict[str, int] = field(default_factory=dict)
    tool_calls: int = 0
    faults_in_a_row: int = 0
    is_finished: bool = False

    def __post_init__(self) -> None:
        profile = self.package.get("profile")
        self.tools = offered_to(profile.get("tools") if isinstance(profile, dict) else None)
        self.messages = prompt.opening(self.package)

    @property
    def run_id(self) -> str:
        """The id of the run, as the door said it."""
        return str(self.package["run"]["id"])


def conduct(door: Door) -> None:
    """Do one run from package to finish. Raises `LeaseGone` or `DoorBroken`; nothing else ends it early."""
    package = door.get("/package").get("package")
    if not isinstance(package, dict) or package.get("format") != "trinity/runtime-package/v1":
        raise DoorBroken("the door gave no package of a known format")
    if not isinstance(package.get("run"), dict) or "id" not in package["run"]:
        raise DoorBroken("the package names no run")
    run = Run(door, package)
    why = _turns(run)
    if not run.is_finished:
        door.finish("failed", why)


def _turns(run: Run) -> str:
    """Take turns until the run is finished; otherwise the reason why it was given up."""
    for _ in range(limits.TURNS_MAX):
        try:
            message = _ask(run)
        except Denied as denial:
            return f"The model could not be asked: {denial.code}."
        except DoorBroken as error:
            return f"The model could not be asked: {error}."
        _take(run, message)
        if run.is_finished:
            return ""
        if run.faults_in_a_row >= limits.FAULTS_IN_A_ROW_MAX:
            return "The model kept giving answers that are no valid tool call."
        if run.tool_calls >= limits.TOOL_CALLS_MAX:
            return "The model used up the run's tool calls without finishing."
    return "The model used up the run's turns without finishing."


def _ask(run: Run) -> dict[str, Any]:
    body = {
        "model": str(run.package.get("model", "")),
        "messages": run.messages,
        "tools": [tool.offered() for tool in run.tools.values()],
        "tool_choice": "auto",
        "temperature": 0,
        "max_tokens": 4096,
    }
    answer = run.door.post("/chat/completions", body, seconds_max=limits.MODEL_CALL_SECONDS_MAX)
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    return message if isinstance(message, dict) else {}


def _take(run: Run, message: dict[str, Any]) -> None:
    """Carry out one model answer and append what happened to the conversation."""
    content = message.get("content")
    text = _plain(content[: limits.ASSISTANT_TEXT_CHARS_MAX]) if isinstance(content, str) else ""
    asked = message.get("tool_calls")
    calls = [call for call in asked if isinstance(call, dict)] if isinstance(asked, list) else []
    if not calls:
        run.faults_in_a_row += 1
        run.messages.append({"role": "assistant", "content": text})
        run.messages.append({"role": "user", "content": prompt.NUDGE})
        return
    answered = [
        _named(call, run.tool_calls + number) for number, call in enumerate(calls[: limits.TOOL_CALLS_PER_TURN_MAX])
    ]
    run.messages.append({"role": "assistant", "content": text, "tool_calls": answered})
    for call in answered:
        result = _carry_out(run, call["function"]["name"], call["function"]["arguments"])
        run.messages.append(
            {"role": "tool", "tool_call_id": call["id"], "content": json.dumps(result, ensure_ascii=False)}
        )
        if run.is_finished:
            return


def _named(call: dict[str, Any], number: int) -> dict[str, Any]:
    """A tool call in the form in which the conversation repeats it; ids are ours, so they cannot clash.

    Arguments that are too long or no text are left out, which makes the call malformed, never mended.
    """
    function = call.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    arguments = function.get("arguments") if isinstance(function, dict) else None
    if not isinstance(arguments, str) or len(arguments) > limits.ARGUMENTS_BYTES_MAX:
        arguments = ""
    return {
        "id": f"call_{number}",
        "type": "function",
        "function": {
            "name": _plain(name[:NAME_CHARS_MAX]) if isinstance(name, str) else "",
            "arguments": arguments if _plain(arguments) == arguments else "",
        },
    }


def _plain(text: str) -> str:
    """The text with a question mark for what no JSON reader has to accept: lone surrogates and U+0000."""
    return text.encode("utf-8", errors="replace").decode("utf-8").replace("\x00", "?")


def _carry_out(run: Run, name: str, arguments: str) -> dict[str, Any]:
    """One tool call as one door call; the result that the model reads."""
    run.tool_calls += 1
    tool = run.tools.get(name)
    if tool is None:
        return _refused(run, "unknown_tool", f"There is no tool of this name. Tools: {', '.join(run.tools)}.")
    try:
        values = schema.parse_arguments(arguments)
        schema.check(values, dict(tool.parameters))
    except schema.Malformed as error:
        return _refused(run, "invalid", str(error))
    if run.used.get(name, 0) >= limits.CALLS_PER_TOOL_MAX[name]:
        return _refused(run, "quota", f"This run has used {name} as often as it may.")
    run.used[name] = run.used.get(name, 0) + 1
    try:
        if name == "finish":
            run.door.finish(values["outcome"], values["summary"])
            run.is_finished = True
            return {"ok": True}
        answer = run.door.post(tool.path, tool.body(run.run_id, values))
    except Denied as denial:
        return _refused(run, denial.code, denial.message)
    run.faults_in_a_row = 0
    return answer


def _refused(run: Run, code: str, message: str) -> dict[str, Any]:
    run.faults_in_a_row += 1
    return {"ok": False, "code": code[:64], "message": message[:1_000]}
