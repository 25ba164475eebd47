"""Whole runs of the real runtime process against the real model stand-in, through a recording door."""

import json
import sys
from pathlib import Path

import pytest

from tests.runtime.fake_door import LEASE, RUN_ID, FakeDoor, package
from tests.runtime.process import run_process
from trinity.gateway.payloads import MailPayload, parse

MAIL_FIELDS = {"mailbox", "from_alias", "to", "cc", "bcc", "subject", "text", "attachments"}


def test_a_run_plans_drafts_proposes_one_mail_and_finishes(model_url: str) -> None:
    with FakeDoor(model_url) as door:
        ended = run_process(door.url)
    assert ended.returncode == 0, ended.stderr
    paths = [path for _, path, _ in door.calls if path != "/chat/completions"]
    assert [path for path in paths if path != "/steps"] == [
        "/events",
        "/package",
        "/plan",
        "/sources-used",
        "/drafts",
        "/intents",
        "/finish",
    ]
    marks = [(body["step"], body["state"]) for body in door.bodies("/steps")]
    assert marks == [(n, state) for n in (1, 2, 3) for state in ("started", "done")]
    (intent,) = door.bodies("/intents")
    assert intent["operation"] == "gmail.send"
    assert set(intent) == {"operation", "idempotency_key", "payload", "reason"}
    assert set(intent["payload"]) == MAIL_FIELDS
    assert intent["payload"]["to"] == [{"addr": "ada@shop.example", "name": "Ada Byron"}]
    assert intent["payload"]["from_alias"] == intent["payload"]["mailbox"] == "studio@lantern.example"
    assert "checkout audit" in intent["payload"]["text"]
    (finish,) = door.bodies("/finish")
    assert finish["outcome"] == "completed"
    assert not door.strangers


def test_what_it_proposes_is_a_payload_that_the_gateway_takes(model_url: str) -> None:
    with FakeDoor(model_url) as door:
        assert run_process(door.url).returncode == 0
    (intent,) = door.bodies("/intents")
    assert parse(MailPayload, intent["payload"]).to[0].addr == "ada@shop.example"


def test_the_same_run_again_proposes_under_the_same_key(model_url: str) -> None:
    keys = set()
    for _ in range(2):
        with FakeDoor(model_url) as door:
            assert run_process(door.url).returncode == 0
        keys.add(door.bodies("/intents")[0]["idempotency_key"])
    (key,) = keys
    assert RUN_ID in key


def test_the_first_word_says_what_the_confinement_achieved(model_url: str) -> None:
    with FakeDoor(model_url) as door:
        ended = run_process(door.url)
    told = door.bodies("/events")[0]["confinement"]
    assert json.loads(ended.stdout)["confinement"] == told
    assert told["no_new_privs"] is True
    assert set(told) == {"uid", "landlock_abi", "no_new_privs"}


def test_a_door_that_takes_notes_only_still_gets_the_sentence(model_url: str) -> None:
    def notes_only(body: dict[str, object]) -> dict[str, object]:
        if set(body) != {"text"}:
            return {"ok": False, "code": "invalid", "message": "unknown field"}
        return {"ok": True}

    with FakeDoor(model_url, answers={"/events": notes_only}) as door:
        assert run_process(door.url).returncode == 0
    assert set(door.bodies("/events")[1]) == {"text"}


@pytest.mark.parametrize("calls", range(10))
def test_a_revoked_lease_ends_the_run_at_once(model_url: str, calls: int) -> None:
    with FakeDoor(model_url, revoke_after=calls) as door:
        ended = run_process(door.url)
    assert ended.returncode == 3
    assert len(door.calls) == calls + 1, "nothing is called after the lease was seen to be gone"


@pytest.mark.parametrize("code", ["lease_expired", "run_stopped"])
def test_an_expired_lease_and_a_stopped_run_end_it_too(model_url: str, code: str) -> None:
    gone = {"ok": False, "code": code, "message": "gone"}
    with FakeDoor(model_url, answers={"/drafts": lambda _: gone}) as door:
        assert run_process(door.url).returncode == 3
    assert door.calls[-1][1] == "/drafts"


def test_a_refused_proposal_is_not_tried_again(model_url: str) -> None:
    no = {"ok": False, "code": "quota", "message": "Enough proposals."}
    with FakeDoor(model_url, answers={"/intents": lambda _: no}) as door:
        assert run_process(door.url).returncode == 0
    assert len(door.bodies("/intents")) == 1
    assert door.bodies("/finish") == [{"outcome": "failed", "summary": "propose_action was refused: quota."}]


def test_without_a_contact_nothing_is_proposed(model_url: str) -> None:
    with FakeDoor(model_url, package=package(contact=None)) as door:
        assert run_process(door.url).returncode == 0
    assert not door.bodies("/intents")
    assert len(door.bodies("/artifact-requests")) == 1


def test_a_profile_can_narrow_the_tools(model_url: str) -> None:
    profile = {"name": "planner", "instructions": "", "tools": ["record_plan", "save_draft"]}
    with FakeDoor(model_url, package=package(profile=profile)) as door:
        assert run_process(door.url).returncode == 0
    assert not door.bodies("/intents")
    offered = [tool["function"]["name"] for tool in door.bodies("/chat/completions")[0]["tools"]]
    assert offered == ["record_plan", "save_draft", "finish"]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"not json " + LEASE.encode(),
        json.dumps({"door_url": "http://127.0.0.1:1/d", "lease": LEASE, "more": 1}).encode(),
        json.dumps({"door_url": "http://10.0.0.1:80/d", "lease": LEASE}).encode(),
        json.dumps({"door_url": "https://127.0.0.1:1/d", "lease": LEASE}).encode(),
        json.dumps({"door_url": "http://127.0.0.1/d", "lease": LEASE}).encode(),
        json.dumps({"door_url": "http://127.0.0.1:1/d", "lease": "a\r\nX: y"}).encode(),
        b"x" * 10_000,
    ],
)
def test_a_bad_start_line_is_refused_without_repeating_the_lease(line: bytes) -> None:
    ended = run_process("", line=line)
    assert ended.returncode == 1
    assert "no valid start line" in ended.stderr
    assert LEASE not in ended.stderr
    assert ended.stdout == ""


def test_a_door_that_is_not_there_is_an_error() -> None:
    ended = run_process("http://127.0.0.1:1/door/v1")
    assert ended.returncode == 1
    assert LEASE not in ended.stderr


@pytest.mark.parametrize(
    "answer",
    [
        b"not json",
        b"[]",
        b'{"ok": true}',
        b'{"ok": true, "package": {"format": "other"}}',
        b'{"ok": true, "package": {"format": "trinity/runtime-package/v1"}}',
        b"[" * 100_000,
        b" " * 600_000,
    ],
)
def test_a_door_that_talks_nonsense_is_an_error(answer: bytes) -> None:
    with FakeDoor(answers={"/package": lambda _: answer}) as door:
        ended = run_process(door.url)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr


def test_it_needs_nothing_but_the_standard_library() -> None:
    sources = Path(__file__).parents[2] / "src" / "trinity_runtime"
    imported = {
        line.split()[1].split(".")[0]
        for path in sources.glob("*.py")
        for line in path.read_text().splitlines()
        if line.startswith(("import ", "from "))
    }
    assert imported <= set(sys.stdlib_module_names) | {"trinity_runtime"}
