"""Bad input anywhere is a clear error with a code, never a fault of ours, and changes nothing."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.web.conftest import Client
from tests.web.test_context_desk import API, person, world  # noqa: F401
from tests.world import World

NASTY_BYTES = (b"%00", b"%ff", b"%ed%a0%80", b"%c0%af", b"%", b"%zz", b"\xff", b"+" * 300_000, b"%0d%0a", b"a%E2%80%AE")
NASTY_TEXTS = (
    "",
    " ",
    "\u202e",
    "\U000e0041",
    "x" * 250_000,
    "a\r\nBcc: b@c.example",
    "'; drop table runs; --",
    "\ufffe",
)
FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/problem+json"}


def forms(world: World, made: Any) -> dict[str, dict[str, str]]:  # noqa: F811
    """Every form of the pages, with values that would do."""
    project = f"/projects/{world.project_id}"
    approval = f"/approvals/{made.approval_id}"
    return {
        "/sign-in": {"email": "a@b.example", "password": "x", "next": "/"},
        f"{project}/runs": {"goal": "Do.", "contact_addr": "a@b.example", "contact_name": "A"},
        f"{project}/sources": {"title": "T", "text": "x"},
        f"{approval}/decisions": {"decision": "approve", "envelope_digest": made.envelope_digest, "reason": "r"},
        f"{approval}/edit": {"to": "a@b.example", "cc": "", "bcc": "", "subject": "s", "text": "t"},
        "/posture": {"mode": "draft_only", "reason": "r"},
    }


async def test_no_form_field_breaks_the_server(world: World, person: Client) -> None:  # noqa: F811
    made = await world.propose()
    for path, good in forms(world, made).items():
        for field in good:
            for nasty in NASTY_BYTES:
                rest = "&".join(f"{name}={value.replace(' ', '+')}" for name, value in good.items() if name != field)
                body = rest.encode() + b"&" + field.encode() + b"=" + nasty
                answer = await person.post(path, content=body, headers=FORM)
                assert answer.status_code < 500, (path, field, nasty[:20], answer.text)
                if answer.status_code >= 400:
                    assert answer.json()["code"]
    assert len(await world.sent()) == 0


def calls(world: World, made: Any) -> list[tuple[str, str, dict[str, Any]]]:  # noqa: F811
    """Every call of the API that takes a body, with values that would do."""
    proposal = {
        "project_id": str(world.project_id),
        "provider": "gmail",
        "operation": "gmail.send",
        "idempotency_key": "k",
        "payload": world.mail(),
        "reason": "r",
        "run_id": None,
    }
    decision = {"decision": "approve", "envelope_digest": made.envelope_digest, "reason": "r"}
    run = {"project_id": str(world.project_id), "goal": "g", "contact_addr": "a@b.example", "contact_name": "A"}
    source = {"project_id": str(world.project_id), "title": "T", "text": "x", "origin": "operator"}
    return [
        ("POST", f"{API}/login", {"email": "a@b.example", "password": "x"}),
        ("POST", f"{API}/tool-calls", proposal),
        ("POST", f"{API}/approvals/{made.approval_id}/decisions", decision),
        ("POST", f"{API}/approvals/{made.approval_id}/edit", {"payload": world.mail()}),
        ("POST", f"{API}/runs", run),
        ("POST", f"{API}/sources", source),
        ("PUT", f"{API}/posture", {"mode": "draft_only", "reason": "r", "scope": "account"}),
    ]


async def test_no_json_field_breaks_the_server(world: World, person: Client) -> None:  # noqa: F811
    made = await world.propose()
    others: tuple[Any, ...] = (None, 1, -1, 2**60, True, [], {}, [[]], {"a": {"b": []}}, str(uuid4()))
    for method, path, good in calls(world, made):
        for field in good:
            for nasty in (*NASTY_TEXTS, *others):
                answer = await person.request(method, path, json=good | {field: nasty})
                assert answer.status_code < 500, (path, field, repr(nasty)[:40], answer.text)
                if answer.status_code >= 400:
                    assert answer.headers["content-type"].startswith("application/problem+json")
                    assert answer.json()["code"]


async def test_no_value_of_a_mail_breaks_the_server(world: World, person: Client) -> None:  # noqa: F811
    _, path, good = calls(world, await world.propose())[1]
    people: tuple[Any, ...] = tuple([{"addr": text}] for text in NASTY_TEXTS)
    names: tuple[Any, ...] = tuple([{"addr": "a@b.example", "name": text}] for text in NASTY_TEXTS)
    for field in good["payload"]:
        for nasty in (*NASTY_TEXTS, *people, *names, None, 1, [None], [1], [{}], ["a@b.example"]):
            body = good | {"idempotency_key": uuid4().hex, "payload": good["payload"] | {field: nasty}}
            answer = await person.post(path, json=body)
            assert answer.status_code < 500, (field, repr(nasty)[:40], answer.text)


@pytest.mark.parametrize(
    "path",
    [
        "/sign-in?next=%ff%00",
        "/approvals?state=%00",
        "/approvals?state=a&state=b",
        "/runs/%00",
        "/runs/%ff",
        "/runs/00000000-0000-0000-0000-000000000000",
        "/proof/run/00000000-0000-0000-0000-000000000000?verify=now",
        "/proof/%2e%2e/00000000-0000-0000-0000-000000000000",
        f"{API}/audit-events?after=00000000-0000-0000-0000-000000000000&limit=1",
        f"{API}/audit-events?limit=99999999999999999999",
        f"{API}/packets/run/00000000-0000-0000-0000-000000000000",
    ],
)
async def test_no_address_breaks_the_server(person: Client, path: str) -> None:  # noqa: F811
    assert (await person.get(path)).status_code < 500


@pytest.mark.parametrize(
    "headers",
    [
        {"cookie": "trinity_session=\u00ff\u00fe"},
        {"cookie": "trinity_session=" + "x" * 5000},
        {"cookie": "trinity_session="},
        {"cookie": ";;;=;a"},
        {"accept": "\u00ff"},
        {"referer": "\u00ff"},
        {"x-csrf-token": "\u00ff"},
        {"content-type": "multipart/form-data"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/json; charset=utf-7"},
        {"content-type": "text/plain"},
        {"content-length": "-1"},
    ],
)
async def test_no_header_breaks_the_server(world: World, person: Client, headers: dict[str, str]) -> None:  # noqa: F811
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    for path in ("/", "/api/v1/runs"):
        assert (await person.get(path, headers=raw)).status_code < 500
    for path in ("/posture", f"{API}/runs"):
        answer = await person.post(path, content=json.dumps({"a": 1}).encode(), headers=raw)
        assert answer.status_code == 303 or 400 <= answer.status_code < 500, answer.text
