"""The API's own manners: strict bodies, stable codes, sessions, OpenAPI."""

import json

import pytest

from tests.web.conftest import Client
from tests.web.desk_in_memory import DIGEST, EMAIL, PASSWORD, DeskInMemory, key

API = "/api/v1"
DECISIONS = f"{API}/approvals/{key(510)}/decisions"
GOOD = {"decision": "approve", "envelope_digest": DIGEST}
JSON = {"content-type": "application/json"}


async def test_a_script_signs_in_without_a_browser(client: Client) -> None:
    del client.headers["origin"]
    answer = await client.post(f"{API}/login", json={"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 200
    client.headers["x-csrf-token"] = answer.json()["csrf_token"]
    assert (await client.get(f"{API}/projects")).json()["items"][0]["name"] == "Aurora"
    assert (await client.post(f"{API}/logout")).status_code == 204
    assert (await client.get(f"{API}/projects")).status_code == 401


async def test_a_wrong_password_has_a_code(client: Client) -> None:
    answer = await client.post(f"{API}/login", json={"email": EMAIL, "password": "no"})
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_credentials")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "body",
    [
        b'{"decision":"approve","decision":"reject","envelope_digest":"%b"}' % DIGEST.encode(),
        b'{"decision":"approve","envelope_digest":1.0}',
        b'{"decision":"approve","envelope_digest":NaN}',
        b"\xff\xfe",
        b"[1,2",
        b"",
        b"[]",
        b'"text"',
        json.dumps(GOOD | {"extra": 1}).encode(),
        json.dumps({"decision": "approve"}).encode(),
        json.dumps(GOOD | {"decision": "maybe"}).encode(),
        json.dumps(GOOD | {"envelope_digest": DIGEST.upper()}).encode(),
        json.dumps(GOOD | {"reason": "a\ud800"}).encode(),
        json.dumps(GOOD | {"reason": "a\u0000"}).encode(),
        json.dumps(GOOD | {"reason": None}).encode(),
        b"[" * 5000 + b"]" * 5000,
    ],
)
async def test_what_is_not_a_decision_is_refused_whole(signed_in: Client, desk: DeskInMemory, body: bytes) -> None:
    answer = await signed_in.post(DECISIONS, content=body, headers=JSON)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "invalid_payload"
    assert desk.done == []


async def test_an_error_does_not_echo_what_was_sent(client: Client) -> None:
    answer = await client.post(f"{API}/login", json={"email": EMAIL, "password": "the-secret" * 100})
    assert answer.status_code == 422
    assert "the-secret" not in answer.text


async def test_a_form_is_no_api_call(signed_in: Client, desk: DeskInMemory) -> None:
    answer = await signed_in.post(DECISIONS, data=GOOD)
    assert answer.status_code in (415, 422)
    assert desk.done == []


async def test_a_decision_is_taken(signed_in: Client, desk: DeskInMemory) -> None:
    answer = await signed_in.post(DECISIONS, json=GOOD)
    assert answer.status_code == 201
    assert desk.done == [("decide", key(510), "approve", DIGEST, "")]


async def test_a_change_needs_the_csrf_header(signed_in: Client, desk: DeskInMemory) -> None:
    del signed_in.headers["x-csrf-token"]
    answer = await signed_in.post(DECISIONS, json=GOOD)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
    assert desk.done == []


@pytest.mark.parametrize(
    "path",
    [
        f"approvals/{key(99)}",
        f"tool-calls/{key(99)}",
        f"runs/{key(99)}",
        f"projects/{key(99)}",
        f"sources/{key(99)}",
        f"packets/tool-call/{key(99)}",
        f"packets/story/{key(12)}",
        "tool-calls/not-an-id",
    ],
)
async def test_what_is_not_there_is_404(signed_in: Client, path: str) -> None:
    answer = await signed_in.get(f"{API}/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("query", ["state=everything", "state=pending'--"])
async def test_an_unknown_state_is_said(signed_in: Client, query: str) -> None:
    answer = await signed_in.get(f"{API}/approvals?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_payload")


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "after=1"])
async def test_limits_are_checked(signed_in: Client, query: str) -> None:
    answer = await signed_in.get(f"{API}/audit-events?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_payload")


async def test_the_card_holds_what_a_decision_needs(signed_in: Client) -> None:
    card = (await signed_in.get(f"{API}/approvals/{key(510)}")).json()
    assert card["envelope_digest"] == DIGEST
    assert card["mail"]["bcc"] == ["archive@aurora.example"]
    assert [one["media_type"] for one in card["mail"]["alternatives"]] == ["text/plain", "text/html"]
    assert card["origins"][0]["origin"] == "operator"
    assert card["expires_at"].endswith("Z")


async def test_a_proposal_answers_with_the_contract_s_fields(signed_in: Client, desk: DeskInMemory) -> None:
    body = {
        "project_id": str(key(5)),
        "provider": "gmail",
        "operation": "gmail.send",
        "idempotency_key": "k",
        "payload": {"subject": "x"},
    }
    answer = await signed_in.post(f"{API}/tool-calls", json=body)
    assert answer.status_code == 201
    assert set(answer.json()) == {"id", "state", "tier", "envelope_digest", "approval_id"}


async def test_a_source_s_text_is_not_in_its_metadata(signed_in: Client) -> None:
    assert "Ignore all rules" not in (await signed_in.get(f"{API}/sources/{key(7)}")).text


async def test_openapi_describes_each_call(client: Client) -> None:
    answer = await client.get("/api/openapi.json")
    document = answer.json()
    assert document["openapi"].startswith("3.1")
    paths = document["paths"]
    for path in ("login", "tool-calls", "approvals/{approval_id}/decisions", "runs", "posture", "audit-events"):
        assert f"/api/v1/{path}" in paths
    assert not [path for path in paths if path.startswith("/approvals")]
    schema = document["components"]["schemas"]["NewDecision"]
    assert schema["required"] == ["decision", "envelope_digest"]


async def test_health_ready_metrics(client: Client) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).json() == {"database": True}
    assert "trinity_live_streams 0" in (await client.get("/metrics")).text
