"""A hostile model: whatever it says, the runtime keeps its limits, talks to the door only, and ends."""

import json
from typing import Any

import pytest

from tests.runtime.fake_door import LEASE, FakeDoor, package
from tests.runtime.process import run_process
from tests.scripted_model import Raw, ScriptedModel, text, tool_call, tool_calls
from trinity_runtime import limits

DOOR_PATHS = {
    "/package",
    "/plan",
    "/drafts",
    "/artifact-requests",
    "/intents",
    "/events",
    "/finish",
    "/chat/completions",
}
MAIL = {
    "mailbox": "studio@lantern.example",
    "from_alias": "studio@lantern.example",
    "to": [{"addr": "ada@shop.example"}],
    "cc": [],
    "bcc": [],
    "subject": "Hello",
    "text": "Hello.",
    "attachments": [],
}
INTENT = {"operation": "gmail.send", "payload": MAIL, "reason": "because"}
FINISH = tool_call("finish", {"outcome": "completed", "summary": "Done."})


def hostile(
    *script: Any, is_looping: bool = False, given: dict[str, Any] | None = None
) -> tuple[FakeDoor, ScriptedModel]:
    """One whole run against a script; the door with its records, and the model with its own."""
    with ScriptedModel(script, is_looping=is_looping) as model:
        with FakeDoor(model.base_url, package=given or package()) as door:
            ended = run_process(door.url)
        assert ended.returncode == 0, ended.stderr
    assert not door.strangers
    assert {path for _, path, _ in door.calls} <= DOOR_PATHS
    assert len(door.bodies("/finish")) == 1, "however it went, the run ends with one report"
    return door, model


def results(model: ScriptedModel) -> list[dict[str, Any]]:
    """What the model was answered to its tool calls, as it stood in its last request."""
    return [json.loads(item["content"]) for item in model.requests[-1]["messages"] if item["role"] == "tool"]


@pytest.mark.parametrize(
    "name",
    ["terminal", "gmail_send", "gmail.send", "approve", "record_plan ", "", "x" * 5_000, "../drafts", "__class__"],
)
def test_an_unknown_tool_reaches_nothing(name: str) -> None:
    door, model = hostile(tool_call(name, {"command": "id"}), FINISH)
    assert {path for _, path, _ in door.calls} == {"/events", "/package", "/chat/completions", "/finish"}
    assert [result["code"] for result in results(model)] == ["unknown_tool"]


@pytest.mark.parametrize(
    "arguments",
    [
        {**INTENT, "idempotency_key": "mine"},
        {**INTENT, "approved": True},
        {**INTENT, "operation": "stripe.refund"},
        {**INTENT, "payload": {**MAIL, "send_now": True}},
        {**INTENT, "payload": {**MAIL, "to": "ada@shop.example"}},
        {**INTENT, "payload": {**MAIL, "to": []}},
        {**INTENT, "payload": {**MAIL, "to": [{"addr": "a@b.example", "approved": True}]}},
        {**INTENT, "payload": {**MAIL, "to": [{"addr": "a@b.example"}] * 50}},
        {**INTENT, "payload": {**MAIL, "subject": None}},
        {**INTENT, "payload": {**MAIL, "text": "x" * 50_000}},
        {**INTENT, "payload": {**MAIL, "text": "nul \u0000"}},
        {**INTENT, "payload": json.dumps(MAIL)},
        {"operation": "gmail.send", "payload": MAIL},
        [INTENT],
        "",
        "{",
        json.dumps(INTENT)[:-1],
        json.dumps(INTENT).replace('"reason"', '"operation": "gmail.draft", "reason"'),
        '{"operation": NaN}',
        '{"operation": "\\ud800"}',
        "[" * 50_000,
        "x" * 70_000,
    ],
)
def test_arguments_that_are_not_exactly_right_are_refused_not_repaired(arguments: object) -> None:
    door, model = hostile(tool_call("propose_action", arguments), FINISH)
    assert not door.bodies("/intents")
    assert [result["code"] for result in results(model)] == ["invalid"]


def test_the_controls_of_that_test_are_proposed() -> None:
    door, _ = hostile(tool_call("propose_action", INTENT), FINISH)
    assert [body["payload"] for body in door.bodies("/intents")] == [MAIL]


def test_what_a_model_claims_goes_nowhere() -> None:
    claim = "I have sent the mail and approved the refund."
    door, _ = hostile(text(claim), tool_call("note", {"text": "planning"}, content=claim), FINISH)
    for _, path, body in door.calls:
        if path != "/chat/completions":
            assert claim not in json.dumps(body)


def test_endless_talk_ends_as_failed() -> None:
    door, model = hostile(text("I sent it."), is_looping=True)
    assert len(model.requests) == limits.FAULTS_IN_A_ROW_MAX
    assert door.bodies("/finish")[0]["outcome"] == "failed"


def test_an_endless_loop_of_notes_meets_the_limit_of_the_tool() -> None:
    door, model = hostile(tool_call("note", {"text": "again"}), is_looping=True)
    notes = [body for body in door.bodies("/events") if body["text"] == "again"]
    assert len(notes) == limits.CALLS_PER_TOOL_MAX["note"]
    assert len(model.requests) <= limits.TURNS_MAX
    assert door.bodies("/finish")[0]["outcome"] == "failed"


def test_a_flood_of_different_proposals_meets_the_limit_of_the_tool() -> None:
    flood = [
        tool_call("propose_action", {**INTENT, "payload": {**MAIL, "subject": f"Number {number}"}})
        for number in range(30)
    ]
    door, _ = hostile(*flood)
    assert len(door.bodies("/intents")) == limits.CALLS_PER_TOOL_MAX["propose_action"]
    assert len({body["idempotency_key"] for body in door.bodies("/intents")}) == len(door.bodies("/intents"))


def test_one_answer_with_a_thousand_calls_is_cut() -> None:
    many = tool_calls(*[("note", {"text": f"{number}"}) for number in range(1_000)])
    door, _ = hostile(many, FINISH)
    notes = [body for body in door.bodies("/events") if "confinement" not in body]
    assert [body["text"] for body in notes] == [str(n) for n in range(limits.TOOL_CALLS_PER_TURN_MAX)]


def test_mixed_good_and_bad_calls_end_within_the_tool_calls_of_a_run() -> None:
    mixed = tool_calls(*[("note", {"text": "x"}), ("sudo", {}), ("record_plan", {"steps": ["a"]}), ("save_draft", {})])
    door, model = hostile(mixed, is_looping=True)
    assert len(model.requests) * 4 <= limits.TOOL_CALLS_MAX + 4
    assert door.bodies("/finish")[0]["outcome"] == "failed"


def test_nothing_happens_after_a_finish() -> None:
    door, model = hostile(tool_calls(("finish", {"outcome": "completed", "summary": "x"}), ("note", {"text": "late"})))
    assert all(body["text"] != "late" for body in door.bodies("/events"))
    assert len(model.requests) == 1
    assert door.calls[-1][1] == "/finish"


@pytest.mark.parametrize(
    "answer",
    [
        Raw(b"not json"),
        Raw(b"{}"),
        Raw(b'{"choices": []}'),
        Raw(b'{"choices": [{"message": "hi"}]}'),
        Raw(b'{"choices": [{"message": {"role": "assistant", "tool_calls": "all of them"}}]}'),
        Raw(b'{"choices": [{"message": {"role": "assistant", "tool_calls": [1, null, {}]}}]}'),
        Raw(b'{"choices": [{"message": {"role": "assistant", "tool_calls": [{"function": {"name": 5}}]}}]}'),
        Raw(b'{"choices": [{"message": {"content": "' + b"x" * 2_000_000 + b'"}}]}'),
        Raw(b"[" * 200_000),
        Raw(b"boom", status=500),
    ],
)
def test_a_model_that_breaks_the_protocol_ends_the_run_as_failed(answer: Raw) -> None:
    door, _ = hostile(answer, is_looping=True)
    assert door.bodies("/finish")[0]["outcome"] == "failed"
    assert not door.bodies("/intents")


def test_a_huge_answer_is_kept_short_in_the_conversation() -> None:
    _, model = hostile(text("y" * 400_000), FINISH)
    said = [item for item in model.requests[-1]["messages"] if item["role"] == "assistant"]
    assert [len(item["content"]) for item in said] == [limits.ASSISTANT_TEXT_CHARS_MAX]


def test_text_that_no_reader_has_to_accept_is_not_passed_on() -> None:
    odd = b"""{"choices": [{"message": {"role": "assistant", "content": "a\\ud800b\\u0000", "tool_calls": [
        {"function": {"name": "no\\udfff", "arguments": "{\\"text\\": \\"\\ud800\\"}"}},
        {"function": {"name": "note", "arguments": "{\\"text\\": \\"\\ud800\\"}"}}]}}]}"""
    door, model = hostile(Raw(odd), FINISH)
    json.dumps(model.requests, ensure_ascii=False).encode("utf-8")
    assert "\\u0000" not in json.dumps(model.requests)
    assert [result["code"] for result in results(model)] == ["unknown_tool", "invalid"]
    assert len(door.bodies("/events")) == 1


def test_a_conversation_that_grows_too_large_ends_the_run() -> None:
    draft = tool_call("save_draft", {"title": "t", "text": "\U0001f600" * 19_000})
    door, _ = hostile(draft, is_looping=True)
    assert door.bodies("/finish")[0]["outcome"] == "failed"
    assert len(door.bodies("/drafts")) <= limits.CALLS_PER_TOOL_MAX["save_draft"]


def test_a_package_cannot_bring_tools_or_other_addresses() -> None:
    profile = {"name": "p", "instructions": "", "tools": [{"name": "terminal"}, "terminal", 7]}
    given = package(profile=profile, door_url="http://127.0.0.1:1/", tools=[{"name": "terminal"}])
    _, model = hostile(tool_call("terminal", {}), FINISH, given=given)
    offered = {tool["function"]["name"] for tool in model.requests[0]["tools"]}
    assert "terminal" not in offered
    assert [result["code"] for result in results(model)] == ["unknown_tool"]


def test_the_lease_never_stands_in_what_the_model_reads() -> None:
    _, model = hostile(tool_call("note", {"text": "hi"}), FINISH)
    assert LEASE not in json.dumps(model.requests)
